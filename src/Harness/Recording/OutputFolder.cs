// The folder of a run's results, checked before any time is spent on computing them.
using FlGpu.Kernels;

namespace FlGpu.Harness.Recording;

/// <summary>Makes sure that results will have a place.</summary>
public static class OutputFolder
{
    /// <summary>Creates the folder where there is none, and a file in it that is deleted at once.</summary>
    /// <exception cref="InputException">The folder cannot be created or written; nothing is left of the attempt.</exception>
    public static void Prepare(string path)
    {
        List<string> created = [];
        try
        {
            for (string? folder = Path.GetFullPath(path); folder is not null && !Directory.Exists(folder); folder = Path.GetDirectoryName(folder))
            {
                if (File.Exists(folder))
                {
                    throw new InputException($"--out {path}: {folder} is a file, not a folder");
                }

                created.Add(folder);
            }

            Directory.CreateDirectory(path);
            string probe = Path.Combine(path, $".flgpu-{Guid.NewGuid():N}");
            using FileStream file = new(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
            file.WriteByte(0);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            foreach (string folder in created.Where(Directory.Exists))
            {
                Directory.Delete(folder);
            }

            throw new InputException($"--out {path}: the folder cannot be written: {e.Message}");
        }
    }
}
