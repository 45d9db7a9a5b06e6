// products[i, j] = the inner product of rows i and j, for many rows.
namespace FlGpu.Kernels;

/// <summary>
/// Inner products between all rows of <paramref name="Rows"/> (n x d) into <paramref name="Products"/> (n x n, symmetric, the squares of
/// the norms on its diagonal), and in the same pass the Euclidean norms into <paramref name="Norms"/> (1 x n) where it is given. An error
/// is relative to the product of the two rows' norms, however different they are; a norm is right even where its square is out of range.
/// <see cref="InnerProducts"/> is slower, and summed in double precision throughout.
/// </summary>
[About("inner products between all pairs of many rows")]
public readonly record struct GramMatrix(Matrix Rows, Matrix Products, Matrix? Norms = null) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new(
        ((long)Rows.Rows * (Rows.Rows + 1) * Rows.Columns) + (Norms is null ? 0 : 2 * Rows.Length), Rows.Bytes, Products.Bytes + (Norms?.Bytes ?? 0));

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix rows = TestData.Normal(backend, clients, parameters, key);
        Matrix products = backend.AllocateMatrix(clients, clients);
        var operation = new GramMatrix(rows, products);
        return new(() => backend.Run(operation), products, operation.Cost, parameters, parameters, Restore: null, [rows, products]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        new InnerProducts(Rows, Products).Reference();
        if (Norms is not null)
        {
            new RowNorms(Rows, Norms).Reference();
        }
    }

    /// <inheritdoc/>
    public void Simd(SimdBackend simd) => RowPairs<ProductTerm>.Run(simd, Rows, Products, Norms, origin: null, Cost.Flops);

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu)
    {
        if (Norms is not null)
        {
            new RowNorms(Rows, Norms).Gpu(gpu);
        }

        long n = Rows.Rows;
        gpu.Runtime.Launch(Kernel, gpu.GroupEach(n * (n + 1) / 2), GpuBackend.View(Rows), GpuBackend.View(Products), n);
    }

    /// <summary>A group owns a pair of rows; its threads add every DimX-th column, then their sums in a fixed tree.</summary>
    private static void Kernel(ArrayView<float> rows, ArrayView<float> products, long n)
    {
        const int ChunkColumns = 64;
        ArrayView<double> shared = SharedMemory.Allocate<double>(GpuBackend.MaxGroupSize);
        long columns = rows.Length / n;
        for (long pair = Grid.IdxX; pair < n * (n + 1) / 2; pair += Grid.DimX)
        {
            // Row i of the lower triangle starts at i (i + 1) / 2; the root may be off by one where floats are coarse.
            long i = (long)((Math.Sqrt((8.0 * pair) + 1) - 1) / 2);
            i -= i * (i + 1) / 2 > pair ? 1 : 0;
            i += (i + 1) * (i + 2) / 2 <= pair ? 1 : 0;
            long j = pair - (i * (i + 1) / 2);
            double sum = 0;
            for (long start = Group.IdxX; start < columns; start += (long)ChunkColumns * Group.DimX)
            {
                // Short runs in single precision, added up in double: as fast as float, nearly as exact as double.
                float run = 0;
                long end = Math.Min(columns, start + ((long)ChunkColumns * Group.DimX));
                for (long k = start; k < end; k += Group.DimX)
                {
                    run += rows[(i * columns) + k] * rows[(j * columns) + k];
                }

                sum += run;
            }

            sum = GroupSum.Of(sum, shared);
            if (Group.IdxX == 0)
            {
                products[(i * n) + j] = (float)sum;
                products[(j * n) + i] = (float)sum;
            }
        }
    }
}
