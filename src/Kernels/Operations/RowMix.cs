// mixed = mix * updates: nearest-neighbour mixing, bucketing, any linear map of the clients.
namespace FlGpu.Kernels;

/// <summary>
/// Row r of <paramref name="Mixed"/> (m x d) is the sum of the rows of <paramref name="Updates"/> (n x d), each times its element of
/// row r of <paramref name="Mix"/> (m x n). A coefficient of zero leaves its row out, whatever it holds. Mixed is not Updates.
/// </summary>
[About("linear combinations of the rows: mixing, bucketing")]
public readonly record struct RowMix(Matrix Updates, Matrix Mix, Matrix Mixed) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new(2 * Mix.Length * Updates.Columns, Updates.Bytes + Mix.Bytes, Mixed.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key.Fold(0));
        int rows = (clients + 1) / 2;
        Matrix mix = TestData.Normal(backend, rows, clients, key.Fold(1), 1f / clients);
        Matrix mixed = backend.AllocateMatrix(rows, parameters);
        var operation = new RowMix(updates, mix, mixed);
        return new(() => backend.Run(operation), mixed, operation.Cost, parameters, Magnitude: 1, Restore: null, [updates, mix, mixed]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int r = 0; r < Mix.Rows; r++)
        {
            for (int k = 0; k < Updates.Columns; k++)
            {
                double sum = 0;
                for (int i = 0; i < Updates.Rows; i++)
                {
                    if (Mix[r, i] != 0)
                    {
                        sum += (double)Mix[r, i] * Updates[i, k];
                    }
                }

                Mixed[r, k] = (float)sum;
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile((Updates.Columns + Strips.Width - 1) / Strips.Width, Cost.Flops,
            new Strips(Updates.Host, Mix.Host, Mixed.Host, Updates.Rows, Mix.Rows, Updates.Columns));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(
            Kernel, gpu.ThreadEach(Mixed.Length), GpuBackend.View(Updates), GpuBackend.View(Mix), GpuBackend.View(Mixed), (long)Updates.Rows);

    /// <summary>A thread owns an element of the result.</summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<float> mix, ArrayView<float> mixed, long n)
    {
        long columns = updates.Length / n;
        for (long e = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; e < mixed.Length; e += (long)Grid.DimX * Group.DimX)
        {
            long row = e / columns;
            long k = e - (row * columns);
            float sum = 0;
            for (long i = 0; i < n; i++)
            {
                float coefficient = mix[(row * n) + i];
                if (coefficient != 0)
                {
                    sum += coefficient * updates[(i * columns) + k];
                }
            }

            mixed[e] = sum;
        }
    }

    /// <summary>A tile is a strip of columns, narrow enough that all rows of it stay in the L2 cache for all results.</summary>
    private readonly unsafe struct Strips(float* updates, float* mix, float* mixed, int rows, int mixedRows, int columns) : ITiles
    {
        public const int Width = 512;

        public nuint ScratchBytes => (Width * sizeof(float)) + ((nuint)rows * sizeof(int)) + 64;

        public void Run(int tile, byte* scratch)
        {
            long first = (long)tile * Width;
            int width = (int)Math.Min(Width, columns - first);
            float* total = (float*)scratch;
            int* kept = (int*)(total + Width);
            for (int r = 0; r < mixedRows; r++)
            {
                float* coefficients = mix + ((long)r * rows);
                int count = 0;
                for (int i = 0; i < rows; i++)
                {
                    if (coefficients[i] != 0)
                    {
                        kept[count++] = i;
                    }
                }

                WeightedRows.Add(total, updates + first, columns, coefficients, kept, count, width);
                new Span<float>(total, width).CopyTo(new(mixed + ((long)r * columns) + first, width));
            }
        }
    }
}
