// Which output folders are accepted, and that a refused one leaves no trace.
using FlGpu.Harness.Recording;
using FlGpu.Kernels;

namespace FlGpu.Harness.Tests.Recording;

public sealed class OutputFolderTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("a")]
    [InlineData("a/b/c/")]
    public void A_folder_is_created_and_left_empty(string name)
    {
        OutputFolder.Prepare(_folder[name]);

        Assert.Empty(Directory.GetFileSystemEntries(_folder[name]));
    }

    [Fact]
    public void What_is_in_an_old_folder_stays()
    {
        File.WriteAllText(_folder["sweep.json"], "{}");
        OutputFolder.Prepare(_folder.Path);

        Assert.Equal([_folder["sweep.json"]], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Theory]
    [InlineData("file")]
    [InlineData("file/")]
    [InlineData("file/below/it")]
    public void A_file_in_the_way_is_named_and_stays(string name)
    {
        File.WriteAllText(_folder["file"], "text");

        InputException error = Assert.Throws<InputException>(() => OutputFolder.Prepare(_folder[name]));

        Assert.Equal($"--out {_folder[name]}: {_folder["file"]} is a file, not a folder", error.Message);
        Assert.Equal("text", File.ReadAllText(_folder["file"]));
        Assert.Equal([_folder["file"]], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Folders_that_were_created_on_the_way_to_an_impossible_one_are_removed()
    {
        string path = _folder[$"a/b/{new string('x', 300)}"];

        InputException error = Assert.Throws<InputException>(() => OutputFolder.Prepare(path));

        Assert.StartsWith($"--out {path}: ", error.Message);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [LinuxTheory]
    [InlineData("/proc")]
    [InlineData("/proc/flgpu-tests")]
    public void A_folder_that_takes_no_files_is_refused(string path)
    {
        InputException error = Assert.Throws<InputException>(() => OutputFolder.Prepare(path));

        Assert.StartsWith($"--out {path}: the folder cannot be written: ", error.Message);
    }

    [Fact]
    public void No_name_at_all_is_refused() =>
        Assert.StartsWith("--out : ", Assert.Throws<InputException>(() => OutputFolder.Prepare("")).Message);

    private sealed class LinuxTheoryAttribute : TheoryAttribute
    {
        public LinuxTheoryAttribute() => Skip = OperatingSystem.IsLinux() ? null : "needs Linux's /proc";
    }
}
