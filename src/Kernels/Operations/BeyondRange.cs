// sent[i, k] = a random number just outside the range of column k, on the side away from its mean's sign.
namespace FlGpu.Kernels;

/// <summary>
/// Draws each element of <paramref name="Sent"/> (m x d) from beyond the range of its column of <paramref name="Updates"/> (n x d): below
/// the least value where the column's sum is positive, else above the greatest. The draw is uniform between that value and the
/// same times <paramref name="Factor"/>, or divided by it where multiplying would lead back into the range. Element (i, k)
/// draws from Philox with <paramref name="Key"/> and the counter (k, i).
/// </summary>
[About("random values just outside each column's range, against its sign")]
public readonly record struct BeyondRange(Matrix Updates, Matrix Sent, float Factor, RngKey Key) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new((3 * Updates.Length) + (30 * Sent.Length), Updates.Bytes, Sent.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key.Fold(0));
        Matrix sent = backend.AllocateMatrix((clients + 3) / 4, parameters);
        var operation = new BeyondRange(updates, sent, 2, key.Fold(1));
        return new(() => backend.Run(operation), sent, operation.Cost, 1, Magnitude: 4, Restore: null, [updates, sent]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int k = 0; k < Updates.Columns; k++)
        {
            double sum = 0;
            float low = Updates[0, k];
            float high = low;
            for (int i = 0; i < Updates.Rows; i++)
            {
                sum += Updates[i, k];
                low = Math.Min(low, Updates[i, k]);
                high = Math.Max(high, Updates[i, k]);
            }

            for (int i = 0; i < Sent.Rows; i++)
            {
                Sent[i, k] = Draw(sum, low, high, Factor, Key.A, Key.B, k, i);
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile((Updates.Columns + Strips.Width - 1) / Strips.Width, Cost.Flops,
            new Strips(Updates.Host, Sent.Host, Updates.Rows, Sent.Rows, Updates.Columns, Factor, Key));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel, gpu.ThreadEach(Updates.Columns), GpuBackend.View(Updates), GpuBackend.View(Sent), (long)Updates.Columns, Factor, Key.A, Key.B);

    /// <summary>A thread owns a column.</summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<float> sent, long columns, float factor, uint keyA, uint keyB)
    {
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < columns; k += (long)Grid.DimX * Group.DimX)
        {
            double sum = 0;
            float low = updates[k];
            float high = low;
            for (long e = k; e < updates.Length; e += columns)
            {
                float value = updates[e];
                sum += value;
                low = value < low ? value : low;
                high = value > high ? value : high;
            }

            long i = 0;
            for (long e = k; e < sent.Length; e += columns)
            {
                sent[e] = Draw(sum, low, high, factor, keyA, keyB, k, i);
                i++;
            }
        }
    }

    private static float Draw(double sum, float low, float high, float factor, uint keyA, uint keyB, long k, long i)
    {
        float near = sum > 0 ? low : high;
        bool outward = sum > 0 ? low < 0 : high > 0;
        float far = outward ? near * factor : near / factor;
        Words words = Philox.Block(keyA, keyB, (uint)k, 0, (uint)i, 0);
        return near + ((words.A >> 8) * (1f / (1 << 24)) * (far - near));
    }

    private readonly unsafe struct Strips(float* updates, float* sent, int rows, int sentRows, int columns, float factor, RngKey key) : ITiles
    {
        public const int Width = 256;

        public nuint ScratchBytes => Width * (sizeof(double) + (2 * sizeof(float)));

        public void Run(int tile, byte* scratch)
        {
            int first = tile * Width;
            int width = Math.Min(Width, columns - first);
            double* sum = (double*)scratch;
            float* low = (float*)(sum + Width);
            float* high = low + Width;
            for (int j = 0; j < width; j++)
            {
                (sum[j], low[j], high[j]) = (0, updates[first + j], updates[first + j]);
            }

            for (int i = 0; i < rows; i++)
            {
                float* row = updates + ((long)i * columns) + first;
                for (int j = 0; j < width; j++)
                {
                    sum[j] += row[j];
                    low[j] = Math.Min(low[j], row[j]);
                    high[j] = Math.Max(high[j], row[j]);
                }
            }

            for (int i = 0; i < sentRows; i++)
            {
                float* row = sent + ((long)i * columns) + first;
                for (int j = 0; j < width; j++)
                {
                    row[j] = Draw(sum[j], low[j], high[j], factor, key.A, key.B, first + j, i);
                }
            }
        }
    }
}
