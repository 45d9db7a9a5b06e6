// Gradient scaling: malicious clients send their updates many times as large.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>scale_factor times the client's own update (or state).</summary>
[About("the client's own update times a factor", Paper = "Bagdasaryan et al., AISTATS 2020 (boosting)")]
public sealed class GradientScale(
    Setting setting, [About("what the update is multiplied with")] double scaleFactor = 10) : IAttack
{
    private readonly double _factor = ScaledRows.Checked(scaleFactor);

    /// <inheritdoc/>
    public bool NeedsWholeRound => false;

    /// <inheritdoc/>
    public void Corrupt(Round round) => ScaledRows.Multiply(setting, round, _factor);
}
