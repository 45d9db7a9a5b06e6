// Sign flipping: malicious clients send the opposite of what they learned.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Minus scale_factor times the client's own update (or state).</summary>
[About("minus the client's own update, times a factor", Paper = "Li et al., RSA, AAAI 2019")]
public sealed class SignFlip(
    Setting setting, [About("what the flipped update is multiplied with")] double scaleFactor = 1) : IAttack
{
    private readonly double _factor = -ScaledRows.Checked(scaleFactor);

    /// <inheritdoc/>
    public void Corrupt(Round round) => ScaledRows.Multiply(setting, round, _factor);
}
