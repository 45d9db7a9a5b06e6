// FLDetector: drops the clients whose updates are not what their last ones and the course of the model predict.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Predicts each update as the client's last one plus H (w_t - w_(t-1)), with H the compact L-BFGS approximation (Byrd et al., 1994) from
/// the window's differences of global models and of aggregates. A client's score is the mean over the window of its distance to the
/// prediction, as a share of the round's distances. From a full window on, when the gap statistic prefers two clusters of scores to
/// one, the cluster with the higher scores is left out of this round's mean. Simplified against the paper: clients are left out
/// round by round and training is not restarted; 2-means is exact; a client is scored only in rounds whose predecessor it took part
/// in too. NaN and infinite updates are left out and not scored.
/// </summary>
[About("drops clients whose updates are far from an L-BFGS prediction", Paper = "Zhang et al., KDD 2022")]
public sealed class FlDetector : IDefense
{
    private const int References = 20;

    private readonly Setting _setting;
    private readonly int _window;
    private readonly UpdateGeometry _geometry;
    private readonly ClientWeights _weights;
    private readonly Remembered<FlDetectorHistory> _remembered;
    private readonly Matrix _changes;
    private readonly Buffer<int> _rows;
    private readonly Matrix _factors;
    private readonly Matrix _coefficients;
    private readonly Matrix _products;
    private readonly Matrix _predicted;
    private readonly Matrix _squared;
    private readonly Matrix _difference;
    private readonly Matrix _one;

    /// <summary>Scores over a window of rounds.</summary>
    public FlDetector(Setting setting, [About("rounds that a score and the L-BFGS history reach back, the paper's N")] int window = 10)
    {
        if (window < 1)
        {
            throw new InputException($"window is {window}; allowed is 1 or more");
        }

        (_setting, _window) = (setting, window);
        (Backend backend, int n, int d) = (setting.Backend, setting.Clients, setting.Parameters);
        _geometry = new(setting);
        _weights = new(setting);
        _remembered = setting.Memory.Of(() => new FlDetectorHistory(setting, window));
        _changes = backend.AllocateMatrix(n, d);
        _rows = backend.Allocate<int>(n);
        _factors = backend.AllocateMatrix(1, n);
        _coefficients = backend.AllocateMatrix(1, (2 * window) + 1);
        _products = backend.AllocateMatrix((2 * window) + 1, (2 * window) + 1);
        _predicted = backend.AllocateMatrix(1, d);
        _squared = backend.AllocateMatrix(1, n);
        _difference = backend.Upload(1, 2, [1, -1]);
        _one = backend.Upload(1, 1, [1]);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _geometry.Measure(round.Updates, distances: false);
        int[] kept = _geometry.Usable;
        FlDetectorHistory history = _remembered.Value;
        Copy(round.Global, history.Points, 0);
        if (history.Rounds > 0)
        {
            Subtract(0, 2 * _window);
        }

        if (history.Slots.Count > 0)
        {
            Score(round);
            if (++history.Scored >= _window)
            {
                HashSet<int> suspects = [.. Suspects(round, kept)];
                kept = [.. kept.Where(i => !suspects.Contains(i))];
            }
        }

        ReadOnlySpan<float> weights = _weights.MeanOf(kept, round.Updates, aggregate);
        Remember(round, aggregate);
        return weights;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _geometry.Dispose();
        _weights.Dispose();
        foreach (IDisposable owned in (IDisposable[])[_remembered, _changes, _rows, _factors, _coefficients, _products, _predicted, _squared, _difference, _one])
        {
            owned.Dispose();
        }
    }

    private void Copy(Matrix row, Matrix target, int index) => _setting.Backend.Run(new WeightedSum(row, _one, target.SliceRows(index, 1)));

    private void Subtract(int firstPoint, int step) =>
        _setting.Backend.Run(new WeightedSum(_remembered.Value.Points.SliceRows(firstPoint, 2), _difference, _remembered.Value.Steps.SliceRows(step, 1)));

    // Row i of the target becomes keep times itself plus factor times a row of the source; nothing of the source where there is no entry.
    private void Blend(Matrix source, Matrix target, IEnumerable<(int Row, int From)> entries, float factor, float keep)
    {
        int[] from = new int[_geometry.Norms.Length];
        float[] factors = new float[from.Length];
        foreach ((int row, int sourceRow) in entries)
        {
            (from[row], factors[row]) = (sourceRow, factor);
        }

        _rows.CopyFrom(from);
        _factors.CopyFrom(factors);
        _setting.Backend.Run(new BlendRows(source, _rows, _factors, target, keep));
    }

