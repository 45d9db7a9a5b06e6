// Bulyan: Krum selects, then each coordinate is averaged around the median of the selected.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>How Bulyan selects.</summary>
public enum BulyanSelection
{
    /// <summary>Krum again and again, each time on the updates that are left: the paper.</summary>
    Iterated,

    /// <summary>The updates with the lowest Krum scores, computed once (Flower).</summary>
    OneShot,
}

/// <summary>
/// Selects theta = n - 2f updates by Krum, then takes the mean of each coordinate's theta - 2f values closest to the median of the selected
/// (El Mhamdi, Guerraoui and Rouault, ICML 2018). With r updates left Krum looks at r - f - 2 neighbours, but one at least;
/// of equal scores the lowest index wins. NaN and infinite updates are selected last, and values that are so are farthest: the
/// aggregate is finite while no more than f updates are NaN or infinite. The updates are read once for the distances and those selected
/// once more, to be copied; the copy is read twice, for the median and for the mean around it.
/// </summary>
[About("Krum's selection, averaged around its coordinate-wise median", Paper = "El Mhamdi et al., ICML 2018")]
public sealed class Bulyan : IDefense
{
    private readonly Setting _setting;
    private readonly int _malicious;
    private readonly BulyanSelection _selection;
    private readonly Matrix _squared;
    private readonly RowsBroughtBack _squaredRows;
    private readonly (float Squared, int Other)[][] _nearest;
    private readonly bool[] _left;
    private readonly double[] _scores;
    private readonly double[] _summed; // the scores when they were last added up
    private readonly int[] _last; // the place of the farthest neighbour that counts
    private readonly int[][] _place; // where in the order of an update's neighbours each other one is
    private readonly int[] _chosen;
    private readonly Buffer<int> _rows;
    private readonly Buffer<int> _all;
    private readonly Matrix _ones;
    private readonly Matrix _selected;
    private readonly Matrix _median;

    /// <summary>Selects n - 2f updates a round.</summary>
    public Bulyan(
        Setting setting,
        [About("malicious clients reckoned with, n is at least 4f + 3; default: those of the setting")] int? f = null,
        [About("Krum on what is left again and again, or its scores once; the paper iterates")] BulyanSelection selection = BulyanSelection.Iterated)
    {
        int n = setting.Clients;
        _malicious = setting.Reckoned(f);
        if (_malicious < 0 || n < (4 * _malicious) + 3)
        {
            throw new InputException(
                $"f is {_malicious} with n = {n} clients a round; allowed is {(n < 3 ? "no f with fewer than 3 clients a round" : $"0 to {(n - 3) / 4}")}, so that n is at least 4f + 3");
        }

        (_setting, _selection) = (setting, selection);
        int theta = n - (2 * _malicious);
        Backend backend = setting.Backend;
        _squared = backend.AllocateMatrix(n, n);
        (_squaredRows, _left, _scores, _chosen) = (new(n, n), new bool[n], new double[n], new int[theta]);
        (_summed, _last, _place) = (new double[n], new int[n], [.. Enumerable.Range(0, n).Select(_ => new int[n])]);
        _nearest = [.. Enumerable.Range(0, n).Select(_ => new (float, int)[n - 1])];
        _rows = backend.Allocate<int>(theta);
        _all = backend.Upload<int>([.. Enumerable.Range(0, theta)]);
        _ones = backend.Upload(1, theta, [.. Enumerable.Repeat(1f, theta)]);
        _selected = backend.AllocateMatrix(theta, setting.Parameters);
        _median = backend.AllocateMatrix(1, setting.Parameters);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        Backend backend = _setting.Backend;
        Select(round.Updates);
        _rows.CopyFrom(_chosen);
        backend.Run(new BlendRows(round.Updates, _rows, _ones, _selected, Keep: 0));
        backend.Run(new CoordinateMedian(_selected, _median, EvenMedian.Average));
        backend.Run(new MeanAroundCenter(_selected, _all, _median, _chosen.Length - (2 * _malicious), aggregate));
        return [];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_squared, _rows, _all, _ones, _selected, _median])
        {
            owned.Dispose();
        }
    }

    private void Select(Matrix updates)
    {
        int n = updates.Rows;
        _setting.Backend.Run(new PairwiseSquaredDistances(updates, _squared));
        for (int i = 0; i < n; i++)
        {
            ReadOnlySpan<float> row = _squaredRows.Row(_squared, i);
            for (int j = 0, count = 0; j < n; j++)
            {
                if (j != i)
                {
                    _nearest[i][count++] = (float.IsNaN(row[j]) ? float.PositiveInfinity : row[j], j);
                }
            }

            _nearest[i].AsSpan().Sort((a, b) => a.Squared == b.Squared ? a.Other.CompareTo(b.Other) : a.Squared.CompareTo(b.Squared));
            for (int k = 0; k < _nearest[i].Length; k++)
            {
                _place[i][_nearest[i][k].Other] = k;
            }
        }

        _left.AsSpan().Fill(true);
        for (int i = 0; i < n; i++)
        {
            Score(i, NeighboursAmong(n));
        }

        for (int pick = 0; pick < _chosen.Length; pick++)
        {
            int best = -1;
            for (int i = 0; i < n; i++)
            {
                best = _left[i] && (best < 0 || _scores[i] < _scores[best]) ? i : best;
            }

            _chosen[pick] = best;
            _left[best] = false;
            for (int i = 0; i < n && _selection == BulyanSelection.Iterated; i++)
            {
                if (_left[i])
                {
                    Rescore(i, best, NeighboursAmong(n - pick - 1), NeighboursAmong(n - pick));
                }
            }
        }
    }

    private int NeighboursAmong(int left) => Math.Max(1, left - _malicious - 2);

    // The sum of the squared distances to the nearest of the updates that are left.
    private void Score(int i, int neighbours)
    {
        (_scores[i], _last[i]) = (0, -1);
        for (int k = 0, counted = 0; k < _nearest[i].Length && counted < neighbours; k++)
        {
            if (_left[_nearest[i][k].Other])
            {
                _scores[i] += _nearest[i][k].Squared;
                _last[i] = k;
                counted++;
            }
        }

        _summed[i] = _scores[i];
    }

    // One update is gone and one neighbour fewer counts: the one that is gone where it was counted, else the farthest. The others stay.
    private void Rescore(int i, int gone, int neighbours, int before)
    {
        int place = _place[i][gone];
        bool counted = place <= _last[i];
        double score = _last[i] < 0 ? 0 : _scores[i] - _nearest[i][counted ? place : _last[i]].Squared;

        // Where much was taken away, what is left has lost digits.
        if (neighbours == before || _last[i] < 0 || !(score >= _summed[i] / 2))
        {
            Score(i, neighbours);
            return;
        }

        _scores[i] = score;
        if (!counted || place == _last[i])
        {
            do
            {
                _last[i]--;
            }
            while (_last[i] >= 0 && !_left[_nearest[i][_last[i]].Other]);
        }
    }
}
