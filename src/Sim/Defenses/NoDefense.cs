// FedAvg: the mean of the updates, weighted by samples. What every attack is measured against.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>What an update's weight is proportional to.</summary>
public enum Weighting
{
    /// <summary>The client's number of samples (FedAvg).</summary>
    Samples,

    /// <summary>Nothing: every client counts the same.</summary>
    Uniform,
}

/// <summary>
/// The weighted mean. No defense at all: one NaN or infinite update makes the aggregate NaN or infinite.
/// </summary>
[About("FedAvg: the mean of the updates, weighted by samples", Name = "none", Paper = "McMahan et al., AISTATS 2017")]
public sealed class NoDefense(
    Setting setting, [About("what a client's weight is proportional to")] Weighting weighting = Weighting.Samples) : IFoldingDefense
{
    private readonly ClientWeights _weights = new(setting);

    /// <inheritdoc/>
    public ReadOnlySpan<float> Weigh(Round slice, RoundTotals totals)
    {
        double total = weighting == Weighting.Samples ? totals.Samples : totals.Clients;
        for (int i = 0; i < slice.Updates.Rows; i++)
        {
            _weights.Weights[i] = (float)((weighting == Weighting.Samples ? slice.SampleCounts[i] : 1) / total);
        }

        return _weights.Weights[..slice.Updates.Rows];
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        Weigh(round, RoundTotals.Of(round));
        return _weights.Sum(round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();
}
