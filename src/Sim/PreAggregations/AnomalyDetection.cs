// Anomaly detection: clients whose updates stand out are left out before a rule aggregates the others.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Rejects a row whose robust z-score, 0.6745 (x - median) / MAD, is beyond the threshold in one of three measures, each in the direction
/// that does harm: a large norm, a low cosine to the coordinate-wise median, a large mean distance to the nearer half of the others.
/// Rows that are not finite go first and do not count in the measures. At most half of the rows go, the most suspicious ones.
/// 3.5 is the threshold of Iglewicz and Hoaglin, How to Detect and Handle Outliers, 1993.
/// </summary>
[About("rejects updates by robust z-scores of norm, cosine and distance", Paper = "Iglewicz and Hoaglin, ASQC 1993")]
public sealed class AnomalyDetection : IDetection, IJudge
{
    private const double MadOfNormal = 0.6745;
    private const double SmallestSpread = 1e-5; // of the median: what is closer together than this differs by rounding only

    private static readonly string[] s_measures = ["norm_z", "cosine_z", "distance_z"];

    private readonly Setting _setting;
    private readonly double _threshold;
    private readonly SelectedRows _rows;
    private readonly Matrix _median;
    private readonly Matrix _toMedian;
    private readonly Matrix _squared;
    private readonly List<Judgement> _judgements = [];

    /// <summary>Rejects beyond <paramref name="threshold"/>.</summary>
    public AnomalyDetection(Setting setting, [About("robust z-score above which a client is rejected")] double threshold = 3.5)
    {
        if (!(threshold > 0))
        {
            throw new InputException($"threshold is {Catalogue.ValueText(threshold)}; allowed is any number above 0");
        }

        int n = setting.Clients;
        (_setting, _threshold, _rows, MaxRows) = (setting, threshold, new(setting), n);
        _median = setting.Backend.AllocateMatrix(1, setting.Parameters);
        _toMedian = setting.Backend.AllocateMatrix(1, n);
        _squared = setting.Backend.AllocateMatrix(n, n);
    }

    /// <inheritdoc/>
    public int MaxRows { get; }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => _judgements;

    /// <inheritdoc/>
    public PreAggregated Apply(Round round)
    {
        int n = round.Updates.Rows;
        float[] norms = _rows.Norms(round.Updates);
        int[] finite = [.. Enumerable.Range(0, n).Where(i => float.IsFinite(norms[i]))];
        double[][] scores = finite.Length > 0 ? Scores(finite.Length == n ? round.Updates : Gather(round, finite), [.. finite.Select(i => norms[i])]) : [[], [], []];
        _judgements.Clear();
        foreach ((string name, double[] ofFinite) in s_measures.Zip(scores))
        {
            double[] values = new double[n];
            Array.Fill(values, double.PositiveInfinity);
            for (int i = 0; i < finite.Length; i++)
            {
                values[finite[i]] = ofFinite[i];
            }

            _judgements.Add(new(name, values, _threshold));
        }

        double[] suspicion = [.. Enumerable.Range(0, n).Select(i => _judgements.Max(judgement => judgement.Values[i]))];
        HashSet<int> rejected =
        [
            .. Enumerable.Range(0, n).Where(i => suspicion[i] > _threshold)
                .OrderBy(i => float.IsFinite(norms[i])).ThenByDescending(i => suspicion[i]).Take(n / 2),
        ];
        int[] kept = [.. Enumerable.Range(0, n).Where(i => !rejected.Contains(i))];
        return new(Gather(round, kept), kept);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _rows.Dispose();
        _median.Dispose();
        _toMedian.Dispose();
        _squared.Dispose();
    }

    private Matrix Gather(Round round, int[] kept)
    {
        float[] ones = new float[kept.Length];
        Array.Fill(ones, 1);
        return _rows.Gather(round.Updates, kept, ones);
    }

    /// <summary>The scores of the rows in each of the three measures.</summary>
    private double[][] Scores(Matrix updates, double[] norms)
    {
        double[] far = MeanDistances(updates);
        double[] oblique = [.. Cosines(updates, norms).Select(cosine => -cosine)];
        return [Scores(norms), Scores(oblique), Scores(far)];
    }

    /// <summary>The cosine of each row to the median of the rows; 0 where one of the two is zero.</summary>
    private double[] Cosines(Matrix updates, double[] norms)
    {
        Matrix squared = SelectedRows.First(_toMedian, updates.Rows);
        _setting.Backend.Run(new CoordinateMedian(updates, _median, EvenMedian.Average));
        _setting.Backend.Run(new DistancesToVector(updates, _median, squared));
        double norm = _rows.Norms(_median)[0];
        return
        [
            .. squared.ToArray().Select((distance, i) =>
                norm > 0 && norms[i] > 0 ? ((norms[i] * norms[i]) + (norm * norm) - distance) / (2 * norms[i] * norm) : 0),
        ];
    }

    /// <summary>The mean distance of each row to the nearer half of the others.</summary>
    private double[] MeanDistances(Matrix updates)
    {
        int n = updates.Rows;
        int near = n / 2;
        var squared = new Matrix(n, n, _squared.Elements.Slice(0, (long)n * n));
        _setting.Backend.Run(new PairwiseSquaredDistances(updates, squared));
        float[] all = squared.ToArray();
        double[] distances = new double[n];
        for (int i = 0; i < n; i++)
        {
            Span<float> row = all.AsSpan(i * n, n);
            row.Sort(); // the first is the row itself
            foreach (float distance in row.Slice(Math.Min(1, near), near))
            {
                distances[i] += Math.Sqrt(distance) / near;
            }
        }

        return distances;
    }

    /// <summary>How far above the median each value is, in robust standard deviations.</summary>
    private static double[] Scores(double[] values)
    {
        double median = MedianOf(values);
        double spread = MedianOf([.. values.Select(value => Math.Abs(value - median))]) / MadOfNormal;
        double scale = Math.Max(spread, SmallestSpread * Math.Abs(median));
        return [.. values.Select(value => value == median ? 0 : double.IsNaN(value) ? double.PositiveInfinity : (value - median) / scale)];
    }

    private static double MedianOf(double[] values)
    {
        double[] ascending = [.. values.Order()];
        int middle = ascending.Length / 2;
        return ascending.Length % 2 == 1 ? ascending[middle] : (ascending[middle - 1] + ascending[middle]) / 2;
    }
}
