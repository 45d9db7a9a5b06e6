// Mean around median: each coordinate's values closest to their median.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The mean of the n - f values of each coordinate that are closest to their median (Xie, Koyejo and Gupta, 2018, definition 10). NaN and
/// infinity are farthest, so the result is finite while no more than f updates, fewer than half, are NaN or infinite.
/// </summary>
[About("mean of the n - f values closest to the coordinate-wise median", Name = "meamed", Paper = "Xie et al., arXiv 1802.10116, 2018")]
public sealed class MeaMed(
    Setting setting, [About("values left out, fewer than half; default: the malicious clients of the setting")] int? f = null) : IDefense
{
    private readonly ValuesAroundCenter _values = new(setting, f);

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        setting.Backend.Run(new CoordinateMedian(round.Updates, _values.Center, EvenMedian.Average));
        _values.Average(round.Updates, aggregate);
        return [];
    }

    /// <inheritdoc/>
    public void Dispose() => _values.Dispose();
}
