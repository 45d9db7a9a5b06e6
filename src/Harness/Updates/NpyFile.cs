// Updates in a .npy file, which is mapped into memory and never read as a whole.
using System.IO.MemoryMappedFiles;
using FlGpu.Kernels;

namespace FlGpu.Harness.Updates;

/// <summary>An n x d array of NumPy's, in C's or Fortran's order.</summary>
internal sealed unsafe class NpyFile : IUpdateSource
{
    private readonly NpyHeader _header;
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _data;
    private int _nextRow;

    /// <summary>Maps a file whose size is what its header says.</summary>
    /// <exception cref="InputException">It is not such a file; <paramref name="where"/> begins the message.</exception>
    public NpyFile(string path, string where)
    {
        using FileStream stream = InputFile.Open(path, where);
        _header = NpyHeader.Read(stream, where);
        InputFile.CheckLength(stream.Length - _header.Bytes, _header.DataBytes, where);
        _file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* start = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        _data = start + _header.Bytes;
    }

    public int Clients => _header.Rows;

    public int Parameters => _header.Columns;

    public string Format => $"npy, {_header.Type.Name}{(_header.Type.BigEndian ? ", big-endian" : "")}{(_header.ColumnsFirst ? ", Fortran order" : "")}";

    public int RowsAtOnce => _header.ColumnsFirst ? ColumnMajor.RowsAtOnce : 1;

    public void ReadRows(Span<float> rows)
    {
        if (_header.ColumnsFirst)
        {
            ColumnMajor.ReadRows(_data, _header.Type, Clients, Parameters, _nextRow, rows);
        }
        else
        {
            long rowBytes = (long)Parameters * _header.Type.Bytes;
            for (int row = 0; row < rows.Length / Parameters; row++)
            {
                _header.Type.Read(_data + ((_nextRow + row) * rowBytes), rows.Slice(row * Parameters, Parameters));
            }
        }

        _nextRow += rows.Length / Parameters;
    }

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }
}
