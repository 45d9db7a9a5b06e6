// What is told of repositories in each state, and of folders that are in none.
using System.Diagnostics;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Tests.Recording;

public sealed class GitStateTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Outside_of_a_repository_nothing_is_known() => Assert.Null(GitState.Of(_folder.Path));

    [Fact]
    public void Without_git_nothing_is_known()
    {
        Git("init");

        Assert.NotNull(GitState.Of(_folder.Path));
        Assert.Null(GitState.Of(_folder.Path, "no-such-git"));
    }

    [Fact]
    public void A_repository_without_commits_has_a_branch_only()
    {
        Git("init", "--initial-branch=start");

        Assert.Equal(new GitState(null, "start", false), GitState.Of(_folder.Path));
    }

    [Fact]
    public void A_commit_a_change_and_a_detached_head_are_seen()
    {
        Git("init", "--initial-branch=start");
        Git("-c", "user.name=t", "-c", "user.email=t@t", "-c", "commit.gpgsign=false", "commit", "--allow-empty", "--message=m");
        string revision = Git("rev-parse", "HEAD");
        Assert.Equal(new GitState(revision, "start", false), GitState.Of(_folder.Path));

        File.WriteAllText(_folder["New.cs"], "");
        Assert.Equal(new GitState(revision, "start", true), GitState.Of(_folder.Path));

        Git("checkout", "--detach");
        Assert.Equal(new GitState(revision, null, true), GitState.Of(_folder.Path));
    }

    private string Git(params string[] arguments)
    {
        using Process git = Process.Start(new ProcessStartInfo("git", arguments)
        {
            WorkingDirectory = _folder.Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        string output = git.StandardOutput.ReadToEnd();
        git.WaitForExit();
        Assert.Equal(0, git.ExitCode);
        return output.Trim();
    }
}
