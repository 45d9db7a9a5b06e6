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
public sealed class Bulyan : IDefense, IJudge
{
    private readonly Setting _setting;
    private readonly int _malicious;
    private readonly BulyanSelection _selection;
    private readonly KrumScores _scores;
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
        _scores = new(setting, f, KrumDistance.Squared, KrumNeighbours.Paper);
        _chosen = new int[theta];
        _rows = backend.Allocate<int>(theta);
        _all = backend.Upload<int>([.. Enumerable.Range(0, theta)]);
        _ones = backend.Upload(1, theta, [.. Enumerable.Repeat(1f, theta)]);
        _selected = backend.AllocateMatrix(theta, setting.Parameters);
        _median = backend.AllocateMatrix(1, setting.Parameters);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements =>
        [Judgement.Of("not_selected_by_krum", _setting.Clients, Enumerable.Range(0, _setting.Clients).Except(_chosen))];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        Backend backend = _setting.Backend;
        ReadOnlySpan<int> chosen = _selection == BulyanSelection.OneShot
            ? _scores.Rank(round.Updates, _chosen.Length) : _scores.PickOneByOne(round.Updates, _chosen.Length);
        chosen.CopyTo(_chosen);
        _rows.CopyFrom(_chosen);
        backend.Run(new BlendRows(round.Updates, _rows, _ones, _selected, Keep: 0));
        backend.Run(new CoordinateMedian(_selected, _median, EvenMedian.Average));
        backend.Run(new MeanAroundCenter(_selected, _all, _median, _chosen.Length - (2 * _malicious), aggregate));
        return [];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_scores, _rows, _all, _ones, _selected, _median])
        {
            owned.Dispose();
        }
    }
}
