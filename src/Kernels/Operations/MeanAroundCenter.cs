// mean[k] = the mean of those values of column k that are closest to a center.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// For each column, the mean of the <paramref name="Count"/> values closest to <paramref name="Center"/> (1 x d), among the rows of
/// <paramref name="Updates"/> (n x d) listed in <paramref name="Rows"/>, into <paramref name="Mean"/> (1 x d). Of values equally close
/// the row listed first counts first; NaN is farthest. Mean around median (MeaMed): Xie et al., Generalized Byzantine-tolerant SGD,
/// 2018; the last step of Bulyan: El Mhamdi et al., ICML 2018, section 4.
/// </summary>
[About("mean of each column's values closest to a center")]
public readonly record struct MeanAroundCenter(Matrix Updates, Buffer<int> Rows, Matrix Center, int Count, Matrix Mean) : IOperation
{
    /// <inheritdoc/>
    public Work Cost
    {
        get
        {
            long values = Rows.Length * Updates.Columns;
            return new(2 * values, (values * sizeof(float)) + Center.Bytes, Mean.Bytes);
        }
    }

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key.Fold(0));
        Matrix center = TestData.Normal(backend, 1, parameters, key.Fold(1), 0.1f);
        Buffer<int> rows = backend.Upload<int>([.. Enumerable.Range(0, clients).Where(i => clients < 4 || i % 4 != 1)]);
        Matrix mean = backend.AllocateMatrix(1, parameters);
        var operation = new MeanAroundCenter(updates, rows, center, Math.Max(1, (int)rows.Length * 2 / 3), mean);
        return new(() => backend.Run(operation), mean, operation.Cost, parameters, Magnitude: 1, Restore: null, [updates, center, rows, mean]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        var rows = (HostBuffer<int>)Rows;
        float[] distances = new float[Rows.Length];
        int[] order = new int[Rows.Length];
        for (int k = 0; k < Updates.Columns; k++)
        {
            for (int r = 0; r < order.Length; r++)
            {
                distances[r] = MathF.Abs(Updates[rows[r], k] - Center[k]);
                order[r] = r;
            }

            Array.Sort(order, (a, b) => OrderedKey.Of(distances[a]) == OrderedKey.Of(distances[b])
                ? a.CompareTo(b) : OrderedKey.Of(distances[a]).CompareTo(OrderedKey.Of(distances[b])));
            double sum = 0;
            foreach (int r in order.AsSpan(0, Count))
            {
                sum += Updates[rows[r], k];
            }

            Mean[k] = (float)(sum / Count);
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile((Updates.Columns + Columns.Width - 1) / Columns.Width, Cost.Flops * 8,
            new Columns(Updates.Host, ((HostBuffer<int>)Rows).Pointer, Center.Host, Mean.Host, (int)Rows.Length, Updates.Columns, Count));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu)
    {
        if (Rows.Length > ColumnNetworkKernel.MostRows)
        {
            PanelMeanAroundCenter.Launch(gpu, Updates, Rows, Center, Count, Mean);
            return;
        }

        gpu.Runtime.Launch(
            ColumnDistanceKernel.Of((int)Rows.Length), gpu.ThreadEach(Updates.Columns, ColumnNetworkKernel.GroupSize), GpuBackend.View(Updates), GpuBackend.View(Rows),
            GpuBackend.View(Center), GpuBackend.View(Mean), Count);
    }

    /// <summary>A tile is sixteen columns, one a lane. Bisection on the bits of the distances finds the largest one that counts.</summary>
    private readonly unsafe struct Columns(
        float* updates, int* rows, float* center, float* mean, int rowCount, int columns, int count) : ITiles
    {
        public const int Width = 16;

        public nuint ScratchBytes => ((nuint)rowCount + 1) * 2 * Width * sizeof(float);

        public void Run(int tile, byte* scratch)
        {
            int k = tile * Width;
            int width = Math.Min(Width, columns - k);
            float* values = (float*)scratch;
            int* keys = (int*)(values + ((long)rowCount * Width));
            float* result = (float*)(keys + ((long)rowCount * Width));
            new Span<float>(result, Width).Clear();
            new Span<float>(center + k, width).CopyTo(new(result, Width));
            Vector512<float> around = Vector512.Load(result);
            for (int r = 0; r < rowCount; r++)
            {
                float* row = values + (r * Width);
                new Span<float>(row, Width).Clear();
                new Span<float>(updates + ((long)rows[r] * columns) + k, width).CopyTo(new(row, Width));
                OrderedKey.Of(Vector512.Abs(Vector512.Load(row) - around)).Store(keys + (r * Width));
            }

            Vector512<int> key = Vector512.Create(OrderedKey.Of(0f));
            var last = Vector512.Create(count - 1);
            for (int bit = 30; bit >= 0; bit--)
            {
                Vector512<int> trial = key + Vector512.Create(1 << bit);
                key = Vector512.ConditionalSelect(Vector512.GreaterThan(Below(keys, trial), last), key, trial);
            }

            Vector512<int> ties = Vector512.Create(count) - Below(keys, key);
            Vector512<double> lower = Vector512<double>.Zero, upper = lower;
            for (int r = 0; r < rowCount; r++)
            {
                Vector512<int> distance = Vector512.Load(keys + (r * Width));
                Vector512<int> tie = Vector512.Equals(distance, key) & Vector512.GreaterThan(ties, Vector512<int>.Zero);
                ties += tie;
                Vector512<int> counts = Vector512.LessThan(distance, key) | tie;
                (Vector512<double> a, Vector512<double> b) = Vector512.Widen((Vector512.Load(values + (r * Width)).AsInt32() & counts).AsSingle());
                lower += a;
                upper += b;
            }

            var divisor = Vector512.Create((double)count);
            Vector512.Narrow(lower / divisor, upper / divisor).Store(result);
            new Span<float>(result, width).CopyTo(new(mean + k, width));
        }

        private Vector512<int> Below(int* keys, Vector512<int> limit)
        {
            Vector512<int> below = Vector512<int>.Zero;
            for (int r = 0; r < rowCount; r++)
            {
                below -= Vector512.LessThan(Vector512.Load(keys + (r * Width)), limit);
            }

            return below;
        }
    }
}
