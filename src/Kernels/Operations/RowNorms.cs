// norms[i] = the Euclidean norm of row i.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// The Euclidean norms of the rows of <paramref name="Updates"/> (n x d) into <paramref name="Norms"/> (1 x n), summed in
/// double precision so that large elements do not overflow.
/// </summary>
[About("Euclidean norm of each row")]
public readonly record struct RowNorms(Matrix Updates, Matrix Norms) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new(2 * Updates.Length, Updates.Bytes, Norms.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key);
        Matrix norms = backend.AllocateMatrix(1, clients);
        var operation = new RowNorms(updates, norms);
        return new(() => backend.Run(operation), norms, operation.Cost, parameters, Math.Sqrt(parameters), Restore: null, [updates, norms]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Updates.Rows; i++)
        {
            double sum = 0;
            for (int k = 0; k < Updates.Columns; k++)
            {
                sum += (double)Updates[i, k] * Updates[i, k];
            }

            Norms[i] = (float)Math.Sqrt(sum);
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Updates.Rows, Updates.Length, new Rows(Updates.Host, Norms.Host, Updates.Columns));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel, gpu.GroupEach(Updates.Rows), GpuBackend.View(Updates), GpuBackend.View(Norms));

    /// <summary>A group owns a row; its threads add every DimX-th element, then their sums in a fixed tree.</summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<float> norms)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GpuBackend.MaxGroupSize);
        long columns = updates.Length / norms.Length;
        for (long i = Grid.IdxX; i < norms.Length; i += Grid.DimX)
        {
            double sum = 0;
            for (long k = Group.IdxX; k < columns; k += Group.DimX)
            {
                double x = updates[(i * columns) + k];
                sum += x * x;
            }

            sum = GroupSum.Of(sum, shared);
            if (Group.IdxX == 0)
            {
                norms[i] = (float)Math.Sqrt(sum);
            }
        }
    }

    /// <summary>The sum of the squares of a row's elements.</summary>
    internal static unsafe double SquareOf(float* row, int columns)
    {
        Vector512<double> s0 = Vector512<double>.Zero, s1 = s0, s2 = s0, s3 = s0;
        int k = 0;
        for (; k + 32 <= columns; k += 32)
        {
            (Vector512<double> a, Vector512<double> b) = Vector512.Widen(Vector512.Load(row + k));
            (Vector512<double> c, Vector512<double> d) = Vector512.Widen(Vector512.Load(row + k + 16));
            s0 = Vector512.MultiplyAddEstimate(a, a, s0);
            s1 = Vector512.MultiplyAddEstimate(b, b, s1);
            s2 = Vector512.MultiplyAddEstimate(c, c, s2);
            s3 = Vector512.MultiplyAddEstimate(d, d, s3);
        }

        double sum = Vector512.Sum(s0 + s1 + (s2 + s3));
        for (; k < columns; k++)
        {
            sum += (double)row[k] * row[k];
        }

        return sum;
    }

    private readonly unsafe struct Rows(float* updates, float* norms, int columns) : ITiles
    {
        public void Run(int tile, byte* scratch) => norms[tile] = (float)Math.Sqrt(SquareOf(updates + ((long)tile * columns), columns));
    }
}
