// SignGuard: keeps the updates of usual length whose signs are distributed like those of most others.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Two filters: norms between two multiples of the median norm, and the largest mean-shift cluster of the shares of positive, zero and
/// negative signs on random coordinates. The aggregate is the mean of the updates that pass both, each clipped to the median norm. Mean
/// shift has a flat kernel, starts at every update and has the bandwidth of scikit-learn's estimate_bandwidth with its quantile 0.5;
/// of equally large clusters the one with more positive signs. When the two filters have no update in common the first one decides
/// alone; when that passes none the aggregate is zero. NaN and infinite updates are left out from the start.
/// </summary>
[About("filters by norm and by clusters of sign statistics, then takes a clipped mean", Paper = "Xu et al., ICDCS 2022")]
public sealed class SignGuard : IDefense, IJudge
{
    private const int Features = 3;
    private const int MostShifts = 300;

    private readonly Setting _setting;
    private readonly double _lower;
    private readonly double _upper;
    private readonly UpdateGeometry _geometry;
    private readonly RandomColumns _columns;
    private readonly Matrix _shares;
    private readonly float[] _host;
    private readonly ClientWeights _weights;
    private int[] _unusual = [];
    private int[] _outside = [];
    private double _median;

    /// <summary>Filters by norm and signs.</summary>
    public SignGuard(
        Setting setting,
        [About("smallest norm kept, relative to the median norm")] double lower = 0.1,
        [About("largest norm kept, relative to the median norm")] double upper = 3,
        [About("share of the coordinates whose signs are looked at, above 0 and up to 1")] double share = 0.1)
    {
        if (!(lower >= 0 && lower <= upper))
        {
            throw new InputException($"lower is {Catalogue.ValueText(lower)} and upper is {Catalogue.ValueText(upper)}; allowed are 0 <= lower <= upper");
        }

        if (!(share > 0 && share <= 1))
        {
            throw new InputException($"share is {Catalogue.ValueText(share)}; allowed is above 0 to 1");
        }

        (_setting, _lower, _upper) = (setting, lower, upper);
        _geometry = new(setting);
        _columns = new(setting, Math.Max(1, (int)(share * setting.Parameters)));
        _shares = setting.Backend.AllocateMatrix(setting.Clients, Features);
        _host = new float[setting.Clients * Features];
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements =>
    [
        Judgement.Of("unusual_norm", _setting.Clients, _unusual),
        Judgement.Of("unusual_signs", _setting.Clients, _outside),
        new("update_norm", [.. _geometry.Norms], _median),
    ];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _geometry.Measure(round.Updates, distances: false);
        _weights.Weights.Clear();
        int[] usable = _geometry.Usable;
        if (usable.Length > 0)
        {
            double[] norms = [.. usable.Select(i => _geometry.Norms[i]).Order()];
            double median = (norms[(norms.Length - 1) / 2] + norms[norms.Length / 2]) / 2;
            int[] usual = [.. usable.Where(i => _geometry.Norms[i] >= _lower * median && _geometry.Norms[i] <= _upper * median)];
            int[] cluster = [.. LargestCluster(round, usable)];
            (_unusual, _outside, _median) = ([.. usable.Except(usual)], [.. usable.Except(cluster)], median);
            int[] both = [.. usual.Intersect(cluster)];
            int[] kept = both.Length > 0 ? both : usual;
            foreach (int i in kept)
            {
                _weights.Weights[i] = (float)(Math.Min(1, _geometry.Norms[i] > 0 ? median / _geometry.Norms[i] : 1) / kept.Length);
            }
        }

        return _weights.Sum(round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _geometry.Dispose();
        _columns.Dispose();
        _shares.Dispose();
        _weights.Dispose();
    }

    private IEnumerable<int> LargestCluster(Round round, int[] usable)
    {
        _setting.Backend.Run(new SignShares(_columns.Gather(round.Updates, round.Key.Fold((ulong)Purpose.Defense)), _shares));
        _shares.CopyTo(_host);
        double[][] points = [.. usable.Select(i => new double[] { _host[i * Features], _host[(i * Features) + 1], _host[(i * Features) + 2] })];
        double bandwidth = points.Average(p => points.Select(q => Distance(p, q)).Order().ElementAt(Math.Max(1, points.Length / 2) - 1));
        (double[] Mode, int Within)[] modes =
        [
            .. points.Select(p => Shift(p, points, bandwidth))
                .OrderByDescending(mode => mode.Within).ThenByDescending(mode => mode.Mode[0]).ThenByDescending(mode => mode.Mode[1]),
        ];
        List<double[]> centres = [];
        foreach ((double[] mode, int _) in modes)
        {
            if (centres.TrueForAll(centre => Distance(centre, mode) > bandwidth))
            {
                centres.Add(mode);
            }
        }

        int[] cluster = [.. points.Select(p => Enumerable.Range(0, centres.Count).MinBy(c => Distance(p, centres[c])))];
        int largest = cluster.GroupBy(c => c).OrderByDescending(group => group.Count()).ThenByDescending(group => centres[group.Key][0]).First().Key;
        return usable.Where((_, i) => cluster[i] == largest);
    }

    private static (double[] Mode, int Within) Shift(double[] start, double[][] points, double bandwidth)
    {
        double[] mode = start;
        int within = 1;
        for (int shift = 0; shift < MostShifts; shift++)
        {
            double[][] near = [.. points.Where(p => Distance(p, mode) <= bandwidth)];
            if (near.Length == 0)
            {
                break;
            }

            double[] next = [.. Enumerable.Range(0, Features).Select(k => near.Average(p => p[k]))];
            within = near.Length;
            double moved = Distance(mode, next);
            mode = next;
            if (moved <= 1e-3 * bandwidth)
            {
                break;
            }
        }

        return (mode, within);
    }

    private static double Distance(double[] p, double[] q) =>
        Math.Sqrt(((p[0] - q[0]) * (p[0] - q[0])) + ((p[1] - q[1]) * (p[1] - q[1])) + ((p[2] - q[2]) * (p[2] - q[2])));
}