    private void Score(Round round)
    {
        FlDetectorHistory history = _remembered.Value;
        int[] both = [.. _geometry.Usable.Where(i => history.LastRows.ContainsKey(round.ClientOf(i)))];
        Blend(round.Updates, _changes, both.Select(i => (i, i)), factor: 1, keep: 0);
        Blend(history.LastUpdates, _changes, both.Select(i => (i, history.LastRows[round.ClientOf(i)])), factor: -1, keep: 1);
        _coefficients.CopyFrom(Prediction());
        _setting.Backend.Run(new WeightedSum(history.Steps, _coefficients, _predicted));
        _setting.Backend.Run(new DistancesToVector(_changes, _predicted, _squared));
        float[] squared = _squared.ToArray();
        both = [.. both.Where(i => float.IsFinite(squared[i]))];
        double total = both.Sum(i => Math.Sqrt(squared[i]));
        foreach (int i in both)
        {
            List<double> shares = history.Shares.TryGetValue(round.ClientOf(i), out List<double>? known) ? known : history.Shares[round.ClientOf(i)] = [];
            shares.Add(total > 0 ? Math.Sqrt(squared[i]) / total : 0);
            shares.RemoveRange(0, Math.Max(0, shares.Count - _window));
        }
    }

    // The product of the L-BFGS matrix and the model's step, as coefficients of all steps; none where the history is degenerate.
    private float[] Prediction()
    {
        List<int> slots = _remembered.Value.Slots;
        _setting.Backend.Run(new InnerProducts(_remembered.Value.Steps, _products));
        float[] products = _products.ToArray();
        int m = slots.Count;
        int now = 2 * _window;
        float[] coefficients = new float[now + 1];
        double Product(int a, int b) => products[(a * (now + 1)) + b];
        double sigma = Product(slots[^1], _window + slots[^1]) / Product(slots[^1], slots[^1]);
        double[,] system = new double[2 * m, (2 * m) + 1];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < m; j++)
            {
                system[i, j] = sigma * Product(slots[i], slots[j]);
                double below = Product(slots[i], _window + slots[j]);
                system[i, m + j] = system[m + j, i] = i > j ? below : 0;
                system[m + i, m + j] = i == j ? -below : 0;
            }

