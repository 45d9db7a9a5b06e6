// Krum: the one update that is closest to its neighbours.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The update with the lowest score. NaN and infinite updates are never chosen while n - f updates are finite.</summary>
[About("the update closest to its nearest neighbours", Paper = "Blanchard et al., NeurIPS 2017")]
public sealed class Krum(
    Setting setting,
    [About("malicious clients reckoned with, at most n - 3 with n-f-2 neighbours; default: those of the setting")] int? f = null,
    [About("the distance added up; the paper squares, fourth_power squares twice")] KrumDistance distance = KrumDistance.Squared,
    [About("neighbours looked at; the paper has n-f-2, with itself among them it is n-f-3")] KrumNeighbours neighbours = KrumNeighbours.Paper) : IDefense, IJudge
{
    private readonly KrumScores _scores = new(setting, f, distance, neighbours);
    private readonly ClientWeights _weights = new(setting);

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate) =>
        _weights.MeanOf(_scores.Rank(round.Updates, count: 1), round.Updates, aggregate);

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => _scores.Judgements;

    /// <inheritdoc/>
    public void Dispose()
    {
        _scores.Dispose();
        _weights.Dispose();
    }
}
