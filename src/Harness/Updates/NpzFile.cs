// Updates in an .npz file: a zip of .npy arrays, stored or deflated.
using System.IO.Compression;
using FlGpu.Kernels;

namespace FlGpu.Harness.Updates;

/// <summary>
/// One array of the zip. In C's order it is unpacked row by row while it is read; in Fortran's order its first row ends where its last
/// column does, so its bytes are unpacked into memory first.
/// </summary>
internal sealed unsafe class NpzFile : IUpdateSource
{
    private const string Extension = ".npy";

    private readonly string _where;
    private readonly ZipArchive _zip;
    private readonly Stream _array;
    private readonly NpyHeader _header;
    private readonly HostBuffer<byte>? _columns;
    private int _nextRow;

    /// <summary>Opens the array of that name, or the only one.</summary>
    /// <exception cref="InputException">There is no such array, or several and no name, or the file is damaged.</exception>
    public NpzFile(string path, string? array, string where)
    {
        FileStream file = InputFile.Open(path, where);
        try
        {
            _zip = new(file, ZipArchiveMode.Read);
            ZipArchiveEntry entry = Choose(_zip, array, where);
            _where = $"{where}, array {NameOf(entry)}";
            _array = new ChecksummedStream(entry.Open(), entry.Length, entry.Crc32);
            _header = NpyHeader.Read(_array, _where);
            InputFile.CheckLength(entry.Length - _header.Bytes, _header.DataBytes, _where);
            _columns = _header.ColumnsFirst ? Unpack() : null;
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException or NotSupportedException)
        {
            file.Dispose();
            throw new InputException($"{where}: it is no zip of arrays, or it is truncated or damaged: {e.Message}");
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    public int Clients => _header.Rows;

    public int Parameters => _header.Columns;

    public string Format => $"npz, {_header.Type.Name}{(_header.Type.BigEndian ? ", big-endian" : "")}{(_header.ColumnsFirst ? ", Fortran order" : "")}";

    public int RowsAtOnce => _header.ColumnsFirst ? ColumnMajor.RowsAtOnce : 1;

    public void ReadRows(Span<float> rows)
    {
        if (_columns is not null)
        {
            ColumnMajor.ReadRows(_columns.Pointer, _header.Type, Clients, Parameters, _nextRow, rows);
        }
        else
        {
            try
            {
                _header.Type.Read(_array, rows);
            }
            catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
            {
                throw new InputException($"{_where}: it is truncated or damaged: {e.Message}");
            }
        }

        _nextRow += rows.Length / Parameters;
    }

    public void Dispose()
    {
        _columns?.Dispose();
        _array.Dispose();
        _zip.Dispose();
    }

    private static ZipArchiveEntry Choose(ZipArchive zip, string? array, string where)
    {
        ZipArchiveEntry[] arrays = [.. zip.Entries.Where(entry => entry.FullName.EndsWith(Extension, StringComparison.Ordinal))];
        string names = string.Join(", ", arrays.Select(NameOf));
        return (arrays.Length, array) switch
        {
            (0, _) => throw new InputException($"{where}: there is no array in it"),
            (1, null) => arrays[0],
            (_, null) => throw new InputException($"{where}: there are {arrays.Length} arrays in it; --array chooses one of {names}"),
            _ => arrays.FirstOrDefault(entry => NameOf(entry) == array)
                ?? throw new InputException($"--array {array}: there is no such array in {where}; allowed are {names}"),
        };
    }

    private static string NameOf(ZipArchiveEntry entry) => entry.FullName[..^Extension.Length];

    private HostBuffer<byte> Unpack()
    {
        HostBuffer<byte> bytes;
        try
        {
            bytes = new(_header.DataBytes);
        }
        catch (OutOfMemoryException)
        {
            throw new InputException($"{_where}: in Fortran order it is unpacked as a whole, for which there is not enough memory; allowed is .npy, which is mapped");
        }

        using var target = new UnmanagedMemoryStream(bytes.Pointer, 0, bytes.Length, FileAccess.Write);
        try
        {
            _array.CopyTo(target);
        }
        catch
        {
            bytes.Dispose();
            throw;
        }

        return bytes;
    }
}
