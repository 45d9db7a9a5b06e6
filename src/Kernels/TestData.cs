// Random inputs for checking and timing operations.
namespace FlGpu.Kernels;

/// <summary>Inputs that look like updates, the same on every backend.</summary>
public static class TestData
{
    /// <summary>Independent standard normal elements.</summary>
    public static Matrix Normal(Backend backend, int rows, int columns, RngKey key, float scale = 1)
    {
        Matrix matrix = backend.AllocateMatrix(rows, columns);
        float[] row = new float[columns];
        Words words = default;
        for (int i = 0; i < rows; i++)
        {
            RngKey rowKey = key.Fold((ulong)i);
            for (int k = 0; k < columns; k++)
            {
                if ((k & 1) == 0)
                {
                    words = Philox.Block(rowKey.A, rowKey.B, (uint)k, 0, 0, 0);
                }

                row[k] = scale * ((k & 1) == 0 ? NormalBits.First(words.A, words.B) : NormalBits.Second(words.A, words.B));
            }

            matrix.CopyFrom(row, i);
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
}
