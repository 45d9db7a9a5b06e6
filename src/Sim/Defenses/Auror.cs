// Auror, on whole updates: drops the smaller of two clusters when they are far apart.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Splits the updates in two by 2-means and takes the mean of the larger cluster when the centres are further apart than the threshold
/// times the root mean square distance of the updates to their own centre; of all of them otherwise and when both are equally large. The
/// paper clusters each indicative feature and drops who is often in the small cluster; here the whole update is the feature. 2-means
/// starts at the two updates furthest apart. NaN and infinite updates are left out from the start.
/// </summary>
[About("drops the smaller of two clusters of updates when they are far apart", Paper = "Shen et al., ACSAC 2016")]
public sealed class Auror : IDefense, IJudge
{
    private const int MostIterations = 100;

    private readonly double _threshold;
    private readonly UpdateGeometry _geometry;
    private readonly ClientWeights _weights;
    private int[] _dropped = [];

    /// <summary>Drops what is far apart.</summary>
    public Auror(Setting setting, [About("distance of the centres that drops the smaller cluster, relative to the spread within the clusters")] double threshold = 1)
    {
        if (!(threshold >= 0))
        {
            throw new InputException($"threshold is {Catalogue.ValueText(threshold)}; allowed is any number from 0 on");
        }

        _threshold = threshold;
        _geometry = new(setting);
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => [Judgement.Of("in_smaller_cluster", _geometry.Norms.Length, _dropped)];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _geometry.Measure(round.Updates);
        int[] kept = _geometry.Usable;
        (int[] small, int[] large) = TwoMeans(kept);
        if (small.Length < large.Length && small.Length > 0)
        {
            double withinSmall = HalfMeanDistance(small);
            double withinLarge = HalfMeanDistance(large);
            double between = small.Sum(i => large.Sum(j => _geometry.Squared[i, j])) / ((double)small.Length * large.Length);
            double spread = ((small.Length * withinSmall) + (large.Length * withinLarge)) / kept.Length;
            kept = between - withinSmall - withinLarge > _threshold * _threshold * spread ? large : kept;
        }

        _dropped = [.. _geometry.Usable.Except(kept)];
        return _weights.MeanOf(kept, round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _geometry.Dispose();
        _weights.Dispose();
    }

    private (int[] Small, int[] Large) TwoMeans(int[] rows)
    {
        (int first, int second, double furthest) = (0, 0, 0);
        foreach (int i in rows)
        {
            foreach (int j in rows)
            {
                (first, second, furthest) = _geometry.Squared[i, j] > furthest ? (i, j, _geometry.Squared[i, j]) : (first, second, furthest);
            }
        }

        int[] a = [.. rows.Where(i => _geometry.Squared[i, first] <= _geometry.Squared[i, second])];
        int[] b = [.. rows.Except(a)];
        for (int iteration = 0; iteration < MostIterations && b.Length > 0 && a.Length > 0; iteration++)
        {
            (double withinA, double withinB) = (HalfMeanDistance(a), HalfMeanDistance(b));
            int[] nearA = [.. rows.Where(i => ToCentre(i, a, withinA) <= ToCentre(i, b, withinB))];
            bool same = nearA.AsSpan().SequenceEqual(a);
            (a, b) = (nearA, [.. rows.Except(nearA)]);
            if (same)
            {
                break;
            }
        }

        return a.Length < b.Length ? (a, b) : (b, a);
    }

    // The mean squared distance of a cluster to its own centre, and of one update to a centre, without the centre itself.
    private double HalfMeanDistance(int[] cluster) =>
        cluster.Sum(i => cluster.Sum(j => _geometry.Squared[i, j])) / (2.0 * cluster.Length * cluster.Length);

    private double ToCentre(int i, int[] cluster, double within) => (cluster.Sum(j => _geometry.Squared[i, j]) / cluster.Length) - within;
}
