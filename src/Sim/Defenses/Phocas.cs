// Phocas: each coordinate's values closest to their trimmed mean.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The mean of the n - f values of each coordinate that are closest to their trimmed mean, which has f values cut on either side (Xie,
/// Koyejo and Gupta, 2018, definition 8). NaN and infinity are farthest, so the result is finite while no more than f updates are so.
/// </summary>
[About("mean of the n - f values closest to the coordinate-wise trimmed mean", Paper = "Xie et al., arXiv 1805.09682, 2018")]
public sealed class Phocas(
    Setting setting, [About("values left out, fewer than half; default: the malicious clients of the setting")] int? f = null) : IDefense
{
    private readonly ValuesAroundCenter _values = new(setting, f);

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        setting.Backend.Run(new TrimmedMean(round.Updates, _values.Center, _values.Malicious));
        _values.Average(round.Updates, aggregate);
        return [];
    }

    /// <inheritdoc/>
    public void Dispose() => _values.Dispose();
}
