// MDA: the mean of the n - f updates that lie closest together.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Minimum diameter averaging: the mean of those n - f updates whose largest distance is smallest; of equal subsets the
/// lexicographically first. NaN and infinite updates are kept out while n - f are finite; with fewer finite ones it is their mean.
/// </summary>
[About("mean of the n - f updates with the smallest diameter", Paper = "El Mhamdi et al., ICML 2018")]
public sealed class Mda : IDefense
{
    private const long MostSubsets = 5_000_000;

    private readonly UpdateGeometry _geometry;
    private readonly ClientWeights _weights;
    private readonly int[] _chosen;
    private readonly int[] _best;
    private double _bestDiameter;

    /// <summary>Searches all subsets of n - f.</summary>
    public Mda(
        Setting setting,
        [About("malicious clients reckoned with, below n / 2 and with at most 5 million subsets of n - f; default: those of the setting")] int? f = null)
    {
        int kept = setting.Clients - FewerThanHalf.WithSubsets(setting, f, MostSubsets);
        (_chosen, _best) = (new int[kept], new int[kept]);
        _geometry = new(setting);
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _geometry.Measure(round.Updates);
        if (_geometry.Usable.Length <= _best.Length)
        {
            return _weights.MeanOf(_geometry.Usable, round.Updates, aggregate);
        }

        _bestDiameter = double.PositiveInfinity;
        Extend(0, 0, 0);
        return _weights.MeanOf(_best, round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _geometry.Dispose();
        _weights.Dispose();
    }

    // A subset that is already as wide as the best one cannot become better.
    private void Extend(int count, int next, double diameter)
    {
        if (count == _chosen.Length)
        {
            _bestDiameter = diameter;
            _chosen.CopyTo(_best, 0);
            return;
        }

        int[] usable = _geometry.Usable;
        for (int u = next; u <= usable.Length - (_chosen.Length - count); u++)
        {
            double wider = diameter;
            for (int i = 0; i < count; i++)
            {
                wider = Math.Max(wider, _geometry.Squared[_chosen[i], usable[u]]);
            }

            if (wider < _bestDiameter)
            {
                _chosen[count] = usable[u];
                Extend(count + 1, u + 1, wider);
            }
        }
    }
}
