// A file that appears under its name only when it is whole.
using FlGpu.Kernels;

namespace FlGpu.Harness.Updates;

internal static class NewFile
{
    /// <summary>Makes sure before any time is spent that <see cref="Write"/> will have a place.</summary>
    /// <exception cref="InputException">The path is a folder, or its folder is missing or cannot be written.</exception>
    public static void Check(string option, string path)
    {
        if (path.Length == 0 || Directory.Exists(path))
        {
            throw new InputException($"{option} '{path}': it is a folder, not a file");
        }

        // A rename would put a file in the place of the device.
        if (Path.GetFullPath(path).StartsWith("/dev/", StringComparison.Ordinal))
        {
            throw new InputException($"{option} {path}: it is a device; allowed is a file");
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder))
        {
            throw new InputException($"{option} {path}: there is no folder {folder}");
        }

        Attempt(option, path, () => new FileStream(Temporary(path), FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose).Dispose());
    }

    /// <summary>Writes beside the path and renames, so that there is the old file, or none, or the whole new one.</summary>
    /// <exception cref="InputException">It cannot be written; nothing is left of the attempt.</exception>
    public static void Write(string option, string path, Action<Stream> write) => Attempt(option, path, () =>
    {
        string temporary = Temporary(path);
        try
        {
            using (var stream = new FileStream(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    });

    private static string Temporary(string path) => $"{path}.{Guid.NewGuid():N}.part";

    private static void Attempt(string option, string path, Action attempt)
    {
        try
        {
            attempt();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new InputException($"{option} {path}: the file cannot be written: {e.Message}");
        }
    }
}
