// sum[k] = sum over i of weights[i] * updates[i, k]: the mean, FedAvg, any selection, any clip-then-average.
namespace FlGpu.Kernels;

/// <summary>
/// Adds the rows of <paramref name="Updates"/> (n x d), each times its element of <paramref name="Weights"/> (1 x n), into
/// <paramref name="Sum"/> (1 x d). A weight of zero leaves its row out, whatever it holds. Sum may be a row of Updates.
/// </summary>
[About("weighted sum of the rows: mean, FedAvg, any selection")]
public readonly record struct WeightedSum(Matrix Updates, Matrix Weights, Matrix Sum) : IOperation
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
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel, gpu.ThreadEach(Updates.Columns), GpuBackend.View(Updates), GpuBackend.View(Weights), GpuBackend.View(Sum));

    /// <summary>A thread owns a column.</summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<float> weights, ArrayView<float> sum)
    {
        long columns = sum.Length;
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < columns; k += (long)Grid.DimX * Group.DimX)
        {
            float total = 0;
            long element = k;
            for (long i = 0; i < weights.Length; i++)
            {
                float weight = weights[i];
                if (weight != 0)
                {
                    total += weight * updates[element];
                }

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
        public const int Width = 4096;

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
