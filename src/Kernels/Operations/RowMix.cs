// mixed = mix * updates: nearest-neighbour mixing, bucketing, any linear map of the clients.
namespace FlGpu.Kernels;

/// <summary>
/// Row r of <paramref name="Mixed"/> (m x d) is the sum of the rows of <paramref name="Updates"/> (n x d), each times its element of
/// row r of <paramref name="Mix"/> (m x n). A coefficient of zero leaves its row out, whatever it holds. Mixed is not Updates.
/// </summary>
[About("linear combinations of the rows: mixing, bucketing")]
public readonly record struct RowMix(Matrix Updates, Matrix Mix, Matrix Mixed) : IOperation
{
    // Rows of the result that a thread sums at once, rows of the updates whose coefficients are staged at once, threads of a group.
    private const int GpuRows = 8;
    private const int StagedRows = 128;
    private const int GpuGroupSize = 128;

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
    public void Gpu(GpuBackend gpu)
    {
        long blocks = (Mix.Rows + GpuRows - 1) / GpuRows;
        gpu.Runtime.Launch(
            Kernel, gpu.GroupEach(blocks * ((Updates.Columns + gpu.GroupSize(GpuGroupSize) - 1) / gpu.GroupSize(GpuGroupSize)), GpuGroupSize),
            GpuBackend.View(Updates), GpuBackend.View(Mix), GpuBackend.View(Mixed), (long)Updates.Rows);
    }

    /// <summary>
    /// A group owns eight rows of the result and as many columns as it has threads; a thread owns a column and keeps eight sums, so that each
    /// element it reads serves eight of them. Groups of the same columns follow each other, and find them in the L2 cache.
    /// </summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<float> mix, ArrayView<float> mixed, long n)
    {
        ArrayView<Float4> coefficients = SharedMemory.Allocate<Float4>(StagedRows * GpuRows / 4);
        long columns = updates.Length / n;
        long mixRows = mix.Length / n;
        long blocks = (mixRows + GpuRows - 1) / GpuRows;
        long strips = (columns + Group.DimX - 1) / Group.DimX;
        for (long b = Grid.IdxX; b < strips * blocks; b += Grid.DimX)
        {
            long strip = b / blocks;
            long firstRow = (b - (strip * blocks)) * GpuRows;
            long k = (strip * Group.DimX) + Group.IdxX;
            // Threads beyond the last column work on it like its owner and do not write.
            long column = Math.Min(k, columns - 1);
            var upper = new Float4(0, 0, 0, 0);
            Float4 lower = upper;
            for (long first = 0; first < n; first += StagedRows)
            {
                Stage(mix, coefficients.Cast<float>(), firstRow, mixRows, first, n);
                GroupBarrier.Wait();
                int staged = (int)Math.Min(StagedRows, n - first);
                for (int i = 0; i < staged; i += 2)
                {
                    Float4 u0 = coefficients[2 * i];
                    Float4 l0 = coefficients[(2 * i) + 1];
                    Float4 u1 = coefficients[(2 * i) + 2];
                    Float4 l1 = coefficients[(2 * i) + 3];
                    if (Any(u0) | Any(l0) | Any(u1) | Any(l1))
                    {
                        float v0 = updates[((first + i) * columns) + column];
                        float v1 = updates[(Math.Min(first + i + 1, n - 1) * columns) + column];
                        upper = Add(Add(upper, u0, v0), u1, v1);
                        lower = Add(Add(lower, l0, v0), l1, v1);
                    }
                }

                GroupBarrier.Wait();
            }

            if (k < columns)
            {
                Store(mixed, firstRow, mixRows, columns, k, upper);
                Store(mixed, firstRow + 4, mixRows, columns, k, lower);
            }
        }
    }

    /// <summary>Puts the coefficients of eight rows of the mix side by side, element by element; zeros beyond the last row or element.</summary>
    private static void Stage(ArrayView<float> mix, ArrayView<float> coefficients, long firstRow, long mixRows, long first, long n)
    {
        for (int e = Group.IdxX; e < StagedRows * GpuRows; e += Group.DimX)
        {
            long row = firstRow + (e / StagedRows);
            long i = first + (e % StagedRows);
            coefficients[(e % StagedRows * GpuRows) + (e / StagedRows)] = row < mixRows && i < n ? mix[(row * n) + i] : 0;
        }
    }

    private static bool Any(Float4 c) => c.X != 0 | c.Y != 0 | c.Z != 0 | c.W != 0;

    /// <summary>A row without a coefficient adds nothing, whatever it holds.</summary>
    private static Float4 Add(Float4 sums, Float4 c, float value) =>
        new(Add(sums.X, c.X, value), Add(sums.Y, c.Y, value), Add(sums.Z, c.Z, value), Add(sums.W, c.W, value));

    private static float Add(float sum, float coefficient, float value) => coefficient != 0 ? sum + (coefficient * value) : sum;

    private static void Store(ArrayView<float> mixed, long row, long mixRows, long columns, long k, Float4 sums)
    {
        Store(mixed, row, mixRows, columns, k, sums.X);
        Store(mixed, row + 1, mixRows, columns, k, sums.Y);
        Store(mixed, row + 2, mixRows, columns, k, sums.Z);
        Store(mixed, row + 3, mixRows, columns, k, sums.W);
    }

    private static void Store(ArrayView<float> mixed, long row, long mixRows, long columns, long k, float sum)
    {
        if (row < mixRows)
        {
            mixed[(row * columns) + k] = sum;
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
