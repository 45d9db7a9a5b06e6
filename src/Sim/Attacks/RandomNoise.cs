// Random noise: malicious clients drown what they learned.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Gaussian noise added to the client's own update (or state).</summary>
[About("Gaussian noise added to the client's own update")]
public sealed class RandomNoise : IAttack
{
    private readonly Setting _setting;
    private readonly float _deviation;

    /// <summary>Adds noise of one standard deviation to every parameter.</summary>
    public RandomNoise(Setting setting, [About("standard deviation of the noise on each parameter")] double deviation = 5)
    {
        if (!(deviation >= 0) || double.IsInfinity(deviation))
        {
            throw new InputException($"deviation is {Catalogue.ValueText(deviation)}; allowed is any number from 0 on");
        }

        (_setting, _deviation) = (setting, (float)deviation);
    }

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        float[] host = new float[round.Malicious];
        Array.Fill(host, _deviation);
        using Matrix deviations = _setting.Backend.Upload(1, round.Malicious, host);
        _setting.Backend.Run(new AddGaussianNoise(round.MaliciousUpdates, deviations, round.Key.Fold((ulong)Purpose.Corruption)));
    }
}
