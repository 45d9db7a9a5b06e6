// Multi-Krum: the mean of the updates with the lowest Krum scores.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>How Multi-Krum chooses.</summary>
public enum KrumSelection
{
    /// <summary>The lowest scores among all: the paper.</summary>
    OneShot,

    /// <summary>Krum again and again on those not yet chosen (Shejwalkar and Houmansadr's code, NDSS 2021).</summary>
    Iterated,
}

/// <summary>The mean of the <c>keep</c> updates with the lowest scores. NaN and infinite updates are kept out while n - f updates are finite.</summary>
[About("mean of the updates closest to their nearest neighbours", Paper = "Blanchard et al., NeurIPS 2017")]
public sealed class MultiKrum : IDefense, IJudge
{
    private readonly KrumScores _scores;
    private readonly ClientWeights _weights;
    private readonly int _keep;
    private readonly Weighting _weighting;
    private readonly KrumSelection _selection;

    /// <summary>Keeps the best of each round.</summary>
    public MultiKrum(
        Setting setting,
        [About("malicious clients reckoned with, at most n - 3 with n-f-2 neighbours; default: those of the setting")] int? f = null,
        [About("updates kept, the paper's m; default: n - f, iterated n - 2f - 2")] int? keep = null,
        [About("the distance added up; the paper squares, fourth_power squares twice")] KrumDistance distance = KrumDistance.Squared,
        [About("neighbours looked at; the paper has n-f-2, with itself among them it is n-f-3")] KrumNeighbours neighbours = KrumNeighbours.Paper,
        [About("what a kept client's weight is proportional to")] Weighting weighting = Weighting.Uniform,
        [About("all at once, or one after another with new scores each time")] KrumSelection selection = KrumSelection.OneShot)
    {
        int n = setting.Clients;
        keep = setting.Removed > 0 && keep > n ? n : keep; // no more than a stage in front has left
        if (keep is < 1 || keep > n)
        {
            throw new InputException($"keep is {keep}; allowed is 1 to n = {n}");
        }

        _scores = new(setting, f, distance, neighbours);
        _keep = keep ?? (selection == KrumSelection.OneShot ? n - _scores.Malicious : n - (2 * _scores.Malicious) - 2);
        int most = n - _scores.NotNeighbours; // the last one chosen still needs a neighbour
        if (selection == KrumSelection.Iterated && (_keep < 1 || _keep > most))
        {
            _scores.Dispose();
            throw new InputException(
                $"keep is {_keep} with n = {n} clients a round and f = {_scores.Malicious}; allowed is 1 to {most} with selection=iterated, so that each has a neighbour");
        }

        (_weights, _weighting, _selection) = (new(setting), weighting, selection);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        ReadOnlySpan<int> kept = _selection == KrumSelection.OneShot ? _scores.Rank(round.Updates, _keep) : _scores.PickOneByOne(round.Updates, _keep);
        if (_weighting == Weighting.Uniform)
        {
            return _weights.MeanOf(kept, round.Updates, aggregate);
        }

        double total = 0;
        foreach (int client in kept)
        {
            total += round.SampleCounts[client];
        }

        _weights.Weights.Clear();
        foreach (int client in kept)
        {
            _weights.Weights[client] = (float)(round.SampleCounts[client] / total);
        }

        return _weights.Sum(round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => _scores.Judgements;

    /// <inheritdoc/>
    public void Dispose()
    {
        _scores.Dispose();
        _weights.Dispose();
    }
}
