// The central idea of a stage in front of a rule: it gives the rule other rows than the clients sent.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>What a stage gives the next one.</summary>
/// <param name="Updates">The rows to go on with, m x d; they belong to the stage and last until its next round.</param>
/// <param name="Kept">
/// For each row the row of the round that it is, where rows stay whole clients (a filter, a clipping); null where rows are mixtures.
/// </param>
public sealed record PreAggregated(Matrix Updates, IReadOnlyList<int>? Kept);

/// <summary>
/// Transforms or filters the updates before a rule aggregates them, as in nnm+trimmed_mean. One instance lives for one run. Its
/// constructor takes a <see cref="Setting"/> and the user's parameters.
/// </summary>
public interface IPreAggregation : IDisposable
{
    /// <summary>The most rows that it gives.</summary>
    int MaxRows { get; }

    /// <summary>Transforms the updates of a round, which it leaves as they are.</summary>
    PreAggregated Apply(Round round);
}
