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
}

/// <summary>
/// The score of update i is the sum of its distances to its nearest neighbours (Blanchard et al., NeurIPS 2017, section 4).
/// A distance that is NaN counts as infinite, so an update with NaN or infinity in it comes last.
/// </summary>
internal sealed class KrumScores : IDisposable
{
    private readonly Setting _setting;
    private readonly KrumDistance _distance;
    private readonly int _neighbours;
    private readonly Matrix _squared;
    private readonly float[] _row;
    private readonly double[] _scores;
    private readonly int[] _order;

    public KrumScores(Setting setting, int? f, KrumDistance distance, KrumNeighbours neighbours)
    {
        int n = setting.Clients;
        int malicious = f ?? setting.Malicious;
        int others = neighbours == KrumNeighbours.Paper ? 2 : 1;
        if (malicious < 0 || n - malicious - others < 1)
        {
            throw new InputException(
                $"f is {malicious} with n = {n} clients a round; allowed is {(n > others ? $"0 to n - {others + 1} = {n - others - 1}" : $"no f with fewer than {others + 1} clients a round")}, so that n - f - {others} is at least 1");
        }

        (_setting, _distance) = (setting, distance);
        _neighbours = n - malicious - others;
        Malicious = malicious;
        _squared = setting.Backend.AllocateMatrix(n, n);
        (_row, _scores, _order) = (new float[n], new double[n], new int[n]);
    }

    /// <summary>The number of malicious clients that is reckoned with.</summary>
    public int Malicious { get; }

    /// <summary>The clients from the lowest score to the highest; of equal ones the lower index first.</summary>
    public ReadOnlySpan<int> Rank(Matrix updates)
    {
        int n = updates.Rows;
        _setting.Backend.Run(new PairwiseSquaredDistances(updates, _squared));
        for (int i = 0; i < n; i++)
        {
            _squared.CopyTo(_row, i);
            _row[i] = float.PositiveInfinity; // an update is not its own neighbour
            foreach (ref float squared in _row.AsSpan())
            {
                squared = float.IsNaN(squared) ? float.PositiveInfinity : squared;
            }

            _row.AsSpan().Sort();
            _scores[i] = 0;
            foreach (float squared in _row.AsSpan(0, _neighbours))
            {
                _scores[i] += _distance == KrumDistance.Squared ? squared : Math.Sqrt(squared);
            }

            _order[i] = i;
        }

        _order.AsSpan().Sort((a, b) => _scores[a] == _scores[b] ? a.CompareTo(b) : _scores[a].CompareTo(_scores[b]));
        return _order;
    }

    public void Dispose() => _squared.Dispose();
}
