// Random inputs for checking and timing operations.
namespace FlGpu.Kernels;

/// <summary>Inputs that look like updates, the same on every backend.</summary>
public static class TestData
{
    // Drawn on all cores and handed over in pieces: a billion elements take a core a quarter of a minute.
    private const int PieceElements = 1 << 22;

    /// <summary>Independent standard normal elements.</summary>
    public static Matrix Normal(Backend backend, int rows, int columns, RngKey key, float scale = 1)
    {
        Matrix matrix = backend.AllocateMatrix(rows, columns);
        int rowsAtOnce = Math.Clamp(PieceElements / Math.Max(columns, 1), 1, Math.Max(rows, 1));
        float[] piece = new float[rowsAtOnce * columns];
        for (int first = 0; first < rows; first += rowsAtOnce)
        {
            int start = first;
            int count = Math.Min(rowsAtOnce, rows - first);
            Parallel.For(0, count, i => Draw(piece.AsSpan(i * columns, columns), key.Fold((ulong)(start + i)), scale));
            matrix.CopyFrom(piece.AsSpan(0, count * columns), first);
        }

        return matrix;
    }

    /// <summary>A buffer of random class labels.</summary>
    public static Buffer<int> Labels(Backend backend, int count, int classes, RngKey key)
    {
        int[] labels = new int[count];
        RngStream stream = key.Stream();
        foreach (ref int label in labels.AsSpan())
        {
            label = stream.NextInt32(classes);
        }

        return backend.Upload<int>(labels);
    }

    private static void Draw(Span<float> row, RngKey key, float scale)
    {
        Words words = default;
        for (int k = 0; k < row.Length; k++)
        {
            if ((k & 1) == 0)
            {
                words = Philox.Block(key.A, key.B, (uint)k, 0, 0, 0);
            }

            row[k] = scale * ((k & 1) == 0 ? NormalBits.First(words.A, words.B) : NormalBits.Second(words.A, words.B));
        }
    }
}
