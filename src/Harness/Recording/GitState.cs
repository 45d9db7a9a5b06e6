// Which sources a result came from, as git tells it.
using System.ComponentModel;
using System.Diagnostics;

namespace FlGpu.Harness.Recording;

/// <summary>The state of a git repository.</summary>
/// <param name="Revision">The commit; null before the first one.</param>
/// <param name="Branch">The branch; null when none is checked out.</param>
/// <param name="Dirty">Whether anything differs from the commit. New files count, since a new source file is compiled in.</param>
public sealed record GitState(string? Revision, string? Branch, bool Dirty)
{
    private const int TimeoutMs = 5000;
    private const string RevisionLine = "# branch.oid ";
    private const string BranchLine = "# branch.head ";

    /// <summary>The repository that <paramref name="folder"/> is in; null when there is none, or no git, or no answer in 5 s.</summary>
    /// <param name="folder">A folder in the repository.</param>
    /// <param name="program">The program to ask.</param>
    public static GitState? Of(string folder, string program = "git")
    {
        // Without optional locks: looking at a repository must not get in the way of somebody who works in it.
        ProcessStartInfo start = new(program, ["--no-optional-locks", "status", "--porcelain=v2", "--branch"])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using Process git = Process.Start(start)!;
            git.ErrorDataReceived += (_, _) => { };
            git.BeginErrorReadLine();
            // On a thread of its own: those of the pool may all be measuring.
            Task<string> output = Task.Factory.StartNew(git.StandardOutput.ReadToEnd, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            if (!output.Wait(TimeoutMs) || !git.WaitForExit(TimeoutMs))
            {
                git.Kill(entireProcessTree: true);
                return null;
            }

            return git.ExitCode == 0 ? Parse(output.Result.Split('\n', StringSplitOptions.RemoveEmptyEntries)) : null;
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException or AggregateException)
        {
            return null;
        }
    }

    private static GitState Parse(string[] lines) =>
        new(Known(lines, RevisionLine), Known(lines, BranchLine), lines.Any(line => line[0] != '#'));

    /// <summary>What follows <paramref name="start"/>; git puts what is not a name in parentheses.</summary>
    private static string? Known(string[] lines, string start) =>
        lines.FirstOrDefault(line => line.StartsWith(start, StringComparison.Ordinal))?[start.Length..] is { } value && value[0] != '(' ? value : null;
}
