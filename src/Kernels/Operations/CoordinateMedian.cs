// median[k] = the median of column k.
namespace FlGpu.Kernels;

/// <summary>What the median of an even number of values is.</summary>
public enum EvenMedian
{
    /// <summary>The mean of the two middle values (NumPy, ByzFL).</summary>
    Average,

    /// <summary>The lower of the two (torch.median).</summary>
    Lower,

    /// <summary>The upper of the two (Garfield's CUDA kernel).</summary>
    Upper,
}

/// <summary>
/// The median of each column of <paramref name="Updates"/> (n x d) into <paramref name="Median"/> (1 x d). NaN sorts above
/// +infinity. Coordinate-wise median: Yin et al., Byzantine-Robust Distributed Learning, ICML 2018, definition 1.
/// </summary>
[About("median of each column")]
public readonly record struct CoordinateMedian(Matrix Updates, Matrix Median, EvenMedian Even) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => Ranks.Cost;

    private RankMean Ranks => new(Updates, Median,
        Even == EvenMedian.Upper ? Updates.Rows / 2 : (Updates.Rows - 1) / 2,
        Even == EvenMedian.Lower ? (Updates.Rows - 1) / 2 : Updates.Rows / 2);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key);
        Matrix median = backend.AllocateMatrix(1, parameters);
        var operation = new CoordinateMedian(updates, median, EvenMedian.Average);
        return new(() => backend.Run(operation), median, operation.Cost, parameters, Magnitude: 1, Restore: null, [updates, median]);
    }

    /// <inheritdoc/>
    public void Reference() => Ranks.Reference();

    /// <inheritdoc/>
    public void Simd(SimdBackend simd) => Ranks.Simd(simd);

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Ranks.Gpu(gpu);
}
