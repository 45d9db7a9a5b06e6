// Sign flipping: malicious clients send the opposite of what they, or the honest, learned.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Whose sign is flipped.</summary>
public enum Flipped
{
    /// <summary>The client's own update.</summary>
    Own,

    /// <summary>The mean of the honest updates (ByzFL).</summary>
    HonestMean,
}

/// <summary>Minus scale_factor times the client's own update (or state), or the mean of the honest ones.</summary>
[About("minus the client's own update, or the honest mean, times a factor", Paper = "Li et al., RSA, AAAI 2019")]
public sealed class SignFlip(
    Setting setting,
    [About("what the flipped update is multiplied with")] double scaleFactor = 1,
    [About("whose update is flipped")] Flipped of = Flipped.Own) : IAttack
{
    private readonly double _factor = -ScaledRows.Checked(scaleFactor);

    /// <inheritdoc/>
    public bool NeedsWholeRound => of != Flipped.Own;

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (of == Flipped.Own)
        {
            ScaledRows.Multiply(setting, round, _factor);
        }
        else if (round.HonestUpdates.Rows > 0)
        {
            using var honest = new HonestMoments(setting, round);
            honest.Send(_factor, 0);
        }
    }
}
