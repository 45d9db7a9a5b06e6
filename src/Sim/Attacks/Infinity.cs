// Infinity in every parameter: what a rule must survive.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Every parameter of a malicious update is positive infinity.</summary>
[About("infinity in every parameter")]
public sealed class Infinity(Setting setting) : IAttack
{
    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (round.HonestUpdates.Rows > 0)
        {
            setting.Backend.Run(new Fill(round.MaliciousUpdates, float.PositiveInfinity));
        }
    }
}
