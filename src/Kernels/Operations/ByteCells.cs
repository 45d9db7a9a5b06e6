// Floats as bytes: the number of the cell, of some 240 between the ends of a bracket, that each value of a column falls into.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FlGpu.Kernels;

/// <summary>
/// The brackets of some columns and, in blocks of 64 of them, a vector of bytes for each row. The larger of two values never has the smaller
/// cell. What is outside of the bracket is in the first or the last cell, NaN in the last.
/// </summary>
/// <param name="bytes">Blocks x rows x 64.</param>
/// <param name="perUnit">Cells in a unit, for each column.</param>
/// <param name="offset">What makes a cell of a value times <paramref name="perUnit"/>, for each column.</param>
internal readonly unsafe struct ByteCells(sbyte* bytes, float* perUnit, float* offset)
{
    /// <summary>Columns of a block: a byte of each fills a vector.</summary>
    public const int Width = 64;

    private const int Lanes = 16;

    // Rows are fetched so long before they are read.
    private const int RowsAhead = 24;

    // Less than 256: the ends of the bracket are cells of their own, and rounding of the offset moves all cells by up to eight.
    private const float CellsOnEachSide = 120;

    // The narrowest bracket, and its share of the values in it, for which cells are finite numbers that differ.
    private const float NarrowestSide = 1e-36f;
    private const float NarrowestShare = 1 / 2097152f;

    public sbyte* Bytes => bytes;

    public float* PerUnit => perUnit;

    public float* Offset => offset;

    /// <summary>The same of a later block.</summary>
    public ByteCells Block(int block, int rows) => new(bytes + ((nint)block * rows * Width), perUnit + (block * Width), offset + (block * Width));

    /// <summary>Brackets sixteen columns from <paramref name="column"/> on.</summary>
    public void SetBracket(int column, Vector512<float> low, Vector512<float> high)
    {
        Vector512<float> middle = (low * 0.5f) + (high * 0.5f), side = (high * 0.5f) - (low * 0.5f);
        side = Vector512.Max(side, Vector512.Max(Vector512.Abs(middle) * NarrowestShare, Vector512.Create(NarrowestSide)));
        Vector512<float> scale = Vector512.Create(CellsOnEachSide) / side;
        scale.Store(perUnit + column);
        (-middle * scale).Store(offset + column);
    }

    /// <summary>The cell of each value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> CellOf(Vector512<float> value, Vector512<float> perUnit, Vector512<float> offset) =>
        Vector512.Max(OpenCellOf(value, perUnit, offset), Vector512.Create((int)sbyte.MinValue));

    /// <summary>Finds the cells of all values of <paramref name="blocks"/> blocks.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Quantise(float* panel, nint stride, int rows, int blocks, ByteCells cells)
    {
        for (int i = 0; i < rows; i++, panel += stride)
        {
            FetchAhead(panel, stride, rows - i, blocks);
            for (int b = 0; b < blocks; b++)
            {
                float* block = panel + (b * Width);
                cells.Store(
                    Vector512.Load(block), Vector512.Load(block + 16), Vector512.Load(block + 32), Vector512.Load(block + 48),
                    b * Width, (((nint)b * rows) + i) * Width);
            }
        }
    }

    /// <summary>The same for two brackets at once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Quantise(float* panel, nint stride, int rows, int blocks, ByteCells cells, ByteCells others)
    {
        for (int i = 0; i < rows; i++, panel += stride)
        {
            FetchAhead(panel, stride, rows - i, blocks);
            for (int b = 0; b < blocks; b++)
            {
                float* block = panel + (b * Width);
                Vector512<float> v0 = Vector512.Load(block), v1 = Vector512.Load(block + 16), v2 = Vector512.Load(block + 32), v3 = Vector512.Load(block + 48);
                nint at = (((nint)b * rows) + i) * Width;
                cells.Store(v0, v1, v2, v3, b * Width, at);
                others.Store(v0, v1, v2, v3, b * Width, at);
            }
        }
    }

    /// <summary>Rows are a page apart or more: the hardware does not follow them by itself.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void FetchAhead(float* row, nint stride, int rowsLeft, int blocks)
    {
        if (Sse.IsSupported)
        {
            // The last of each sixteen columns: the block may begin anywhere in a cache line.
            float* ahead = row + (Math.Min(RowsAhead, rowsLeft - 1) * stride) + Lanes - 1;
            for (int line = 0; line < blocks * (Width / Lanes); line++)
            {
                Sse.Prefetch0(ahead + (line * Lanes));
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Store(Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3, int column, nint at)
    {
        float* scale = perUnit + column, shift = offset + column;
        FourVectors.Pack(
            OpenCellOf(v0, Vector512.Load(scale), Vector512.Load(shift)), OpenCellOf(v1, Vector512.Load(scale + 16), Vector512.Load(shift + 16)),
            OpenCellOf(v2, Vector512.Load(scale + 32), Vector512.Load(shift + 32)), OpenCellOf(v3, Vector512.Load(scale + 48), Vector512.Load(shift + 48)))
            .Store(bytes + at);
    }

    /// <summary>The cell of each value; those below the first are still to be brought up to it, and packing does that.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> OpenCellOf(Vector512<float> value, Vector512<float> perUnit, Vector512<float> offset)
    {
        Vector512<float> scaled = FloatOrder.Min(Vector512.MultiplyAddEstimate(value, perUnit, offset), Vector512.Create((float)sbyte.MaxValue));
        return Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Int32(scaled) // the lowest integer for all that is out of range, and that can only be below
            : Vector512.ConvertToInt32Native(Vector512.Round(FloatOrder.Max(scaled, Vector512.Create((float)sbyte.MinValue))));
    }
}
