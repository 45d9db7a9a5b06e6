// products[i, j] = the inner product of rows i and j.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

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
        simd.ForEachTile(Blocks.Count(Vectors.Rows), Cost.Flops, new Blocks(Vectors.Host, Products.Host, Vectors.Rows, Vectors.Columns));

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

    /// <summary>
    /// A tile is a block of four rows against another, or against itself: each value is widened once for four products. Where there are fewer rows
    /// left, the last one stands in for them and its sums are not stored again.
    /// </summary>
    private readonly unsafe struct Blocks(float* vectors, float* products, int rows, int columns) : ITiles
    {
        private const int Side = 4;
        private const int Lanes = 8;

        public static int Count(int rows)
        {
            int blocks = (rows + Side - 1) / Side;
            return blocks * (blocks + 1) / 2;
        }

        public void Run(int tile, byte* scratch)
        {
            int j = 0;
            while (tile > j)
            {
                tile -= ++j;
            }

            double* sums = stackalloc double[Side * Side];
            Multiply(tile * Side, j * Side, sums);
            for (int r = 0; r < Side && (tile * Side) + r < rows; r++)
            {
                for (int c = 0; c < Side && (j * Side) + c < rows; c++)
                {
                    float product = (float)sums[(r * Side) + c];
                    products[((((long)tile * Side) + r) * rows) + (j * Side) + c] = product;
                    products[((((long)j * Side) + c) * rows) + (tile * Side) + r] = product;
                }
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void Multiply(int i, int j, double* sums)
        {
            float* x0 = Row(i), x1 = Row(i + 1), x2 = Row(i + 2), x3 = Row(i + 3);
            float* y0 = Row(j), y1 = Row(j + 1), y2 = Row(j + 2), y3 = Row(j + 3);
            Vector512<double> s00 = Vector512<double>.Zero, s01 = s00, s02 = s00, s03 = s00, s10 = s00, s11 = s00, s12 = s00, s13 = s00;
            Vector512<double> s20 = s00, s21 = s00, s22 = s00, s23 = s00, s30 = s00, s31 = s00, s32 = s00, s33 = s00;
            int k = 0;
            for (; k + Lanes <= columns; k += Lanes)
            {
                Vector512<double> b0 = Widen(y0 + k), b1 = Widen(y1 + k), b2 = Widen(y2 + k), b3 = Widen(y3 + k);
                Vector512<double> a = Widen(x0 + k);
                s00 = Vector512.MultiplyAddEstimate(a, b0, s00);
                s01 = Vector512.MultiplyAddEstimate(a, b1, s01);
                s02 = Vector512.MultiplyAddEstimate(a, b2, s02);
                s03 = Vector512.MultiplyAddEstimate(a, b3, s03);
                a = Widen(x1 + k);
                s10 = Vector512.MultiplyAddEstimate(a, b0, s10);
                s11 = Vector512.MultiplyAddEstimate(a, b1, s11);
                s12 = Vector512.MultiplyAddEstimate(a, b2, s12);
                s13 = Vector512.MultiplyAddEstimate(a, b3, s13);
                a = Widen(x2 + k);
                s20 = Vector512.MultiplyAddEstimate(a, b0, s20);
                s21 = Vector512.MultiplyAddEstimate(a, b1, s21);
                s22 = Vector512.MultiplyAddEstimate(a, b2, s22);
                s23 = Vector512.MultiplyAddEstimate(a, b3, s23);
                a = Widen(x3 + k);
                s30 = Vector512.MultiplyAddEstimate(a, b0, s30);
                s31 = Vector512.MultiplyAddEstimate(a, b1, s31);
                s32 = Vector512.MultiplyAddEstimate(a, b2, s32);
                s33 = Vector512.MultiplyAddEstimate(a, b3, s33);
            }

            sums[0] = Vector512.Sum(s00);
            sums[1] = Vector512.Sum(s01);
            sums[2] = Vector512.Sum(s02);
            sums[3] = Vector512.Sum(s03);
            sums[4] = Vector512.Sum(s10);
            sums[5] = Vector512.Sum(s11);
            sums[6] = Vector512.Sum(s12);
            sums[7] = Vector512.Sum(s13);
            sums[8] = Vector512.Sum(s20);
            sums[9] = Vector512.Sum(s21);
            sums[10] = Vector512.Sum(s22);
            sums[11] = Vector512.Sum(s23);
            sums[12] = Vector512.Sum(s30);
            sums[13] = Vector512.Sum(s31);
            sums[14] = Vector512.Sum(s32);
            sums[15] = Vector512.Sum(s33);
            for (; k < columns; k++)
            {
                for (int pair = 0; pair < Side * Side; pair++)
                {
                    sums[pair] += (double)Row(i + (pair / Side))[k] * Row(j + (pair % Side))[k];
                }
            }
        }

        private float* Row(int i) => vectors + ((long)Math.Min(i, rows - 1) * columns);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<double> Widen(float* values) =>
            Avx512F.IsSupported
                ? Avx512F.ConvertToVector512Double(Vector256.Load(values))
                : Vector512.Create(Widen(Vector128.Load(values)), Widen(Vector128.Load(values + 4)));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<double> Widen(Vector128<float> values)
        {
            (Vector128<double> lower, Vector128<double> upper) = Vector128.Widen(values);
            return Vector256.Create(lower, upper);
        }
    }
}
