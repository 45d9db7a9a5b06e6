// Brings the rows of a matrix to the host one after another, many with each copy: a copy from a device waits for it.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Host memory for a block of rows of matrices of <paramref name="rows"/> x <paramref name="columns"/>.</summary>
internal sealed class RowsBroughtBack(int rows, int columns)
{
    private const int MostElements = 1 << 20;

    private readonly float[] _block = new float[Math.Clamp(MostElements / columns, 1, rows) * columns];

    /// <summary>Row <paramref name="i"/> of <paramref name="matrix"/>, until the next call. Rows are asked for in order, from the first to the last.</summary>
    public ReadOnlySpan<float> Row(Matrix matrix, int i)
    {
        int rowsAtOnce = _block.Length / columns;
        int place = i % rowsAtOnce;
        if (place == 0)
        {
            matrix.CopyTo(_block.AsSpan(0, Math.Min(rowsAtOnce, rows - i) * columns), i);
        }

        return _block.AsSpan(place * columns, columns);
    }
}
