// Gaussian attack: malicious clients send noise instead of what they learned.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Every parameter of a malicious update is a normal number.</summary>
[About("Gaussian noise in place of the update", Paper = "Blanchard et al., Krum, NeurIPS 2017")]
public sealed class Gaussian(
    Setting setting,
    [About("mean of the noise")] double mean = 0,
    [About("standard deviation of the noise")] double deviation = 1) : IAttack
{
    private readonly float _mean = (float)Allowed.Finite("mean", mean);
    private readonly double _deviation = Allowed.NotNegative("deviation", deviation);

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (round.HonestUpdates.Rows > 0)
        {
            setting.Backend.Run(new Fill(round.MaliciousUpdates, _mean));
            AddedNoise.Add(setting, round, _deviation);
        }
    }
}
