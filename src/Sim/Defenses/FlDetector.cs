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
    private readonly Matrix _updates; // this round's, then the last round's: 2 n rows
    private readonly Matrix _changes;
    private readonly Matrix _mix;
    private readonly Matrix _points; // this global model, the last one, this aggregate, the last one
    private readonly Matrix _steps; // a window of steps of the model, one of the aggregate, and the model's step now
    private readonly Matrix _coefficients;
    private readonly Matrix _products;
    private readonly Matrix _predicted;
    private readonly Matrix _squared;
    private readonly Matrix _difference;
    private readonly Matrix _one;
    private readonly Dictionary<int, int> _lastRows = [];
    private readonly Dictionary<int, List<double>> _shares = [];
    private readonly List<int> _slots = [];
    private int _scored;
    private int _rounds;

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
        _updates = backend.AllocateMatrix(2 * n, d);
        _changes = backend.AllocateMatrix(n, d);
        _mix = backend.AllocateMatrix(n, 2 * n);
        _points = backend.AllocateMatrix(4, d);
        _steps = backend.Upload((2 * window) + 1, d, new float[((2 * window) + 1) * d]);
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
        Copy(round.Global, _points, 0);
        if (_rounds > 0)
        {
            Subtract(0, 2 * _window);
        }

        if (_slots.Count > 0)
        {
            Score(round);
            if (++_scored >= _window)
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
        foreach (Matrix matrix in (Matrix[])[_updates, _changes, _mix, _points, _steps, _coefficients, _products, _predicted, _squared, _difference, _one])
        {
            matrix.Dispose();
        }
    }

    private void Copy(Matrix row, Matrix target, int index) => _setting.Backend.Run(new WeightedSum(row, _one, target.SliceRows(index, 1)));

    private void Subtract(int firstPoint, int step) =>
        _setting.Backend.Run(new WeightedSum(_points.SliceRows(firstPoint, 2), _difference, _steps.SliceRows(step, 1)));

    // Rows of the two rounds together, so that a sparse mix gives copies and differences.
    private void Mix(Matrix from, Matrix target, IEnumerable<(int Row, int Column, float Value)> entries)
    {
        float[] mix = new float[target.Rows * from.Rows];
        foreach ((int row, int column, float value) in entries)
        {
            mix[(row * from.Rows) + column] = value;
        }

        var matrix = new Matrix(target.Rows, from.Rows, _mix.Elements.Slice(0, mix.Length));
        matrix.CopyFrom(mix);
        _setting.Backend.Run(new RowMix(from, matrix, target));
    }

    private void Score(Round round)
    {
        int n = round.Updates.Rows;
        int[] both = [.. _geometry.Usable.Where(i => _lastRows.ContainsKey(round.ClientOf(i)))];
        Mix(round.Updates, _updates.SliceRows(0, n), both.Select(i => (i, i, 1f)));
        Mix(_updates, _changes, both.Select(i => (i, i, 1f)).Concat(both.Select(i => (i, n + _lastRows[round.ClientOf(i)], -1f))));
        _coefficients.CopyFrom(Prediction());
        _setting.Backend.Run(new WeightedSum(_steps, _coefficients, _predicted));
        _setting.Backend.Run(new DistancesToVector(_changes, _predicted, _squared));
        float[] squared = _squared.ToArray();
        both = [.. both.Where(i => float.IsFinite(squared[i]))];
        double total = both.Sum(i => Math.Sqrt(squared[i]));
        foreach (int i in both)
        {
            List<double> shares = _shares.TryGetValue(round.ClientOf(i), out List<double>? known) ? known : _shares[round.ClientOf(i)] = [];
            shares.Add(total > 0 ? Math.Sqrt(squared[i]) / total : 0);
            shares.RemoveRange(0, Math.Max(0, shares.Count - _window));
        }
    }

    // The product of the L-BFGS matrix and the model's step, as coefficients of all steps; none where the history is degenerate.
    private float[] Prediction()
    {
        _setting.Backend.Run(new InnerProducts(_steps, _products));
        float[] products = _products.ToArray();
        int m = _slots.Count;
        int now = 2 * _window;
        float[] coefficients = new float[now + 1];
        double Product(int a, int b) => products[(a * (now + 1)) + b];
        double sigma = Product(_slots[^1], _window + _slots[^1]) / Product(_slots[^1], _slots[^1]);
        double[,] system = new double[2 * m, (2 * m) + 1];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < m; j++)
            {
                system[i, j] = sigma * Product(_slots[i], _slots[j]);
                double below = Product(_slots[i], _window + _slots[j]);
                system[i, m + j] = system[m + j, i] = i > j ? below : 0;
                system[m + i, m + j] = i == j ? -below : 0;
            }

            system[i, 2 * m] = sigma * Product(_slots[i], now);
            system[m + i, 2 * m] = Product(_window + _slots[i], now);
        }

        double[] solution = Solve(system);
        coefficients[now] = (float)sigma;
        for (int i = 0; i < m; i++)
        {
            coefficients[_slots[i]] = (float)(-sigma * solution[i]);
            coefficients[_window + _slots[i]] = (float)-solution[m + i];
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
        (int Row, double Score)[] scores =
            [.. rows.Where(i => _shares.ContainsKey(round.ClientOf(i))).Select(i => (i, _shares[round.ClientOf(i)].Average())).OrderBy(pair => pair.Item2)];
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
        int n = round.Updates.Rows;
        Copy(aggregate, _points, 2);
        if (_rounds > 0)
        {
            int slot = _slots.Count < _window ? _slots.Count : _slots[0];
            _slots.Remove(slot);
            _slots.Add(slot);
            Copy(_steps.SliceRows(2 * _window, 1), _steps, slot);
            Subtract(2, _window + slot);
        }

        Mix(round.Updates, _updates.SliceRows(n, n), _geometry.Usable.Select(i => (i, i, 1f)));
        Copy(round.Global, _points, 1);
        Copy(aggregate, _points, 3);
        _lastRows.Clear();
        foreach (int i in _geometry.Usable)
        {
            _lastRows[round.ClientOf(i)] = i;
        }

        _rounds++;
    }
}
