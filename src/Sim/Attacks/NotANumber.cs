// NaN in every parameter: what a rule must survive.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Every parameter of a malicious update is not a number.</summary>
[About("NaN in every parameter", Name = "nan")]
public sealed class NotANumber(Setting setting) : IAttack
{
    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (round.HonestUpdates.Rows > 0)
        {
            setting.Backend.Run(new Fill(round.MaliciousUpdates, float.NaN));
        }
    }
}
