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
    Setting setting, [About("what a client's weight is proportional to")] Weighting weighting = Weighting.Samples) : IDefense
{
    private readonly ClientWeights _weights = new(setting);

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        double total = weighting == Weighting.Samples ? round.SampleCounts.Sum(count => (long)count) : round.Updates.Rows;
        for (int i = 0; i < round.Updates.Rows; i++)
        {
            _weights.Weights[i] = (float)((weighting == Weighting.Samples ? round.SampleCounts[i] : 1) / total);
        }

        return _weights.Sum(round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();
}
