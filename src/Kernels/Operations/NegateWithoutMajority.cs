// aggregate[k] = -aggregate[k] where fewer signs of column k agree than a threshold asks for.
namespace FlGpu.Kernels;

/// <summary>
/// Negates, in place, each element of <paramref name="Aggregate"/> (1 x d) where the sum of the signs of its column of
/// <paramref name="Updates"/> (n x d) is smaller in magnitude than <paramref name="Threshold"/>. Zero and NaN have no sign. The robust
/// learning rate: Ozdayi et al., AAAI 2021, section 4.
/// </summary>
[About("negates the coordinates on whose sign too few rows agree, in place")]
public readonly record struct NegateWithoutMajority(Matrix Updates, Matrix Aggregate, int Threshold) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new(2 * Updates.Length, Updates.Bytes + Aggregate.Bytes, Aggregate.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key.Fold(0));
        Matrix aggregate = TestData.Normal(backend, 1, parameters, key.Fold(1));
        var operation = new NegateWithoutMajority(updates, aggregate, (clients + 3) / 4);
        void Run() => backend.Run(operation);
        return new(Run, aggregate, operation.Cost, parameters, Magnitude: 1, Restore: Run, [updates, aggregate]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int k = 0; k < Updates.Columns; k++)
        {
            int sum = 0;
            for (int i = 0; i < Updates.Rows; i++)
            {
                sum += Updates[i, k] > 0 ? 1 : Updates[i, k] < 0 ? -1 : 0;
            }

            Aggregate[k] = Math.Abs(sum) < Threshold ? -Aggregate[k] : Aggregate[k];
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile((Updates.Columns + SignSums.Width - 1) / SignSums.Width, Updates.Length,
            new Columns(Updates.Host, Aggregate.Host, Updates.Rows, Updates.Columns, Threshold));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel, gpu.ThreadEach(Updates.Columns), GpuBackend.View(Updates), GpuBackend.View(Aggregate), Threshold);

    /// <summary>A thread owns a column.</summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<float> aggregate, int threshold)
    {
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < aggregate.Length; k += (long)Grid.DimX * Group.DimX)
        {
            int sum = SignSums.Of(updates, k, aggregate.Length);
            if (sum < threshold && -sum < threshold)
            {
                aggregate[k] = -aggregate[k];
            }
        }
    }

    private readonly unsafe struct Columns(float* updates, float* aggregate, int rows, int columns, int threshold) : ITiles
    {
        public nuint ScratchBytes => SignSums.Width * sizeof(int);

        public void Run(int tile, byte* scratch)
        {
            long first = (long)tile * SignSums.Width;
            int width = (int)Math.Min(SignSums.Width, columns - first);
            int* sums = (int*)scratch;
            SignSums.Add(sums, updates + first, rows, columns, width);
            for (int k = 0; k < width; k++)
            {
                aggregate[first + k] = Math.Abs(sums[k]) < threshold ? -aggregate[first + k] : aggregate[first + k];
            }
        }
    }
}
