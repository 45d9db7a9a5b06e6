// sent[i, k] = a random number just outside the range of column k, on the side away from its mean's sign.
using System.Runtime.CompilerServices;

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
    public void Gpu(GpuBackend gpu)
    {
        if (Updates.Columns % Float4.Count == 0)
        {
            Launch<Float4, FourRanges>(gpu);
        }
        else
        {
            Launch<Float1, Range>(gpu);
        }
    }

    private void Launch<T, TRange>(GpuBackend gpu) where T : unmanaged, ILanes<T> where TRange : struct, IRange<TRange, T> =>
        gpu.Runtime.Launch(
            Kernel<T, TRange>, gpu.ThreadEach(Updates.Columns / T.Count, ColumnWalk.GroupSize), GpuBackend.Lanes<T>(Updates), GpuBackend.Lanes<T>(Sent),
            (long)Updates.Columns / T.Count, Factor, Key);

    /// <summary>A thread owns a column, or four.</summary>
    private static void Kernel<T, TRange>(ArrayView<T> updates, ArrayView<T> sent, long columns, float factor, RngKey key)
        where T : unmanaged, ILanes<T> where TRange : struct, IRange<TRange, T>
    {
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < columns; k += (long)Grid.DimX * Group.DimX)
        {
            TRange range = ColumnWalk.Down(updates, k, columns, TRange.Of(updates[k]));
            long i = 0;
            for (long e = k; e < sent.Length; e += columns)
            {
                sent[e] = range.Beyond(factor, key, k * T.Count, i);
                i++;
            }
        }
    }

    /// <summary>The sum of a column, its least and its greatest value; or the same of four columns.</summary>
    private interface IRange<TSelf, T> : IColumnState<TSelf, T> where TSelf : struct, IRange<TSelf, T> where T : unmanaged, ILanes<T>
    {
        static abstract TSelf Of(T only);

        T Beyond(float factor, RngKey key, long k, long i);
    }

    private readonly struct Range(double sum, float low, float high) : IRange<Range, Float1>
    {
        public static Range Of(Float1 only) => new(0, only.X, only.X);

        public Range With(Float1 row) => new(sum + row.X, row.X < low ? row.X : low, row.X > high ? row.X : high);

        public Float1 Beyond(float factor, RngKey key, long k, long i) => new(Draw(sum, low, high, factor, key.A, key.B, k, i));
    }

    private readonly struct FourRanges(Range x, Range y, Range z, Range w) : IRange<FourRanges, Float4>
    {
        public static FourRanges Of(Float4 only) => new(Range.Of(new(only.X)), Range.Of(new(only.Y)), Range.Of(new(only.Z)), Range.Of(new(only.W)));

        public FourRanges With(Float4 row) => new(x.With(new(row.X)), y.With(new(row.Y)), z.With(new(row.Z)), w.With(new(row.W)));

        public Float4 Beyond(float factor, RngKey key, long k, long i) =>
            new(x.Beyond(factor, key, k, i).X, y.Beyond(factor, key, k + 1, i).X, z.Beyond(factor, key, k + 2, i).X, w.Beyond(factor, key, k + 3, i).X);
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

        // Compiled when it first runs: published as code for any CPU it takes 2.7 times as long.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
