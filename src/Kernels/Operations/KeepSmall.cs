// updates[i, k] = 0 wherever |vector[k]| is above a threshold.
namespace FlGpu.Kernels;

/// <summary>
/// Clears, in place, the columns of <paramref name="Updates"/> (n x d) in which <paramref name="Vector"/> (1 x d) is larger than
/// <paramref name="Threshold"/> in magnitude.
/// </summary>
[About("clears the columns in which a vector is large, in place")]
public readonly record struct KeepSmall(Matrix Updates, Matrix Vector, float Threshold) : IOperation, ILaneOperation
{
    /// <inheritdoc/>
    public Work Cost => new(Updates.Length, Vector.Bytes, Updates.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key.Fold(0));
        Matrix vector = TestData.Normal(backend, 1, parameters, key.Fold(1));
        var operation = new KeepSmall(updates, vector, 1);
        return new(() => backend.Run(operation), updates, operation.Cost, 1, Magnitude: 1, Restore: null, [updates, vector]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Updates.Rows; i++)
        {
            for (int k = 0; k < Updates.Columns; k++)
            {
                if (Math.Abs(Vector[k]) > Threshold)
                {
                    Updates[i, k] = 0;
                }
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Updates.Rows, Updates.Length, new Rows(Updates.Host, Vector.Host, Updates.Columns, Threshold));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Lanes.Launch(this, gpu, Updates.Columns);

    void ILaneOperation.Launch<T>(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel<T>, gpu.ThreadEach(Updates.Columns / T.Count), GpuBackend.Lanes<T>(Updates), GpuBackend.Lanes<T>(Vector), Threshold);

    /// <summary>A thread owns a column, or four, and goes down those only of which something is cleared.</summary>
    private static void Kernel<T>(ArrayView<T> updates, ArrayView<T> vector, float threshold) where T : unmanaged, ILanes<T>
    {
        long columns = vector.Length;
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < columns; k += (long)Grid.DimX * Group.DimX)
        {
            T judge = vector[k];
            int large = T.Tally(new Large(threshold, 0), judge).Count;
            if (large == T.Count)
            {
                for (long e = k; e < updates.Length; e += columns)
                {
                    updates[e] = default;
                }
            }
            else if (large > 0)
            {
                for (long e = k; e < updates.Length; e += columns)
                {
                    updates[e] = T.WhereSmall(updates[e], judge, threshold);
                }
            }
        }
    }

    /// <summary>How many are above a threshold in magnitude.</summary>
    private readonly struct Large(float threshold, int count) : ITally<Large>
    {
        public int Count => count;

        public Large With(float value) => new(threshold, count + (value > threshold | value < -threshold ? 1 : 0));
    }

    private readonly unsafe struct Rows(float* updates, float* vector, int columns, float threshold) : ITiles
    {
        public void Run(int tile, byte* scratch)
        {
            float* row = updates + ((long)tile * columns);
            for (int k = 0; k < columns; k++)
            {
                if (Math.Abs(vector[k]) > threshold)
                {
                    row[k] = 0;
                }
            }
        }
    }
}
