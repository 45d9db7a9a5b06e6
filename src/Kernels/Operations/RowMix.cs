// mixed = mix * updates: nearest-neighbour mixing, bucketing, any linear map of the clients.
namespace FlGpu.Kernels;

/// <summary>
/// Row r of <paramref name="Mixed"/> (m x d) is the sum of the rows of <paramref name="Updates"/> (n x d), each times its element of
/// row r of <paramref name="Mix"/> (m x n). A coefficient of zero leaves its row out, whatever it holds. Mixed is not Updates.
/// </summary>
[About("linear combinations of the rows: mixing, bucketing")]
public readonly record struct RowMix(Matrix Updates, Matrix Mix, Matrix Mixed) : IOperation, ILaneOperation
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
    public void Gpu(GpuBackend gpu) => Lanes.Launch(this, gpu, Updates.Columns);

    void ILaneOperation.Launch<T>(GpuBackend gpu)
    {
        long blocks = (Mix.Rows + GpuRows - 1) / GpuRows;
        int stripColumns = T.Count * gpu.GroupSize(GpuGroupSize);
        gpu.Runtime.Launch(
            Kernel<T>, gpu.GroupEach(blocks * ((Updates.Columns + stripColumns - 1) / stripColumns), GpuGroupSize),
            GpuBackend.Lanes<T>(Updates), GpuBackend.View(Mix), GpuBackend.Lanes<T>(Mixed), (long)Updates.Rows);
    }

    /// <summary>
    /// A group owns eight rows of the result and as many columns as it has threads, or four times as many; a thread owns a column, or four, and keeps
    /// eight sums of each, so that what it reads serves eight of them. Groups of the same columns follow each other, and find them in the L2 cache.
    /// </summary>
    private static void Kernel<T>(ArrayView<T> updates, ArrayView<float> mix, ArrayView<T> mixed, long n) where T : unmanaged, ILanes<T>
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
            FourSums<T> upper = default;
            FourSums<T> lower = default;
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
                        T v0 = updates[((first + i) * columns) + column];
                        T v1 = updates[(Math.Min(first + i + 1, n - 1) * columns) + column];
                        upper = upper.With(u0, v0).With(u1, v1);
                        lower = lower.With(l0, v0).With(l1, v1);
                    }
                }

                GroupBarrier.Wait();
            }

            if (k < columns)
            {
                upper.Store(mixed, firstRow, mixRows, columns, k);
                lower.Store(mixed, firstRow + 4, mixRows, columns, k);
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

    /// <summary>The sums of four rows of the result. A row without a coefficient adds nothing, whatever it holds.</summary>
    private readonly struct FourSums<T>(T sum0, T sum1, T sum2, T sum3) where T : unmanaged, ILanes<T>
    {
        public FourSums<T> With(Float4 coefficients, T row) =>
            new(
                T.PlusWeighted(sum0, coefficients.X, row), T.PlusWeighted(sum1, coefficients.Y, row),
                T.PlusWeighted(sum2, coefficients.Z, row), T.PlusWeighted(sum3, coefficients.W, row));

        public void Store(ArrayView<T> mixed, long row, long rows, long columns, long k)
        {
            Store(mixed, row, rows, columns, k, sum0);
            Store(mixed, row + 1, rows, columns, k, sum1);
            Store(mixed, row + 2, rows, columns, k, sum2);
            Store(mixed, row + 3, rows, columns, k, sum3);
        }

        private static void Store(ArrayView<T> mixed, long row, long rows, long columns, long k, T sum)
        {
            if (row < rows)
            {
                mixed[(row * columns) + k] = sum;
            }
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
