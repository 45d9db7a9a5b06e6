// Clipped clustering: clips by the norms seen so far, then takes the mean of the larger of two clusters of directions.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Clips the updates to the median of all norms of this and earlier rounds, splits them in two by agglomerative clustering with average
/// linkage on cosine distance, and takes the mean of the larger cluster; of equally large ones that with the smaller mean distance
/// within. The cosine distance to an update of length zero is 1. NaN and infinite updates are left out from the start.
/// </summary>
[About("clips by past norms and keeps the larger of two clusters of directions", Paper = "Li et al., IEEE Transactions on Big Data 2023")]
public sealed class ClippedClustering(Setting setting) : IDefense, IJudge
{
    private readonly UpdateGeometry _geometry = new(setting);
    private readonly ClientWeights _weights = new(setting);
    private readonly Remembered<SeenNorms> _seen = setting.Memory.Of(() => new SeenNorms([]));
    private int[] _outside = [];
    private double _clip;

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => [Judgement.Of("outside_larger_cluster", setting.Clients, _outside), new("update_norm", [.. _geometry.Norms], _clip)];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _geometry.Measure(round.Updates);
        _weights.Weights.Clear();
        int[] usable = _geometry.Usable;
        if (usable.Length > 0)
        {
            double[] norms = _geometry.Norms;
            List<double> seen = _seen.Value.Ascending;
            seen.AddRange(usable.Select(i => norms[i]));
            seen.Sort();
            double clip = (seen[(seen.Count - 1) / 2] + seen[seen.Count / 2]) / 2;
            int[] kept = LargerCluster(usable);
            (_outside, _clip) = ([.. usable.Except(kept)], clip);
            foreach (int i in kept)
            {
                _weights.Weights[i] = (float)((norms[i] > clip ? clip / norms[i] : 1) / kept.Length);
            }
        }

        return _weights.Sum(round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _seen.Dispose();
        _geometry.Dispose();
        _weights.Dispose();
    }

    // Clipping leaves directions as they are, so the cosines are those of the updates as sent.
    private int[] LargerCluster(int[] usable)
    {
        double[,] distances = new double[usable.Length, usable.Length];
        for (int i = 0; i < usable.Length; i++)
        {
            for (int j = 0; j < usable.Length; j++)
            {
                distances[i, j] = i == j ? 0 : CosineDistance(usable[i], usable[j]);
            }
        }

        int[] cluster = AverageLinkage.TwoClusters((double[,])distances.Clone());
        int[] members = [.. Enumerable.Range(0, usable.Length)];
        int[][] sides = [[.. members.Where(i => cluster[i] == 0)], [.. members.Where(i => cluster[i] == 1)]];
        int larger = sides[0].Length != sides[1].Length
            ? (sides[0].Length > sides[1].Length ? 0 : 1)
            : (Within(sides[0]) <= Within(sides[1]) ? 0 : 1);
        return [.. sides[larger].Select(i => usable[i])];

        double Within(int[] side) => side.Sum(i => side.Sum(j => distances[i, j]));
    }

    private double CosineDistance(int i, int j)
    {
        double a = _geometry.Norms[i];
        double b = _geometry.Norms[j];
        return a > 0 && b > 0 ? 1 - Math.Clamp(((a * a) + (b * b) - _geometry.Squared[i, j]) / (2 * a * b), -1, 1) : 1;
    }
}

/// <summary>The norms of all finite updates so far.</summary>
internal sealed record SeenNorms(List<double> Ascending);
