// MDA: the mean of the n - f updates that lie closest together.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Minimum diameter averaging: the mean of those n - f updates whose largest distance is smallest; of equal subsets the
/// lexicographically first. NaN and infinite updates are kept out while n - f are finite; with fewer finite ones it is their mean.
/// </summary>
[About("mean of the n - f updates with the smallest diameter", Paper = "El Mhamdi et al., ICML 2018")]
public sealed class Mda : IDefense, IJudge
{
    private const long MostSubsets = 5_000_000;

    private readonly UpdateGeometry _geometry;
    private readonly ClientWeights _weights;
    private readonly SubsetSearch _search;

    private int[] _outside = [];

    /// <summary>Searches all subsets of n - f.</summary>
    public Mda(
        Setting setting,
        [About("malicious clients reckoned with, below n / 2 and with at most 5 million subsets of n - f; default: those of the setting")] int? f = null)
    {
        int kept = setting.Clients - FewerThanHalf.WithSubsets(setting, f, MostSubsets);
        _search = new(kept, least: squared => squared, variation: (_, squared, _) => squared);
        _geometry = new(setting);
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => [Judgement.Of("outside_best_subset", _geometry.Norms.Length, _outside)];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _geometry.Measure(round.Updates);
        int[] best = _search.Best(_geometry.Usable, _geometry.Squared);
        _outside = [.. _geometry.Usable.Except(best)];
        return _weights.MeanOf(best, round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _geometry.Dispose();
        _weights.Dispose();
    }
}
