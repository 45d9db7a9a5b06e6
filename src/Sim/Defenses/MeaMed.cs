// Mean around median: each coordinate's values closest to their median.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The mean of the n - f values of each coordinate that are closest to their median (Xie, Koyejo and Gupta, 2018, definition 10). NaN and
/// infinity are farthest, so the result is finite while no more than f updates, fewer than half, are NaN or infinite.
/// </summary>
[About("mean of the n - f values closest to the coordinate-wise median", Name = "meamed", Paper = "Xie et al., arXiv 1802.10116, 2018")]
public sealed class MeaMed : IDefense
{
    private readonly Setting _setting;
    private readonly int _malicious;
    private readonly Buffer<int> _all;
    private readonly Matrix _center;

    /// <summary>Leaves out f values of each coordinate.</summary>
    public MeaMed(Setting setting, [About("values left out, fewer than half; default: the malicious clients of the setting")] int? f = null)
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
        _setting.Backend.Run(new CoordinateMedian(round.Updates, _center, EvenMedian.Average));
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
