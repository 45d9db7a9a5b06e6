// Label flipping: malicious clients train on wrong classes.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Every poisoned sample of class y is said to be of class (y + 1) mod C.</summary>
[About("each poisoned sample's class becomes the next one", Paper = "Biggio et al., ICML 2012; the form of Fung et al., RAID 2020")]
public sealed class LabelFlip : IAttack
{
    private readonly double _poisonRatio;

    /// <summary>Flips a share of a malicious client's samples.</summary>
    public LabelFlip([About("share of a malicious client's samples that are poisoned, 0 to 1")] double poisonRatio = 1)
    {
        if (!(poisonRatio >= 0 && poisonRatio <= 1))
        {
            throw new InputException($"poison_ratio is {Catalogue.ValueText(poisonRatio)}; allowed is 0 to 1");
        }

        _poisonRatio = poisonRatio;
    }

    /// <inheritdoc/>
    public void Poison(TrainingData data, ReadOnlySpan<int> rows, RngKey key)
    {
        int[] shuffled = [.. rows];
        RngStream stream = key.Stream();
        stream.Shuffle<int>(shuffled);
        int poisoned = (int)Math.Round(_poisonRatio * rows.Length, MidpointRounding.AwayFromZero);
        foreach (int row in shuffled.AsSpan(0, poisoned))
        {
            data.Labels[row] = (data.Labels[row] + 1) % data.Classes;
        }
    }
}
