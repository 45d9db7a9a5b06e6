// FLAME: the largest cluster of directions, clipped to the median norm, with noise.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The mean of the updates that HDBSCAN takes for the majority by their cosine distances, each clipped to the median norm S of all
/// updates, plus Gaussian noise of deviation lambda * S (Nguyen et al., USENIX Security 2022, algorithm 1). NaN and infinite updates are
/// infinitely far from all others and count as zero should they be accepted; a zero update is at distance 1.
/// </summary>
[About("mean of the majority cluster by cosine, clipped to the median norm, with noise", Paper = "Nguyen et al., USENIX Security 2022")]
public sealed class Flame : IDefense, IJudge
{
    private readonly Setting _setting;
    private readonly double _lambda;
    private readonly Cosines _cosines;
    private readonly double[,] _distances;
    private readonly float[] _sorted;
    private readonly Matrix _deviation;
    private readonly ClientWeights _weights;
    private int[] _outside = [];
    private double _median;

    /// <summary>Clusters each round by itself.</summary>
    public Flame(Setting setting, [About("deviation of the noise in median norms; 0: none")] double lambda = 0.001)
    {
        if (!(lambda >= 0) || double.IsInfinity(lambda))
        {
            throw new InputException($"lambda is {Catalogue.ValueText(lambda)}; allowed is any number from 0");
        }

        int n = setting.Clients;
        (_setting, _lambda) = (setting, lambda);
        _cosines = new(setting.Backend, n, setting.Parameters);
        (_distances, _sorted) = (new double[n, n], new float[n]);
        _deviation = setting.Backend.AllocateMatrix(1, 1);
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements =>
    [
        Judgement.Of("outside_majority", _setting.Clients, _outside),
        new("update_norm", [.. Enumerable.Range(0, _setting.Clients).Select(i => (double)_cosines.Norms[i])], _median),
    ];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        int n = round.Updates.Rows;
        _cosines.Of(round.Updates, _distances);
        int[] infinite = [.. Enumerable.Range(0, n).Where(i => !float.IsFinite(_cosines.Norms[i]))];
        for (int i = 0; i < n; i++)
        {
            Span<double> row = _distances.Row(i);
            foreach (ref double value in row)
            {
                value = 1 - value;
            }

            foreach (int j in infinite)
            {
                row[j] = double.PositiveInfinity;
            }

            _sorted[i] = _cosines.Norms[i];
        }

        foreach (int i in infinite)
        {
            _distances.Row(i).Fill(double.PositiveInfinity);
            _sorted[i] = float.PositiveInfinity;
        }

        _sorted.AsSpan().Sort();
        double median = (_sorted[(n - 1) / 2] + (double)_sorted[n / 2]) / 2;
        median = double.IsFinite(median) ? median : 0;

        int[] labels = Hdbscan.Labels(_distances, (n / 2) + 1, minSamples: 1, allowSingleCluster: true);
        _outside = [.. Enumerable.Range(0, n).Where(i => labels[i] == Hdbscan.Noise)];
        _median = median;
        int accepted = n - _outside.Length;
        for (int i = 0; i < n; i++)
        {
            double norm = _cosines.Norms[i];
            bool counts = labels[i] != Hdbscan.Noise && double.IsFinite(norm);
            _weights.Weights[i] = counts ? (float)((norm > median ? median / norm : 1) / accepted) : 0;
        }

        ReadOnlySpan<float> weights = _weights.Sum(round.Updates, aggregate);
        if (_lambda > 0)
        {
            _deviation.CopyFrom([(float)(_lambda * median)]);
            _setting.Backend.Run(new AddGaussianNoise(aggregate, _deviation, round.Key.Fold((ulong)Purpose.Defense)));
        }

        return weights;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_cosines, _deviation, _weights])
        {
            owned.Dispose();
        }
    }
}
