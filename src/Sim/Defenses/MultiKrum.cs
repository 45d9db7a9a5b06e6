// Multi-Krum: the mean of the updates with the lowest Krum scores.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The mean of the <c>keep</c> updates with the lowest scores. NaN and infinite updates are kept out while n - f updates are finite.</summary>
[About("mean of the updates closest to their nearest neighbours", Paper = "Blanchard et al., NeurIPS 2017")]
public sealed class MultiKrum : IDefense
{
    private readonly KrumScores _scores;
    private readonly ClientWeights _weights;
    private readonly int _keep;

    /// <summary>Keeps the best of each round.</summary>
    public MultiKrum(
        Setting setting,
        [About("malicious clients reckoned with, at most n - 3 (n - 2 with n-f-1); default: those of the setting")] int? f = null,
        [About("updates kept, the paper's m; default: n - f")] int? keep = null,
        [About("the distance added up; the paper squares")] KrumDistance distance = KrumDistance.Squared,
        [About("neighbours looked at; the paper has n-f-2")] KrumNeighbours neighbours = KrumNeighbours.Paper)
    {
        if (keep is < 1 || keep > setting.Clients)
        {
            throw new InputException($"keep is {keep}; allowed is 1 to n = {setting.Clients}");
        }

        _scores = new(setting, f, distance, neighbours);
        _weights = new(setting);
        _keep = keep ?? (setting.Clients - _scores.Malicious);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate) =>
        _weights.MeanOf(_scores.Rank(round.Updates)[.._keep], round.Updates, aggregate);

    /// <inheritdoc/>
    public void Dispose()
    {
        _scores.Dispose();
        _weights.Dispose();
    }
}
