// sum[k] = sum over i of weights[i] * updates[i, k]: the mean, FedAvg, any selection, any clip-then-average.
namespace FlGpu.Kernels;

/// <summary>
/// Adds the rows of <paramref name="Updates"/> (n x d), each times its element of <paramref name="Weights"/> (1 x n), into
/// <paramref name="Sum"/> (1 x d). A weight of zero leaves its row out, whatever it holds. Sum may be a row of Updates.
/// </summary>
[About("weighted sum of the rows: mean, FedAvg, any selection")]
public readonly record struct WeightedSum(Matrix Updates, Matrix Weights, Matrix Sum) : IOperation, ILaneOperation
{
    /// <inheritdoc/>
    public Work Cost => new(2 * Updates.Length, Updates.Bytes + Weights.Bytes, Sum.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key.Fold(0));
        Matrix weights = TestData.Normal(backend, 1, clients, key.Fold(1), 1f / clients);
        Matrix sum = backend.AllocateMatrix(1, parameters);
        var operation = new WeightedSum(updates, weights, sum);
        return new(() => backend.Run(operation), sum, operation.Cost, parameters, Magnitude: 1, Restore: null, [updates, weights, sum]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int k = 0; k < Updates.Columns; k++)
        {
            double sum = 0;
            for (int i = 0; i < Updates.Rows; i++)
            {
                if (Weights[i] != 0)
                {
                    sum += (double)Weights[i] * Updates[i, k];
                }
            }

            Sum[k] = (float)sum;
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile((Updates.Columns + Strips.Width - 1) / Strips.Width, Updates.Length,
            new Strips(Updates.Host, Weights.Host, Sum.Host, Updates.Rows, Updates.Columns));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Lanes.Launch(this, gpu, Updates.Columns);

    void ILaneOperation.Launch<T>(GpuBackend gpu) =>
        gpu.Runtime.Launch(
            Kernel<T>, gpu.ThreadEach(Updates.Columns / T.Count, ColumnWalk.GroupSize), GpuBackend.Lanes<T>(Updates), GpuBackend.View(Weights),
            GpuBackend.Lanes<T>(Sum));

    /// <summary>
    /// A thread owns a column, or four. It has eight rows on their way at once, which keeps the memory busy from some 75,000 columns on; eight rows that all
    /// have no weight are not read.
    /// </summary>
    private static void Kernel<T>(ArrayView<T> updates, ArrayView<float> weights, ArrayView<T> sum) where T : unmanaged, ILanes<T>
    {
        long columns = sum.Length;
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < columns; k += (long)Grid.DimX * Group.DimX)
        {
            T total = default;
            long element = k;
            long i = 0;
            for (; i + 8 <= weights.Length; i += 8)
            {
                float w0 = weights[i];
                float w1 = weights[i + 1];
                float w2 = weights[i + 2];
                float w3 = weights[i + 3];
                float w4 = weights[i + 4];
                float w5 = weights[i + 5];
                float w6 = weights[i + 6];
                float w7 = weights[i + 7];
                if (w0 != 0 | w1 != 0 | w2 != 0 | w3 != 0 | w4 != 0 | w5 != 0 | w6 != 0 | w7 != 0)
                {
                    T v0 = updates[element];
                    T v1 = updates[element + columns];
                    T v2 = updates[element + (2 * columns)];
                    T v3 = updates[element + (3 * columns)];
                    T v4 = updates[element + (4 * columns)];
                    T v5 = updates[element + (5 * columns)];
                    T v6 = updates[element + (6 * columns)];
                    T v7 = updates[element + (7 * columns)];
                    total = T.PlusWeighted(total, w0, v0);
                    total = T.PlusWeighted(total, w1, v1);
                    total = T.PlusWeighted(total, w2, v2);
                    total = T.PlusWeighted(total, w3, v3);
                    total = T.PlusWeighted(total, w4, v4);
                    total = T.PlusWeighted(total, w5, v5);
                    total = T.PlusWeighted(total, w6, v6);
                    total = T.PlusWeighted(total, w7, v7);
                }

                element += 8 * columns;
            }

            for (; i < weights.Length; i++)
            {
                total = T.PlusWeighted(total, weights[i], updates[element]);
                element += columns;
            }

            sum[k] = total;
        }
    }

    /// <summary>
    /// Strips of columns: wide enough that each row is read in long runs, narrow enough that the sums stay in the L1 cache
    /// while eight rows at a time are added to them.
    /// </summary>
    private readonly unsafe struct Strips(float* updates, float* weights, float* sum, int rows, int columns) : ITiles
    {
        public const int Width = 8192;

        public nuint ScratchBytes => (Width * sizeof(float)) + ((nuint)rows * sizeof(int)) + 64;

        public void Run(int tile, byte* scratch)
        {
            long first = (long)tile * Width;
            int width = (int)Math.Min(Width, columns - first);
            float* total = (float*)scratch;
            int* kept = (int*)(total + Width);
            int count = 0;
            for (int i = 0; i < rows; i++)
            {
                if (weights[i] != 0)
                {
                    kept[count++] = i;
                }
            }

            WeightedRows.Add(total, updates + first, columns, weights, kept, count, width);
            new Span<float>(total, width).CopyTo(new(sum + first, width));
        }
    }
}
