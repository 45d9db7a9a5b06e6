// Rules whose aggregate is a sum over clients, so that a round's updates need not all be in memory at once.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>What a rule may know of a whole round while it sees only some of its updates.</summary>
/// <param name="Clients">Updates of the round, n.</param>
/// <param name="Samples">Training samples of all its clients.</param>
public readonly record struct RoundTotals(int Clients, long Samples)
{
    /// <summary>Those of a round that is there as a whole.</summary>
    public static RoundTotals Of(Round round) => new(round.Updates.Rows, round.SampleCounts.Sum(count => (long)count));
}

/// <summary>
/// A rule that gives each update a weight which depends on that update and on the round's totals alone. Its aggregate is the weighted sum, so a
/// round may come to it in slices.
/// </summary>
public interface IFoldingDefense : IDefense
{
    /// <summary>The weights of the updates of a slice of a round, or of a whole one; they last until the next call.</summary>
    ReadOnlySpan<float> Weigh(Round slice, RoundTotals totals);

    /// <summary>Does what is left to do once the aggregate (1 x d) holds the weighted sum of all updates.</summary>
    /// <param name="round">The last slice of the round.</param>
    /// <param name="aggregate">The sum, to be changed in place.</param>
    void Finish(Round round, Matrix aggregate)
    {
    }
}
