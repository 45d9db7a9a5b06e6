// The coordinate-wise median.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The median of each coordinate. NaN counts as larger than everything, so the result is finite while fewer than half of the
/// updates are NaN or infinite.
/// </summary>
[About("coordinate-wise median", Paper = "Yin et al., ICML 2018")]
public sealed class Median(
    Setting setting, [About("the median of an even number of values: mean of the middle two, or one of them")] EvenMedian even = EvenMedian.Average) : IDefense
{
    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        setting.Backend.Run(new CoordinateMedian(round.Updates, aggregate, even));
        return [];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
