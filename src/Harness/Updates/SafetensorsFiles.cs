// Updates in .safetensors files: one file a client, or one file with a matrix of all.
using FlGpu.Kernels;

namespace FlGpu.Harness.Updates;

/// <summary>
/// A row is the tensors of one client's file, flattened and put one after another in the order of their names, which must have the same
/// names and shapes in every file; or a row of the one matrix of a single file. Files are opened one at a time.
/// </summary>
internal sealed class SafetensorsFiles : IUpdateSource
{
    private readonly IReadOnlyList<string> _paths;
    private readonly Func<string, string> _where;
    private readonly IReadOnlyList<IReadOnlyList<Tensor>> _tensors;
    private readonly bool _matrix;
    private int _nextRow;

    /// <summary>Reads the headers of all files.</summary>
    /// <param name="paths">The files; the order of the clients.</param>
    /// <param name="array">The tensor of a single file; null for its only one.</param>
    /// <param name="where">The beginning of messages on a file: option and file.</param>
    /// <exception cref="InputException">A file is damaged, or the files do not go together.</exception>
    public SafetensorsFiles(IReadOnlyList<string> paths, string? array, Func<string, string> where)
    {
        (_paths, _where, _matrix) = (paths, where, paths.Count == 1);
        _tensors = [.. paths.Select(HeaderOf)];
        if (_matrix)
        {
            Tensor matrix = Choose(_tensors[0], array, where(paths[0]));
            (Clients, Parameters) = MatrixShape.Of(matrix.Shape, $"{where(paths[0])}, tensor {matrix.Name}");
            _tensors = [[matrix]];
            Format = $"safetensors, {matrix.Type.Name}";
            return;
        }

        if (array is not null)
        {
            throw new InputException($"--array {array}: with one file a client all tensors are taken; --array is for one file with all rows");
        }

        for (int client = 1; client < paths.Count; client++)
        {
            CheckSame(_tensors[0], _tensors[client], where(paths[client]));
        }

        long parameters = _tensors[0].Sum(tensor => tensor.Numbers);
        (Clients, Parameters) = MatrixShape.Of([paths.Count, parameters], where(paths[0]));
        ClientNames = [.. paths.Select(path => Path.GetFileName(path))];
        Format = $"safetensors, one file a client, {_tensors[0].Count} tensors of {string.Join(", ", _tensors[0].Select(tensor => tensor.Type.Name).Distinct())}";
    }

    public int Clients { get; }

    public int Parameters { get; }

    public string Format { get; }

    public IReadOnlyList<string>? ClientNames { get; }

    public void ReadRows(Span<float> rows)
    {
        for (int row = 0; row < rows.Length / Parameters; row++, _nextRow++)
        {
            Span<float> rest = rows.Slice(row * Parameters, Parameters);
            int file = _matrix ? 0 : _nextRow;
            try
            {
                using FileStream stream = InputFile.Open(_paths[file], _where(_paths[file]));
                foreach (Tensor tensor in _tensors[file])
                {
                    int count = _matrix ? Parameters : (int)tensor.Numbers;
                    stream.Position = tensor.Offset + (_matrix ? (long)_nextRow * Parameters * tensor.Type.Bytes : 0);
                    tensor.Type.Read(stream, rest[..count]);
                    rest = rest[count..];
                }
            }
            catch (IOException e)
            {
                throw new InputException($"{_where(_paths[file])}: the file cannot be read: {e.Message}");
            }
        }
    }

    public void Dispose()
    {
    }

    private IReadOnlyList<Tensor> HeaderOf(string path)
    {
        using FileStream stream = InputFile.Open(path, _where(path));
        return SafetensorsHeader.Read(stream, _where(path));
    }

    private static Tensor Choose(IReadOnlyList<Tensor> tensors, string? array, string where)
    {
        string names = string.Join(", ", tensors);
        return (tensors.Count, array) switch
        {
            (1, null) => tensors[0],
            (_, null) => throw new InputException(
                $"{where}: there are {tensors.Count} tensors in it; one file holds one matrix of all clients: --array chooses one of {names}; else give a file for each client"),
            _ => tensors.FirstOrDefault(tensor => tensor.Name == array)
                ?? throw new InputException($"--array {array}: there is no such tensor in {where}; allowed are {names}"),
        };
    }

    private static void CheckSame(IReadOnlyList<Tensor> first, IReadOnlyList<Tensor> other, string where)
    {
        string? missing = first.Select(tensor => tensor.ToString()).Except(other.Select(tensor => tensor.ToString())).FirstOrDefault();
        string? added = other.Select(tensor => tensor.ToString()).Except(first.Select(tensor => tensor.ToString())).FirstOrDefault();
        if (missing is not null || added is not null)
        {
            throw new InputException(
                $"{where}: it does not hold the same tensors as the first file: {(missing is null ? $"{added} is new" : $"{missing} is missing{(added is null ? "" : $", {added} is new")}")}");
        }
    }
}
