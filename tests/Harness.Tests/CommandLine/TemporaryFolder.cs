// A folder of one test, deleted with everything in it.
namespace FlGpu.Harness.Tests.CommandLine;

internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("flgpu-cli-").FullName;

    /// <summary>A path in the folder that nothing is at yet.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    public string Write(string name, string text)
    {
        File.WriteAllText(this[name], text);
        return this[name];
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
