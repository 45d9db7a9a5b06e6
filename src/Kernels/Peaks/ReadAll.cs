// totals[i] = the sum of row i: nothing but reading, so that its time is that of the memory.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// The sum of each row of <paramref name="Updates"/> (n x d) into <paramref name="Totals"/> (1 x n). With a matrix much larger than the
/// caches it measures the bandwidth of reading memory.
/// </summary>
[About("sum of each row: probe of the read bandwidth")]
public readonly record struct ReadAll(Matrix Updates, Matrix Totals) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new(Updates.Length, Updates.Bytes, Totals.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        // Each row is a window onto the same random numbers: a matrix of gigabytes is filled as fast as it is copied.
        using var host = new ReferenceBackend();
        using Matrix numbers = TestData.Normal(host, 1, clients + parameters, key);
        float[] windows = numbers.ToArray();
        Matrix updates = backend.AllocateMatrix(clients, parameters);
        for (int i = 0; i < clients; i++)
        {
            updates.CopyFrom(windows.AsSpan(i, parameters), i);
        }

        Matrix totals = backend.AllocateMatrix(1, clients);
        var operation = new ReadAll(updates, totals);
        return new(() => backend.Run(operation), totals, operation.Cost, parameters, Math.Sqrt(parameters), Restore: null, [updates, totals]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Updates.Rows; i++)
        {
            double sum = 0;
            for (int k = 0; k < Updates.Columns; k++)
            {
                sum += Updates[i, k];
            }

            Totals[i] = (float)sum;
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Updates.Rows, Updates.Length, new Rows(Updates.Host, Totals.Host, Updates.Columns));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel, gpu.GroupEach(Updates.Rows), GpuBackend.View(Updates), GpuBackend.View(Totals));

    /// <summary>A group owns a row. Each thread has four loads under way at once, which it takes to fill the memory's pipes.</summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<float> totals)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GpuBackend.MaxGroupSize);
        long columns = updates.Length / totals.Length;
        for (long i = Grid.IdxX; i < totals.Length; i += Grid.DimX)
        {
            long row = i * columns;
            float s0 = 0, s1 = 0, s2 = 0, s3 = 0;
            long k = Group.IdxX;
            for (; k + (3 * Group.DimX) < columns; k += 4 * Group.DimX)
            {
                s0 += updates[row + k];
                s1 += updates[row + k + Group.DimX];
                s2 += updates[row + k + (2 * Group.DimX)];
                s3 += updates[row + k + (3 * Group.DimX)];
            }

            for (; k < columns; k += Group.DimX)
            {
                s0 += updates[row + k];
            }

            double sum = GroupSum.Of((double)s0 + s1 + ((double)s2 + s3), shared);
            if (Group.IdxX == 0)
            {
                totals[i] = (float)sum;
            }
        }
    }

    private readonly unsafe struct Rows(float* updates, float* totals, int columns) : ITiles
    {
        public void Run(int tile, byte* scratch)
        {
            float* row = updates + ((long)tile * columns);
            Vector512<float> s0 = Vector512<float>.Zero, s1 = s0, s2 = s0, s3 = s0;
            int k = 0;
            for (; k + 64 <= columns; k += 64)
            {
                s0 += Vector512.Load(row + k);
                s1 += Vector512.Load(row + k + 16);
                s2 += Vector512.Load(row + k + 32);
                s3 += Vector512.Load(row + k + 48);
            }

            double sum = Vector512.Sum(s0 + s1 + (s2 + s3));
            for (; k < columns; k++)
            {
                sum += row[k];
            }

            totals[tile] = (float)sum;
        }
    }
}
