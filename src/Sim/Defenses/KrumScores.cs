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
/// The score of update i is the sum of its distances to its nearest neighbours (Blanchard et al., NeurIPS 2017, section 4).
/// A distance that is NaN counts as infinite, so an update with NaN or infinity in it comes last.
/// </summary>
internal sealed class KrumScores : IDisposable
{
    private readonly Setting _setting;
    private readonly KrumDistance _distance;
    private readonly Matrix _squared;
    private readonly float[] _distances;
    private readonly int[] _near;
    private readonly double[] _scores;
    private readonly int[] _order;

    public KrumScores(Setting setting, int? f, KrumDistance distance, KrumNeighbours neighbours)
    {
        int n = setting.Clients;
        int malicious = f ?? setting.Malicious;
        int others = neighbours switch { KrumNeighbours.Paper => 2, KrumNeighbours.OneMore => 1, KrumNeighbours.TwoMore => 0, _ => 3 };
        if (malicious < 0 || n - malicious - others < 1)
        {
            string count = others == 0 ? "n - f" : $"n - f - {others}";
            throw new InputException(
                $"f is {malicious} with n = {n} clients a round; allowed is {(n > others ? $"0 to n - {others + 1} = {n - others - 1}" : $"no f with fewer than {others + 1} clients a round")}, so that {count} is at least 1");
        }

        (_setting, _distance, Malicious, NotNeighbours) = (setting, distance, malicious, malicious + others);
        _squared = setting.Backend.AllocateMatrix(n, n);
        (_distances, _near, _scores, _order) = (new float[n * n], new int[n * n], new double[n], new int[n]);
    }

    /// <summary>The number of malicious clients that is reckoned with.</summary>
    public int Malicious { get; }

    /// <summary>How many fewer neighbours than updates are looked at: f + 2 in the paper.</summary>
    public int NotNeighbours { get; }

    /// <summary>The scores of the last round; where updates were picked one by one, those at the pick or at the last one.</summary>
    public IReadOnlyList<Judgement> Judgements => [new("krum_score", [.. _scores])];

    /// <summary>The clients from the lowest score to the highest; of equal ones the lower index first.</summary>
    public ReadOnlySpan<int> Rank(Matrix updates)
    {
        Measure(updates);
        for (int i = 0; i < _order.Length; i++)
        {
            _order[i] = i;
            _scores[i] = Score(i, _order.Length - NotNeighbours, gone: []);
        }

        _order.AsSpan().Sort((a, b) => _scores[a] == _scores[b] ? a.CompareTo(b) : _scores[a].CompareTo(_scores[b]));
        return _order;
    }

    /// <summary>
    /// The best <paramref name="count"/> clients, one after another: each is chosen by the scores among those not yet chosen, of which
    /// fewer neighbours are looked at as they become fewer.
    /// </summary>
    public ReadOnlySpan<int> PickOneByOne(Matrix updates, int count)
    {
        Measure(updates);
        bool[] gone = new bool[_order.Length];
        for (int pick = 0; pick < count; pick++)
        {
            int best = -1;
            for (int i = 0; i < gone.Length; i++)
            {
                if (!gone[i])
                {
                    _scores[i] = Score(i, gone.Length - pick - NotNeighbours, gone);
                    best = best < 0 || _scores[i] < _scores[best] ? i : best;
                }
            }

            _order[pick] = best;
            gone[best] = true;
        }

        return _order.AsSpan(0, count);
    }

    public void Dispose() => _squared.Dispose();

    /// <summary>Brings the distances to the host and finds for each update the order of the others, the nearest first.</summary>
    private void Measure(Matrix updates)
    {
        int n = updates.Rows;
        _setting.Backend.Run(new PairwiseSquaredDistances(updates, _squared));
        _squared.CopyTo(_distances);
        for (int i = 0; i < n; i++)
        {
            Nearest.Order(_distances.AsSpan(i * n, n), i, _near.AsSpan(i * n, n));
        }
    }

    /// <summary>The sum over the nearest <paramref name="neighbours"/> of an update that are not gone.</summary>
    private double Score(int client, int neighbours, ReadOnlySpan<bool> gone)
    {
        int n = _order.Length;
        double sum = 0;
        foreach (int other in _near.AsSpan((client * n) + 1, n - 1)) // the first is the update itself
        {
            if (neighbours == 0)
            {
                break;
            }

            if (gone.IsEmpty || !gone[other])
            {
                float squared = _distances[(client * n) + other];
                double distance = float.IsNaN(squared) ? double.PositiveInfinity : squared;
                sum += _distance switch
                {
                    KrumDistance.Squared => distance,
                    KrumDistance.Euclidean => Math.Sqrt(distance),
                    _ => distance * distance,
                };
                neighbours--;
            }
        }

        return sum;
    }
}
