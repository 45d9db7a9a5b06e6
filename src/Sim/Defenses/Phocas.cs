// Phocas: each coordinate's values closest to their trimmed mean.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The mean of the n - f values of each coordinate that are closest to their trimmed mean, which has f values cut on either side (Xie,
/// Koyejo and Gupta, 2018, definition 8). NaN and infinity are farthest, so the result is finite while no more than f updates are so.
/// </summary>
[About("mean of the n - f values closest to the coordinate-wise trimmed mean", Paper = "Xie et al., arXiv 1805.09682, 2018")]
public sealed class Phocas : IDefense
{
    private readonly Setting _setting;
    private readonly int _malicious;
    private readonly Buffer<int> _all;
    private readonly Matrix _center;

    /// <summary>Leaves out f values of each coordinate.</summary>
    public Phocas(Setting setting, [About("values left out, fewer than half; default: the malicious clients of the setting")] int? f = null)
    {
        _malicious = f ?? setting.Malicious;
        if (_malicious < 0 || 2 * _malicious >= setting.Clients)
        {
            throw new InputException($"f is {_malicious}; allowed is 0 to {(setting.Clients - 1) / 2} for {setting.Clients} clients a round");
        }

        _setting = setting;
        _all = setting.Backend.Upload<int>([.. Enumerable.Range(0, setting.Clients)]);
        _center = setting.Backend.AllocateMatrix(1, setting.Parameters);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _setting.Backend.Run(new TrimmedMean(round.Updates, _center, _malicious));
        _setting.Backend.Run(new MeanAroundCenter(round.Updates, _all, _center, _setting.Clients - _malicious, aggregate));
        return [];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _all.Dispose();
        _center.Dispose();
    }
}
