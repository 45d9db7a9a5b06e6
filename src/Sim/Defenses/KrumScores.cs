// Krum's scores: how far each update is from its nearest neighbours.
using System.Runtime.Serialization;
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Which distance Krum adds up.</summary>
public enum KrumDistance
{
    /// <summary>Squared Euclidean: the paper.</summary>
    Squared,

    /// <summary>Euclidean: the tutorial, Garfield's Python code.</summary>
    Euclidean,

    /// <summary>Squared twice: fedlib and EPFML.</summary>
    FourthPower,
}

/// <summary>How many neighbours Krum looks at, itself not counted.</summary>
public enum KrumNeighbours
{
    /// <summary>The paper.</summary>
    [EnumMember(Value = "n-f-2")]
    Paper,

    /// <summary>ByzFL.</summary>
    [EnumMember(Value = "n-f-1")]
    OneMore,

    /// <summary>FedML's first form.</summary>
    [EnumMember(Value = "n-f")]
    TwoMore,

    /// <summary>n - f - 2 with the update itself among them: NDSS21, FLAME's authors.</summary>
    [EnumMember(Value = "n-f-3")]
    OneLess,
}

/// <summary>
/// The score of update i is the sum of its distances to its nearest neighbours (Blanchard et al., NeurIPS 2017).
/// A distance that is NaN counts as infinite, so an update with NaN or infinity in it comes last. Squared distances of all at once stay on
/// the device, and n means come to the host; the other distances and picks one by one take n x n numbers there.
/// </summary>
internal sealed class KrumScores : IDisposable
{
    // Means that are rounded to floats, and summed by halves of floats, may be wrong by a few times 6e-8: closer ones are not told apart by them.
    private const float Unsure = 5e-7f;

    private readonly Setting _setting;
    private readonly KrumDistance _distance;
    private readonly Matrix _squared;
    private readonly Matrix _means;
    private readonly float[] _row;
    private readonly Nearest _nearest;
    private readonly double[] _scores;
    private readonly int[] _order;
    private KrumPicks? _picks;

    public KrumScores(Setting setting, int? f, KrumDistance distance, KrumNeighbours neighbours)
    {
        int n = setting.Clients;
        int malicious = setting.Reckoned(f);
        int others = neighbours switch { KrumNeighbours.Paper => 2, KrumNeighbours.OneMore => 1, KrumNeighbours.TwoMore => 0, _ => 3 };
        if (malicious < 0 || n - malicious - others < 1)
        {
            string count = others == 0 ? "n - f" : $"n - f - {others}";
            throw new InputException(
                $"f is {malicious} with n = {n} clients a round; allowed is {(n > others ? $"0 to n - {others + 1} = {n - others - 1}" : $"no f with fewer than {others + 1} clients a round")}, so that {count} is at least 1");
        }

        (_setting, _distance, Malicious, NotNeighbours) = (setting, distance, malicious, malicious + others);
        (_squared, _means) = (setting.Backend.AllocateMatrix(n, n), setting.Backend.AllocateMatrix(1, n));
        (_row, _nearest, _scores, _order) = (new float[n], new(n), new double[n], new int[n]);
    }

    /// <summary>The number of malicious clients that is reckoned with.</summary>
    public int Malicious { get; }

    /// <summary>How many fewer neighbours than updates are looked at: f + 2 in the paper.</summary>
    public int NotNeighbours { get; }

    /// <summary>The scores of the last round; where updates were picked one by one, those at the pick or at the last one.</summary>
    public IReadOnlyList<Judgement> Judgements => [new("krum_score", [.. _scores])];

    /// <summary>The <paramref name="count"/> clients with the lowest scores; of equal ones the lower index first.</summary>
    public ReadOnlySpan<int> Rank(Matrix updates, int count)
    {
        int n = _order.Length;
        int neighbours = Math.Min(n - NotNeighbours, n - 1); // with f = 0 a dialect asks for more than there are
        _setting.Backend.Run(new PairwiseSquaredDistances(updates, _squared));
        if (_distance == KrumDistance.Squared && neighbours > 0)
        {
            RankOnDevice(count, neighbours);
        }
        else
        {
            KrumPicks picks = OnHost();
            picks.Score(neighbours);
            picks.Scores.CopyTo(_scores);
            Sort(_order);
        }

        return _order.AsSpan(0, count);
    }

    /// <summary>
    /// The best <paramref name="count"/> clients, one after another: each is chosen by the scores among those not yet chosen, of which
    /// fewer neighbours are looked at as they become fewer, but one at least.
    /// </summary>
    public ReadOnlySpan<int> PickOneByOne(Matrix updates, int count)
    {
        _setting.Backend.Run(new PairwiseSquaredDistances(updates, _squared));
        KrumPicks picks = OnHost();
        picks.Score(NeighboursAmong(_order.Length));
        for (int pick = 0; pick < count; pick++)
        {
            if (pick > 0)
            {
                picks.ScoreWithout(_order[pick - 1], NeighboursAmong(_order.Length - pick), NeighboursAmong(_order.Length - pick + 1));
            }

            _order[pick] = picks.Pick();
        }

        picks.Scores.CopyTo(_scores);
        return _order.AsSpan(0, count);
    }

    public void Dispose()
    {
        _squared.Dispose();
        _means.Dispose();
    }

    private int NeighboursAmong(int left) => Math.Max(1, left - NotNeighbours);

    private KrumPicks OnHost()
    {
        _picks ??= new(_order.Length, _distance);
        _picks.Bring(_squared);
        for (int i = 0; i < _order.Length; i++)
        {
            _order[i] = i;
        }

        return _picks;
    }

    private void RankOnDevice(int count, int neighbours)
    {
        _setting.Backend.Run(new NeighbourMeans(_squared, _means, neighbours));
        _means.CopyTo(_row);
        for (int i = 0; i < _row.Length; i++)
        {
            _row[i] = float.IsNaN(_row[i]) ? float.PositiveInfinity : _row[i];
            _scores[i] = (double)_row[i] * neighbours;
        }

        _nearest.Order(_row, self: -1, _order);
        float last = _row[_order[count - 1]];
        int from = count - 1;
        int to = count;
        while (from > 0 && _row[_order[from - 1]] >= last * (1 - Unsure))
        {
            from--;
        }

        while (to < _order.Length && _row[_order[to]] <= last * (1 + Unsure))
        {
            to++;
        }

        if (to == count || last == 0 || float.IsInfinity(last))
        {
            return;
        }

        // Who is the last to be kept is decided by sums in double precision, as it would be for all if they were cheap.
        foreach (int i in _order.AsSpan(from, to - from))
        {
            _squared.CopyTo(_row, i);
            _row[i] = -1; // itself comes first
            _row.AsSpan().Replace(float.NaN, float.PositiveInfinity);
            _row.AsSpan().Sort();
            _scores[i] = 0;
            foreach (float squared in _row.AsSpan(1, neighbours))
            {
                _scores[i] += squared;
            }
        }

        Sort(_order.AsSpan(from, to - from));
    }

    private void Sort(Span<int> clients) =>
        clients.Sort((a, b) => _scores[a] == _scores[b] ? a.CompareTo(b) : _scores[a].CompareTo(_scores[b]));
}