            system[i, 2 * m] = sigma * Product(slots[i], now);
            system[m + i, 2 * m] = Product(_window + slots[i], now);
        }

        double[] solution = Solve(system);
        coefficients[now] = (float)sigma;
        for (int i = 0; i < m; i++)
        {
            coefficients[slots[i]] = (float)(-sigma * solution[i]);
            coefficients[_window + slots[i]] = (float)-solution[m + i];
        }

        return Array.TrueForAll(coefficients, float.IsFinite) ? coefficients : new float[now + 1];
    }

    // Gaussian elimination with partial pivoting; a singular system gives numbers that are not finite.
    private static double[] Solve(double[,] system)
    {
        int size = system.GetLength(0);
        for (int p = 0; p < size; p++)
        {
            int pivot = Enumerable.Range(p, size - p).MaxBy(i => Math.Abs(system[i, p]));
            for (int j = 0; j <= size; j++)
            {
                (system[p, j], system[pivot, j]) = (system[pivot, j], system[p, j]);
            }

            for (int i = 0; i < size; i++)
            {
                double factor = i == p ? 0 : system[i, p] / system[p, p];
                for (int j = p; j <= size && i != p; j++)
                {
                    system[i, j] -= factor * system[p, j];
                }
            }
        }

        return [.. Enumerable.Range(0, size).Select(i => system[i, size] / system[i, i])];
    }

    private IEnumerable<int> Suspects(Round round, int[] rows)
    {
        Dictionary<int, List<double>> shares = _remembered.Value.Shares;
        (int Row, double Score)[] scores =
            [.. rows.Where(i => shares.ContainsKey(round.ClientOf(i))).Select(i => (i, shares[round.ClientOf(i)].Average())).OrderBy(pair => pair.Item2)];
        if (scores.Length < 3 || !(scores[^1].Score > scores[0].Score))
        {
            return [];
        }

        double range = scores[^1].Score - scores[0].Score;
        (double one, double two, int lower) = Spreads([.. scores.Select(pair => (pair.Score - scores[0].Score) / range)]);
        RngStream stream = round.Key.Fold((ulong)Purpose.Defense).Stream();
        double[] ones = new double[References];
        double[] twos = new double[References];
        for (int b = 0; b < References; b++)
        {
            double[] uniform = new double[scores.Length];
            foreach (ref double value in uniform.AsSpan())
            {
                value = stream.NextDouble();
            }

            uniform.AsSpan().Sort();
            (ones[b], twos[b], _) = Spreads(uniform);
        }

        double mean = twos.Average();
        double error = Math.Sqrt(twos.Average(x => (x - mean) * (x - mean)) * (1 + (1.0 / References)));
        return ones.Average() - one < mean - two - error ? scores[lower..].Select(pair => pair.Row) : [];
    }

    // The logarithms of the spread about one and about two centres of sorted values, and how many belong to the lower centre.
    private static (double One, double Two, int Lower) Spreads(double[] sorted)
    {
        double best = double.PositiveInfinity;
        int lower = 1;
        double one = About(sorted);
        double sum = 0;
        double all = sorted.Sum();
        double squares = sorted.Sum(x => x * x);
        for (int count = 1; count < sorted.Length; count++)
        {
            sum += sorted[count - 1];
            double spread = squares - (sum * sum / count) - ((all - sum) * (all - sum) / (sorted.Length - count));
            (best, lower) = spread < best ? (spread, count) : (best, lower);
        }

        return (Math.Log(one), Math.Log(Math.Max(best, 1e-12)), lower);
    }

    private static double About(double[] values)
    {
        double mean = values.Average();
        return Math.Max(values.Sum(x => (x - mean) * (x - mean)), 1e-12);
    }

    private void Remember(Round round, Matrix aggregate)
    {
        FlDetectorHistory history = _remembered.Value;
        Copy(aggregate, history.Points, 2);
        if (history.Rounds > 0)
        {
            List<int> slots = history.Slots;
            int slot = slots.Count < _window ? slots.Count : slots[0];
            slots.Remove(slot);
            slots.Add(slot);
            Copy(history.Steps.SliceRows(2 * _window, 1), history.Steps, slot);
            Subtract(2, _window + slot);
        }

        Blend(round.Updates, history.RoomFor(round.Updates.Rows), _geometry.Usable.Select(i => (i, i)), factor: 1, keep: 0);
        Copy(round.Global, history.Points, 1);
        Copy(aggregate, history.Points, 3);
        history.LastRows.Clear();
        foreach (int i in _geometry.Usable)
        {
            history.LastRows[round.ClientOf(i)] = i;
        }

        history.Rounds++;
    }
}

/// <summary>The course of the model and the clients' scores.</summary>
internal sealed class FlDetectorHistory : IDisposable
{
    private readonly Setting _setting;

    public FlDetectorHistory(Setting setting, int window)
    {
        _setting = setting;
        LastUpdates = setting.Backend.AllocateMatrix(setting.Clients, setting.Parameters);
        Points = setting.Backend.AllocateMatrix(4, setting.Parameters);
        Steps = setting.Backend.AllocateMatrix((2 * window) + 1, setting.Parameters);
        setting.Backend.Run(new Fill(Steps, 0));
    }

    /// <summary>Last round's usable updates, a row each.</summary>
    public Matrix LastUpdates { get; private set; }

    /// <summary>The row of <see cref="LastUpdates"/> that a client's update is.</summary>
    public Dictionary<int, int> LastRows { get; } = [];

    /// <summary>This global model, the last one, this aggregate, the last one.</summary>
    public Matrix Points { get; }

    /// <summary>A window of steps of the model, one of the aggregate, and the model's step now.</summary>
    public Matrix Steps { get; }

    /// <summary>Each client's shares of the rounds' distances, the oldest first.</summary>
    public Dictionary<int, List<double>> Shares { get; } = [];

    /// <summary>The places of the window in <see cref="Steps"/>, the oldest first.</summary>
    public List<int> Slots { get; } = [];

    /// <summary>Rounds in which clients were scored.</summary>
    public int Scored { get; set; }

    /// <summary>Rounds remembered.</summary>
    public int Rounds { get; set; }

    /// <summary>Room for another round's updates; the last round's are lost.</summary>
    public Matrix RoomFor(int updates)
    {
        if (updates > LastUpdates.Rows)
        {
            LastUpdates.Dispose();
            LastUpdates = _setting.Backend.AllocateMatrix(updates, _setting.Parameters);
        }

        return LastUpdates.SliceRows(0, updates);
    }

    public void Dispose()
    {
        LastUpdates.Dispose();
        Points.Dispose();
        Steps.Dispose();
    }
}
