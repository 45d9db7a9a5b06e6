// squared[i] = the squared Euclidean distance of row i to one vector.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Squared Euclidean distances of the rows of <paramref name="Updates"/> (n x d) to <paramref name="Vector"/> (1 x d) into
/// <paramref name="Squared"/> (1 x n). Differences are taken first and summed in double precision.
/// </summary>
[About("squared Euclidean distance of each row to a vector")]
public readonly record struct DistancesToVector(Matrix Updates, Matrix Vector, Matrix Squared) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new(3 * Updates.Length, Updates.Bytes + Vector.Bytes, Squared.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key.Fold(0));
        Matrix vector = TestData.Normal(backend, 1, parameters, key.Fold(1));
        Matrix squared = backend.AllocateMatrix(1, clients);
        var operation = new DistancesToVector(updates, vector, squared);
        return new(() => backend.Run(operation), squared, operation.Cost, parameters, 2.0 * parameters, Restore: null, [updates, vector, squared]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Updates.Rows; i++)
        {
            double sum = 0;
            for (int k = 0; k < Updates.Columns; k++)
            {
                double difference = (double)Updates[i, k] - Vector[k];
                sum += difference * difference;
            }

            Squared[i] = (float)sum;
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Updates.Rows, Updates.Length, new Rows(Updates.Host, Vector.Host, Squared.Host, Updates.Columns));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Launch(gpu, Updates, Vector, Squared, root: false);

    /// <summary>Launches the kernels for squared distances, or for their roots.</summary>
    internal static void Launch(GpuBackend gpu, Matrix updates, Matrix vector, Matrix distances, bool root)
    {
        int slices = RowSlices.Count(updates.Columns);
        ArrayView<double> partial = gpu.DoubleScratch((long)updates.Rows * slices);
        gpu.Runtime.Launch(Kernel, gpu.GroupEach(partial.Length), GpuBackend.View(updates), GpuBackend.View(vector), partial, slices);
        RowSlices.Finish(gpu, partial, distances, slices, root);
    }

    /// <summary>A group owns a slice of a row.</summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<float> vector, ArrayView<double> partial, int slices)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GpuBackend.MaxGroupSize);
        long columns = vector.Length;
        for (long slice = Grid.IdxX; slice < partial.Length; slice += Grid.DimX)
        {
            long i = slice / slices;
            double sum = RowSlices.Sum(new SquaredDifferences(updates, i * columns, vector), slice - (i * slices), columns, shared);
            if (Group.IdxX == 0)
            {
                partial[slice] = sum;
            }
        }
    }

    private readonly struct SquaredDifferences(ArrayView<float> updates, long first, ArrayView<float> vector) : IRowTerms
    {
        public double At(long column)
        {
            double difference = (double)updates[first + column] - vector[column];
            return difference * difference;
        }

        public double QuadAt(long quad)
        {
            Float4 a = updates.Cast<Float4>()[(first / 4) + quad];
            Float4 b = vector.Cast<Float4>()[quad];
            double x = (double)a.X - b.X;
            double y = (double)a.Y - b.Y;
            double z = (double)a.Z - b.Z;
            double w = (double)a.W - b.W;
            return (x * x) + (y * y) + ((z * z) + (w * w));
        }
    }

    /// <summary>The squared distance of a row to a vector.</summary>
    internal static unsafe double SquareOf(float* row, float* vector, int columns)
    {
        Vector512<double> s0 = Vector512<double>.Zero, s1 = s0;
        int k = 0;
        for (; k + 16 <= columns; k += 16)
        {
            (Vector512<double> a, Vector512<double> b) = Vector512.Widen(Vector512.Load(row + k));
            (Vector512<double> c, Vector512<double> d) = Vector512.Widen(Vector512.Load(vector + k));
            a -= c;
            b -= d;
            s0 = Vector512.MultiplyAddEstimate(a, a, s0);
            s1 = Vector512.MultiplyAddEstimate(b, b, s1);
        }

        double sum = Vector512.Sum(s0 + s1);
        for (; k < columns; k++)
        {
            double difference = (double)row[k] - vector[k];
            sum += difference * difference;
        }

        return sum;
    }

    private readonly unsafe struct Rows(float* updates, float* vector, float* squared, int columns) : ITiles
    {
        public void Run(int tile, byte* scratch) => squared[tile] = (float)SquareOf(updates + ((long)tile * columns), vector, columns);
    }
}
