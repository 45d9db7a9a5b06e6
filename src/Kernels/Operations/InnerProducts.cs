// products[i, j] = the inner product of rows i and j.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Inner products between all rows of <paramref name="Vectors"/> (m x d) into <paramref name="Products"/> (m x m, symmetric), summed in
/// double precision. For a few vectors, whose lengths may differ widely: a history, the directions of a quasi-Newton method.
/// </summary>
[About("inner products between all pairs of rows")]
public readonly record struct InnerProducts(Matrix Vectors, Matrix Products) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new((long)Vectors.Rows * Vectors.Rows * Vectors.Columns * 2, Vectors.Bytes, Products.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix vectors = TestData.Normal(backend, clients, parameters, key);
        Matrix products = backend.AllocateMatrix(clients, clients);
        var operation = new InnerProducts(vectors, products);
        return new(() => backend.Run(operation), products, operation.Cost, parameters, parameters, Restore: null, [vectors, products]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Vectors.Rows; i++)
        {
            for (int j = 0; j < Vectors.Rows; j++)
            {
                double sum = 0;
                for (int k = 0; k < Vectors.Columns; k++)
                {
                    sum += (double)Vectors[i, k] * Vectors[j, k];
                }

                Products[i, j] = (float)sum;
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Vectors.Rows, Cost.Flops, new Rows(Vectors.Host, Products.Host, Vectors.Rows, Vectors.Columns));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu)
    {
        int slices = RowSlices.Count(Vectors.Columns);
        ArrayView<double> partial = gpu.DoubleScratch(Products.Length * slices);
        gpu.Runtime.Launch(Kernel, gpu.GroupEach(partial.Length), GpuBackend.View(Vectors), partial, (long)Vectors.Rows, slices);
        RowSlices.Finish(gpu, partial, Products, slices, root: false);
    }

    /// <summary>A group owns a slice of a pair of rows.</summary>
    private static void Kernel(ArrayView<float> vectors, ArrayView<double> partial, long rows, int slices)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GpuBackend.MaxGroupSize);
        long columns = vectors.Length / rows;
        for (long slice = Grid.IdxX; slice < partial.Length; slice += Grid.DimX)
        {
            long pair = slice / slices;
            long i = pair / rows;
            long j = pair - (i * rows);
            double sum = RowSlices.Sum(new ProductTerms(vectors, i * columns, j * columns), slice - (pair * slices), columns, shared);
            if (Group.IdxX == 0)
            {
                partial[slice] = sum;
            }
        }
    }

    private readonly struct ProductTerms(ArrayView<float> vectors, long first, long other) : IRowTerms
    {
        public double At(long column) => (double)vectors[first + column] * vectors[other + column];

        public double QuadAt(long quad)
        {
            Float4 a = vectors.Cast<Float4>()[(first / 4) + quad];
            Float4 b = vectors.Cast<Float4>()[(other / 4) + quad];
            return ((double)a.X * b.X) + ((double)a.Y * b.Y) + (((double)a.Z * b.Z) + ((double)a.W * b.W));
        }
    }

    private readonly unsafe struct Rows(float* vectors, float* products, int rows, int columns) : ITiles
    {
        public void Run(int tile, byte* scratch)
        {
            float* row = vectors + ((long)tile * columns);
            for (int j = 0; j < rows; j++)
            {
                float* other = vectors + ((long)j * columns);
                Vector512<double> lower = Vector512<double>.Zero, upper = lower;
                int k = 0;
                for (; k + 16 <= columns; k += 16)
                {
                    (Vector512<double> a, Vector512<double> b) = Vector512.Widen(Vector512.Load(row + k));
                    (Vector512<double> c, Vector512<double> d) = Vector512.Widen(Vector512.Load(other + k));
                    lower = Vector512.MultiplyAddEstimate(a, c, lower);
                    upper = Vector512.MultiplyAddEstimate(b, d, upper);
                }

                double sum = Vector512.Sum(lower + upper);
                for (; k < columns; k++)
                {
                    sum += (double)row[k] * other[k];
                }

                products[((long)tile * rows) + j] = (float)sum;
            }
        }
    }
}
