// From what a user wrote for --input to the files and their format.
using System.IO.Enumeration;
using FlGpu.Kernels;

namespace FlGpu.Harness.Updates;

/// <summary>Files, a folder of files or a pattern, told apart by their endings.</summary>
internal static class UpdateInput
{
    public const string Allowed = ".npy, .npz, .safetensors and .csv";

    private const string Option = "--input";
    private const string Safetensors = ".safetensors";

    /// <summary>The files, in the order of the clients: as they were written, and within a folder or a pattern in the order of their names.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public static IReadOnlyList<string> Files(IReadOnlyList<string> inputs) => [.. inputs.SelectMany(FilesOf)];

    /// <summary>Opens the files and checks them as far as their headers go.</summary>
    /// <param name="files">One file, or several .safetensors.</param>
    /// <param name="array">Which array of an .npz or of a single .safetensors; null for the only one.</param>
    /// <exception cref="InputException">They cannot be used; the message says which file and why.</exception>
    public static IUpdateSource Open(IReadOnlyList<string> files, string? array)
    {
        string first = files[0];
        if (files.Count > 1 && files.FirstOrDefault(file => !IsSafetensors(file)) is { } other)
        {
            throw new InputException($"{Where(other)}: {files.Count} files are given; allowed are several {Safetensors} files, one a client, or one file of {Allowed} with all rows");
        }

        string ending = Path.GetExtension(first).ToLowerInvariant();
        if (array is not null && ending is not (".npz" or Safetensors))
        {
            throw new InputException($"--array {array}: there are no named arrays in {first}; allowed with .npz and {Safetensors} only");
        }

        return ending switch
        {
            ".npy" => new NpyFile(first, Where(first)),
            ".npz" => new NpzFile(first, array, Where(first)),
            ".csv" => new CsvUpdates(first, Where(first)),
            Safetensors => new SafetensorsFiles(files, array, Where),
            _ => throw new InputException($"{Where(first)}: the file's ending is '{ending}'; allowed are {Allowed}"),
        };
    }

    private static string Where(string path) => $"{Option} {path}";

    private static bool IsSafetensors(string path) => Path.GetExtension(path).Equals(Safetensors, StringComparison.OrdinalIgnoreCase);

    private static IEnumerable<string> FilesOf(string input)
    {
        if (Directory.Exists(input))
        {
            return InFolder(input, input, IsSafetensors, Safetensors);
        }

        string pattern = Path.GetFileName(input);
        if (File.Exists(input) || pattern.AsSpan().IndexOfAny('*', '?') < 0)
        {
            return [input];
        }

        string folder = Path.GetDirectoryName(input) is { Length: > 0 } parent ? parent : ".";
        return Directory.Exists(folder)
            ? InFolder(input, folder, path => FileSystemName.MatchesSimpleExpression(pattern, Path.GetFileName(path), ignoreCase: false), pattern)
            : throw new InputException($"{Where(input)}: there is no folder {folder}");
    }

    private static IReadOnlyList<string> InFolder(string input, string folder, Func<string, bool> wanted, string pattern)
    {
        try
        {
            string[] files = [.. Directory.EnumerateFiles(folder).Where(wanted).Order(StringComparer.Ordinal)];
            return files.Length > 0 ? files : throw new InputException($"{Where(input)}: there is no {pattern} file in {folder}");
        }
        catch (UnauthorizedAccessException e)
        {
            throw new InputException($"{Where(input)}: the folder cannot be read: {e.Message}");
        }
    }
}
