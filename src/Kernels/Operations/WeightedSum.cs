// sum[k] = sum over i of weights[i] * updates[i, k]: the mean, FedAvg, any selection, any clip-then-average.
namespace FlGpu.Kernels;

/// <summary>
/// Adds the rows of <paramref name="Updates"/> (n x d), each times its element of <paramref name="Weights"/> (1 x n), into
/// <paramref name="Sum"/> (1 x d). A weight of zero leaves its row out, whatever it holds. Sum may be a row of Updates.
/// </summary>
[About("weighted sum of the rows: mean, FedAvg, any selection")]
public readonly record struct WeightedSum(Matrix Updates, Matrix Weights, Matrix Sum) : IOperation
{
    // Small groups, so that those of 100,000 columns spread evenly over the multiprocessors.
    private const int GpuGroupSize = 128;

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
    public void Gpu(GpuBackend gpu)
    {
        if (Updates.Columns % 4 == 0)
        {
            gpu.Runtime.Launch(
                QuadKernel, gpu.ThreadEach(Updates.Columns / 4, GpuGroupSize), GpuBackend.View(Updates).Cast<Float4>(), GpuBackend.View(Weights),
                GpuBackend.View(Sum).Cast<Float4>());
            return;
        }

        gpu.Runtime.Launch(
            Kernel, gpu.ThreadEach(Updates.Columns, GpuGroupSize), GpuBackend.View(Updates), GpuBackend.View(Weights), GpuBackend.View(Sum));
    }

    /// <summary>
    /// A thread owns a column. It has eight rows on their way at once, which keeps the memory busy from some 75,000 columns on; eight rows that all
    /// have no weight are not read.
    /// </summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<float> weights, ArrayView<float> sum)
    {
        long columns = sum.Length;
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < columns; k += (long)Grid.DimX * Group.DimX)
        {
            float total = 0;
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
                    float v0 = updates[element];
                    float v1 = updates[element + columns];
                    float v2 = updates[element + (2 * columns)];
                    float v3 = updates[element + (3 * columns)];
                    float v4 = updates[element + (4 * columns)];
                    float v5 = updates[element + (5 * columns)];
                    float v6 = updates[element + (6 * columns)];
                    float v7 = updates[element + (7 * columns)];
                    total = Add(total, w0, v0);
                    total = Add(total, w1, v1);
                    total = Add(total, w2, v2);
                    total = Add(total, w3, v3);
                    total = Add(total, w4, v4);
                    total = Add(total, w5, v5);
                    total = Add(total, w6, v6);
                    total = Add(total, w7, v7);
                }

                element += 8 * columns;
            }

            for (; i < weights.Length; i++)
            {
                total = Add(total, weights[i], updates[element]);
                element += columns;
            }

            sum[k] = total;
        }
    }

    /// <summary>The same for four neighbouring columns a thread.</summary>
    private static void QuadKernel(ArrayView<Float4> updates, ArrayView<float> weights, ArrayView<Float4> sum)
    {
        long columns = sum.Length;
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < columns; k += (long)Grid.DimX * Group.DimX)
        {
            var total = new Float4(0, 0, 0, 0);
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
                    Float4 v0 = updates[element];
                    Float4 v1 = updates[element + columns];
                    Float4 v2 = updates[element + (2 * columns)];
                    Float4 v3 = updates[element + (3 * columns)];
                    Float4 v4 = updates[element + (4 * columns)];
                    Float4 v5 = updates[element + (5 * columns)];
                    Float4 v6 = updates[element + (6 * columns)];
                    Float4 v7 = updates[element + (7 * columns)];
                    total = Add(total, w0, v0);
                    total = Add(total, w1, v1);
                    total = Add(total, w2, v2);
                    total = Add(total, w3, v3);
                    total = Add(total, w4, v4);
                    total = Add(total, w5, v5);
                    total = Add(total, w6, v6);
                    total = Add(total, w7, v7);
                }

                element += 8 * columns;
            }

            for (; i < weights.Length; i++)
            {
                total = Add(total, weights[i], updates[element]);
                element += columns;
            }

            sum[k] = total;
        }
    }

    private static Float4 Add(Float4 total, float weight, Float4 value) =>
        new(Add(total.X, weight, value.X), Add(total.Y, weight, value.Y), Add(total.Z, weight, value.Z), Add(total.W, weight, value.W));

    /// <summary>A row without weight adds nothing, whatever it holds.</summary>
    private static float Add(float total, float weight, float value) => weight != 0 ? total + (weight * value) : total;

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
