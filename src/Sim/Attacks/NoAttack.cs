// Malicious clients that behave: the baseline.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Everyone is honest.</summary>
[About("malicious clients do as the others do", Name = "none")]
public sealed class NoAttack : IAttack
{
    /// <inheritdoc/>
    public bool NeedsWholeRound => false;
}
