// The central idea of a defense: it folds n updates into one.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// A rule that aggregates the updates of a round on the device. One instance lives for one run: what it remembers of earlier
/// rounds are its fields. Its constructor takes a <see cref="Setting"/> and the user's parameters, and throws
/// <see cref="InputException"/> for what the rule does not allow.
/// </summary>
public interface IDefense : IDisposable
{
    /// <summary>Writes the aggregate (1 x d) of the round's updates.</summary>
    /// <returns>
    /// The weight that each update got, zero for a rejected one; empty when the rule does not weigh whole updates.
    /// </returns>
    ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate);
}
