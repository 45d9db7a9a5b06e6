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

        PairTiles.Products(gpu, Rows, Products);
    }
}
