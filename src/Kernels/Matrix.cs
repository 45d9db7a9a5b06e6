// The shape of everything that is aggregated: row = client, column = parameter.
namespace FlGpu.Kernels;

/// <summary>A row-major matrix of <paramref name="rows"/> x <paramref name="columns"/> floats on one backend, without gaps.</summary>
public sealed class Matrix(int rows, int columns, Buffer<float> elements) : IDisposable
{
    /// <summary>Number of rows: the clients, n.</summary>
    public int Rows { get; } = rows;

    /// <summary>Number of columns: the parameters, d.</summary>
    public int Columns { get; } = columns;

    /// <summary>Its memory, row after row.</summary>
    public Buffer<float> Elements { get; } = elements;

    /// <summary>Number of elements.</summary>
    public long Length => (long)Rows * Columns;

    /// <summary>Bytes of the elements.</summary>
    public long Bytes => Length * sizeof(float);

    /// <summary>The CPU memory of a matrix that lives on the reference or simd backend.</summary>
    internal unsafe float* Host => ((HostBuffer<float>)Elements).Pointer;

    /// <summary>One element of a matrix on the reference or simd backend; slow, checked, for reference code.</summary>
    internal ref float this[int row, int column] => ref ((HostBuffer<float>)Elements)[((long)row * Columns) + column];

    /// <summary>The same for a matrix of one row.</summary>
    internal ref float this[int column] => ref ((HostBuffer<float>)Elements)[column];

    /// <summary>A copy of a row of a matrix on the reference or simd backend, for reference code.</summary>
    internal double[] RowInDouble(int row)
    {
        double[] copy = new double[Columns];
        for (int column = 0; column < Columns; column++)
        {
            copy[column] = this[row, column];
        }

        return copy;
    }

    /// <summary>A window onto <paramref name="count"/> whole rows. It shares the memory and does not own it.</summary>
    public Matrix SliceRows(int first, int count) =>
        new(count, Columns, Elements.Slice((long)first * Columns, (long)count * Columns));

    /// <summary>Copies <paramref name="host"/> to the rows from <paramref name="firstRow"/> on.</summary>
    public void CopyFrom(ReadOnlySpan<float> host, int firstRow = 0) => Elements.CopyFrom(host, (long)firstRow * Columns);

    /// <summary>Fills <paramref name="host"/> with the rows from <paramref name="firstRow"/> on.</summary>
    public void CopyTo(Span<float> host, int firstRow = 0) => Elements.CopyTo(host, (long)firstRow * Columns);

    /// <summary>A copy of all elements.</summary>
    public float[] ToArray()
    {
        float[] host = new float[checked((int)Length)];
        CopyTo(host);
        return host;
    }

    /// <inheritdoc/>
    public void Dispose() => Elements.Dispose();
}
