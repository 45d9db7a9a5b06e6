// Random noise: malicious clients drown what they learned.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Gaussian noise added to the client's own update (or state).</summary>
[About("Gaussian noise added to the client's own update")]
public sealed class RandomNoise(Setting setting, [About("standard deviation of the noise on each parameter")] double deviation = 5) : IAttack
{
    private readonly double _deviation = Allowed.NotNegative("deviation", deviation);

    /// <inheritdoc/>
    public bool NeedsWholeRound => false;

    /// <inheritdoc/>
    public void Corrupt(Round round) => AddedNoise.Add(setting, round, _deviation);
}
