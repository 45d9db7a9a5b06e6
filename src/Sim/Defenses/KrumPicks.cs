// Krum again and again, each time on the updates that are left: on the host, where every update's neighbours are in order.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The scores of n updates among those that are left of them. Bringing the distances takes n x n numbers and n sorts; a pick takes n steps, for
/// it changes one neighbour of each other update. A distance that is NaN counts as infinite.
/// </summary>
internal sealed class KrumPicks(int n, KrumDistance distance)
{
    private readonly float[] _squared = new float[n * n];
    private readonly int[] _near = new int[n * n]; // row i: the updates in the order of their distance to i, itself first
    private readonly Nearest _nearest = new(n);
    private readonly bool[] _left = new bool[n];
    private readonly double[] _scores = new double[n];
    private readonly double[] _summed = new double[n]; // the scores when they were last added up
    private readonly int[] _last = new int[n]; // the place in order of the farthest neighbour that counts; 0: none does
    private readonly int[] _farthest = new int[n]; // that neighbour
    private readonly float[] _toFarthest = new float[n]; // and its distance: near and squared are too large to be looked up for every pick

    /// <summary>The scores; of an update that is gone, the one that it was picked for.</summary>
    public ReadOnlySpan<double> Scores => _scores;

    /// <summary>Takes the squared distances (n x n) of a round, with all updates left.</summary>
    public void Bring(Matrix squared)
    {
        squared.CopyTo(_squared);
        for (int i = 0; i < n; i++)
        {
            Span<float> row = _squared.AsSpan(i * n, n);
            foreach (ref float value in row)
            {
                value = float.IsNaN(value) ? float.PositiveInfinity : value;
            }

            _nearest.Order(row, i, _near.AsSpan(i * n, n));
        }

        _left.AsSpan().Fill(true);
    }

    /// <summary>Gives each update the sum of its distances to its nearest <paramref name="neighbours"/>.</summary>
    public void Score(int neighbours)
    {
        for (int i = 0; i < n; i++)
        {
            AddUp(i, neighbours);
        }
    }

    /// <summary>The update with the lowest score of those that are left, of equal ones the lowest index; it is left no longer.</summary>
    public int Pick()
    {
        int best = -1;
        for (int i = 0; i < n; i++)
        {
            best = _left[i] && (best < 0 || _scores[i] < _scores[best]) ? i : best;
        }

        _left[best] = false;
        return best;
    }

    /// <summary>
    /// The scores of those left once <paramref name="gone"/> is, with <paramref name="neighbours"/> where <paramref name="before"/> counted. Where
    /// that is one fewer it is the one that is gone, or else the farthest; the others stay.
    /// </summary>
    public void ScoreWithout(int gone, int neighbours, int before)
    {
        ReadOnlySpan<float> toGone = _squared.AsSpan(gone * n, n);
        for (int i = 0; i < n; i++)
        {
            if (!_left[i])
            {
                continue;
            }

            bool counted = toGone[i] < _toFarthest[i] || (toGone[i] == _toFarthest[i] && gone <= _farthest[i]);
            double score = _scores[i] - ValueOf(counted ? toGone[i] : _toFarthest[i]);

            // Where much was taken away, what is left has lost digits.
            if (neighbours != before - 1 || _last[i] == 0 || !(score >= _summed[i] / 2))
            {
                AddUp(i, neighbours);
                continue;
            }

            _scores[i] = score;
            if (!counted || gone == _farthest[i])
            {
                int last = _last[i];
                do
                {
                    last--;
                }
                while (last > 0 && !_left[_near[(i * n) + last]]);
                SetLast(i, last);
            }
        }
    }

    private void AddUp(int i, int neighbours)
    {
        ReadOnlySpan<float> row = _squared.AsSpan(i * n, n);
        ReadOnlySpan<int> near = _near.AsSpan(i * n, n);
        double sum = 0;
        int last = 0;
        for (int place = 1, counted = 0; place < near.Length && counted < neighbours; place++)
        {
            if (_left[near[place]])
            {
                sum += ValueOf(row[near[place]]);
                last = place;
                counted++;
            }
        }

        (_scores[i], _summed[i]) = (sum, sum);
        SetLast(i, last);
    }

    private void SetLast(int i, int last)
    {
        int other = _near[(i * n) + last];
        (_last[i], _farthest[i], _toFarthest[i]) = (last, other, _squared[(i * n) + other]);
    }

    private double ValueOf(float squared) => distance switch
    {
        KrumDistance.Squared => squared,
        KrumDistance.Euclidean => Math.Sqrt(squared),
        _ => (double)squared * squared,
    };
}
