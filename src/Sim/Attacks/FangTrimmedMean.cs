// Fang's attack on the trimmed mean and the median: values just outside the honest range, against the honest direction.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Each parameter is drawn from beyond the honest range, on the side away from the sign of the honest mean, with full knowledge of
/// the honest updates (sections 4.3 and 4.4; updates stand for local models).
/// </summary>
[About("values just outside the honest range, against the honest direction", Paper = "Fang et al., Local Model Poisoning, USENIX Security 2020")]
public sealed class FangTrimmedMean : IAttack
{
    private readonly Setting _setting;
    private readonly double _factor;

    /// <summary>Takes the width of the interval.</summary>
    public FangTrimmedMean(Setting setting, [About("how many times the range's end the farthest value is, above 1")] double b = 2)
    {
        if (!(b > 1) || double.IsInfinity(b))
        {
            throw new InputException($"b is {Catalogue.ValueText(b)}; allowed is any number above 1");
        }

        (_setting, _factor) = (setting, b);
    }

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (round.HonestUpdates.Rows > 0)
        {
            _setting.Backend.Run(
                new BeyondRange(round.HonestUpdates, round.MaliciousUpdates, (float)_factor, round.Key.Fold((ulong)Purpose.Corruption)));
        }
    }
}
