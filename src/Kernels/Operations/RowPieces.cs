// Writes every element of a matrix on a GPU, row by row in pieces: one division a piece tells the row, none an element.
namespace FlGpu.Kernels;

/// <summary>What an element of the target becomes.</summary>
internal interface IElements
{
    /// <summary>The new value of an element. It may depend on the old value of the same element, not on other elements of the target.</summary>
    float At(long row, long column);

    /// <summary>The same for columns 4 quad to 4 quad + 3, where the length of the target's rows is a multiple of four.</summary>
    Float4 QuadAt(long row, long quad);
}

/// <summary>Groups own pieces of rows; a thread has four elements on their way at once, or four times 16 bytes where all rows are aligned to that.</summary>
internal static class RowPieces
{
    private const int PieceColumns = 4096;

    /// <summary>A launch with about one group a piece.</summary>
    public static KernelConfig Launch(GpuBackend gpu, Matrix target) => gpu.GroupEach(target.Rows * Pieces(target.Columns));

    /// <summary>Sets all elements of <paramref name="target"/>. Called by all threads of the launch.</summary>
    public static void Write<TElements>(TElements elements, ArrayView<float> target, long columns) where TElements : struct, IElements
    {
        long pieces = Pieces(columns);
        long rows = target.Length / columns;
        long step = Group.DimX;
        for (long piece = Grid.IdxX; piece < rows * pieces; piece += Grid.DimX)
        {
            long row = piece / pieces;
            long start = (piece - (row * pieces)) * PieceColumns;
            long end = Math.Min(columns, start + PieceColumns);
            long first = row * columns;
            if (columns % 4 == 0)
            {
                WriteQuads(elements, target.Cast<Float4>(), row, first / 4, start / 4, end / 4);
                continue;
            }

            long k = start + Group.IdxX;
            for (; k + (3 * step) < end; k += 4 * step)
            {
                float v0 = elements.At(row, k);
                float v1 = elements.At(row, k + step);
                float v2 = elements.At(row, k + (2 * step));
                float v3 = elements.At(row, k + (3 * step));
                target[first + k] = v0;
                target[first + k + step] = v1;
                target[first + k + (2 * step)] = v2;
                target[first + k + (3 * step)] = v3;
            }

            for (; k < end; k += step)
            {
                target[first + k] = elements.At(row, k);
            }
        }
    }

    private static void WriteQuads<TElements>(TElements elements, ArrayView<Float4> target, long row, long first, long start, long end)
        where TElements : struct, IElements
    {
        long step = Group.DimX;
        long q = start + Group.IdxX;
        for (; q + (3 * step) < end; q += 4 * step)
        {
            Float4 v0 = elements.QuadAt(row, q);
            Float4 v1 = elements.QuadAt(row, q + step);
            Float4 v2 = elements.QuadAt(row, q + (2 * step));
            Float4 v3 = elements.QuadAt(row, q + (3 * step));
            target[first + q] = v0;
            target[first + q + step] = v1;
            target[first + q + (2 * step)] = v2;
            target[first + q + (3 * step)] = v3;
        }

        for (; q < end; q += step)
        {
            target[first + q] = elements.QuadAt(row, q);
        }
    }

    private static long Pieces(long columns) => Math.Max(1, (columns + PieceColumns - 1) / PieceColumns);
}
