// mean[k] = the mean of column k without its smallest and largest values.
namespace FlGpu.Kernels;

/// <summary>
/// The mean of each column of <paramref name="Updates"/> (n x d) without its <paramref name="Trim"/> smallest and
/// <paramref name="Trim"/> largest values, into <paramref name="Mean"/> (1 x d). By rank, not by subtracting extremes from
/// the sum, so infinities that are trimmed leave no trace. NaN sorts above +infinity. 2 * Trim must be below n.
/// Yin et al., Byzantine-Robust Distributed Learning, ICML 2018, definition 2.
/// </summary>
[About("mean of each column without its extremes")]
public readonly record struct TrimmedMean(Matrix Updates, Matrix Mean, int Trim) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => Ranks.Cost;

    private RankMean Ranks => new(Updates, Mean, Trim, Updates.Rows - 1 - Trim);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key);
        Matrix mean = backend.AllocateMatrix(1, parameters);
        var operation = new TrimmedMean(updates, mean, clients / 5);
        return new(() => backend.Run(operation), mean, operation.Cost, parameters, Magnitude: 1, Restore: null, [updates, mean]);
    }

    /// <inheritdoc/>
    public void Reference() => Ranks.Reference();

    /// <inheritdoc/>
    public void Simd(SimdBackend simd) => Ranks.Simd(simd);

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Ranks.Gpu(gpu);
}
