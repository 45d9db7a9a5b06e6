// Writes rows on a GPU in pieces: one division a piece tells the row, none an element.
namespace FlGpu.Kernels;

/// <summary>What an element of the target becomes, or four neighbouring ones.</summary>
internal interface IElements<T> where T : unmanaged, ILanes<T>
{
    /// <summary>The new value of an element. It may depend on the old value of the same element, not on other elements of the target.</summary>
    T At(long row, long column);
}

/// <summary>Groups own pieces of rows; a thread has four elements on their way at once, or four times 16 bytes.</summary>
internal static class RowPieces
{
    private const int PieceColumns = 4096;

    /// <summary>A launch with about one group a piece of <paramref name="rows"/>.</summary>
    public static KernelConfig Launch(GpuBackend gpu, Matrix rows) => gpu.GroupEach(rows.Rows * Pieces(rows.Columns, PieceColumns));

    /// <summary>Sets all elements of <paramref name="target"/>. Called by all threads of the launch.</summary>
    public static void Write<T, TElements>(TElements elements, ArrayView<T> target, long columns)
        where T : unmanaged, ILanes<T> where TElements : struct, IElements<T>
    {
        long count = Count<T>(target.Length / columns, columns);
        for (long i = Grid.IdxX; i < count; i += Grid.DimX)
        {
            RowPiece piece = At<T>(i, columns);
            piece.Write(elements, target, piece.Row * columns);
        }
    }

    /// <summary>The number of pieces of so many rows.</summary>
    public static long Count<T>(long rows, long columns) where T : unmanaged, ILanes<T> => rows * Pieces(columns, PieceColumns / T.Count);

    /// <summary>The piece of a number.</summary>
    public static RowPiece At<T>(long number, long columns) where T : unmanaged, ILanes<T>
    {
        long pieces = Pieces(columns, PieceColumns / T.Count);
        long row = number / pieces;
        long start = (number - (row * pieces)) * (PieceColumns / T.Count);
        return new(row, start, Math.Min(columns, start + (PieceColumns / T.Count)));
    }

    private static long Pieces(long columns, int pieceColumns) => Math.Max(1, (columns + pieceColumns - 1) / pieceColumns);
}

/// <summary>Columns <paramref name="start"/> to <paramref name="end"/> of a row.</summary>
internal readonly struct RowPiece(long row, long start, long end)
{
    public long Row => row;

    /// <summary>Sets the piece of the row of <paramref name="target"/> that starts at <paramref name="first"/>. Called by all threads of the group that owns it.</summary>
    public void Write<T, TElements>(TElements elements, ArrayView<T> target, long first)
        where T : unmanaged, ILanes<T> where TElements : struct, IElements<T>
    {
        long step = Group.DimX;
        long k = start + Group.IdxX;
        for (; k + (3 * step) < end; k += 4 * step)
        {
            T v0 = elements.At(row, k);
            T v1 = elements.At(row, k + step);
            T v2 = elements.At(row, k + (2 * step));
            T v3 = elements.At(row, k + (3 * step));
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
