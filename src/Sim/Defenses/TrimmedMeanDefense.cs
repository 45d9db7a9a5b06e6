// The coordinate-wise trimmed mean.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The mean of each coordinate without its largest and smallest values: int(trim * n) on either side, or f. NaN counts as
/// larger than everything, so the result is finite while no more updates than that are NaN or infinite.
/// </summary>
[About("coordinate-wise trimmed mean", Name = "trimmed_mean", Paper = "Yin et al., ICML 2018")]
public sealed class TrimmedMeanDefense : IDefense
{
    private readonly Setting _setting;
    private readonly int _count;

    /// <summary>Cuts a share or a number of values.</summary>
    public TrimmedMeanDefense(
        Setting setting,
        [About("share of the values cut on either side, below 0.5; int(trim * n) of them")] double trim = 0.2,
        [About("number of values cut on either side, instead of trim")] int? f = null)
    {
        if (!(trim >= 0 && trim < 0.5))
        {
            throw new InputException($"trim is {Catalogue.ValueText(trim)}; allowed is 0 to below 0.5");
        }

        _setting = setting;
        _count = f is null ? (int)(setting.Clients * trim) : setting.Reckoned(f);
        if (_count < 0 || 2 * _count >= setting.Clients)
        {
            throw new InputException($"f is {_count}; allowed is 0 to {(setting.Clients - 1) / 2} for {setting.Clients} clients a round");
        }
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _setting.Backend.Run(new TrimmedMean(round.Updates, aggregate, _count));
        return [];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
