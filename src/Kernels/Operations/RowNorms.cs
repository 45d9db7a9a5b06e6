// norms[i] = the Euclidean norm of row i.
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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
    public void Gpu(GpuBackend gpu)
    {
        int slices = RowSlices.Count(Updates.Columns);
        ArrayView<double> partial = gpu.DoubleScratch((long)Updates.Rows * slices);
        gpu.Runtime.Launch(Kernel, gpu.GroupEach(partial.Length), GpuBackend.View(Updates), partial, slices);
        RowSlices.Finish(gpu, partial, Norms, slices, root: true);
    }

    /// <summary>A group owns a slice of a row.</summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<double> partial, int slices)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GpuBackend.MaxGroupSize);
        long columns = updates.Length / (partial.Length / slices);
        for (long slice = Grid.IdxX; slice < partial.Length; slice += Grid.DimX)
        {
            long i = slice / slices;
            double sum = RowSlices.Sum(new Squares(updates, i * columns), slice - (i * slices), columns, shared);
            if (Group.IdxX == 0)
            {
                partial[slice] = sum;
            }
        }
    }

    private readonly struct Squares(ArrayView<float> updates, long first) : IRowTerms
    {
        public double At(long column)
        {
            double x = updates[first + column];
            return x * x;
        }

        public double QuadAt(long quad)
        {
            Float4 v = updates.Cast<Float4>()[(first / 4) + quad];
            return ((double)v.X * v.X) + ((double)v.Y * v.Y) + (((double)v.Z * v.Z) + ((double)v.W * v.W));
        }
    }

    // A page: there the hardware, which follows the row by itself, would begin anew.
    private const int FloatsAhead = 1024;

    /// <summary>The sum of the squares of a row's elements.</summary>
    internal static unsafe double SquareOf(float* row, int columns)
    {
        Vector512<double> s0 = Vector512<double>.Zero, s1 = s0, s2 = s0, s3 = s0;
        int k = 0;
        for (; k + 32 <= columns; k += 32)
        {
            if (Sse.IsSupported)
            {
                Sse.Prefetch0(row + k + FloatsAhead);
                Sse.Prefetch0(row + k + FloatsAhead + 16);
            }

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
