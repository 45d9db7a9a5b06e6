// Opening a file that a user named, and telling whether it is whole.
using FlGpu.Kernels;

namespace FlGpu.Harness.Updates;

internal static class InputFile
{
    /// <summary>Opens a file for reading. <paramref name="where"/> begins messages: option and file.</summary>
    /// <exception cref="InputException">It is not there or cannot be read.</exception>
    public static FileStream Open(string path, string where)
    {
        try
        {
            return new(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{where}: there is no such file");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            throw new InputException($"{where}: the file cannot be read: {e.Message}");
        }
    }

    /// <summary>Holds the bytes that are there against those that a header promises.</summary>
    /// <exception cref="InputException">They are fewer, or more.</exception>
    public static void CheckLength(long bytes, long promised, string where)
    {
        if (bytes < promised)
        {
            throw new InputException($"{where}: it is truncated: {bytes} of {promised} bytes of numbers are there");
        }

        if (bytes > promised)
        {
            throw new InputException($"{where}: {bytes - promised} bytes follow the array; allowed is one array a file");
        }
    }
}
