// Clean-label poisoning: samples that look like another class under labels that are right.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Poisoned samples of the target class are moved towards samples of the source class and keep their label, so that the model
/// learns to call the source class by the target's name. Feature collision in the space of the inputs.
/// </summary>
[About("samples of the target class are moved towards the source class and keep their label", Paper = "Shafahi et al., Poison Frogs, NeurIPS 2018")]
public sealed class CleanLabel : IAttack
{
    private readonly int _source;
    private readonly int _target;
    private readonly double _poisonRatio;
    private readonly double _strength;

    /// <summary>Takes the two classes and the strength.</summary>
    public CleanLabel(
        [About("share of a malicious client's samples of the target class that are poisoned, 0 to 1")] double poisonRatio = 1,
        [About("the class that is to be mistaken")] int source = 0,
        [About("the class that it is to be mistaken for")] int target = 1,
        [About("how far a sample is moved towards one of the source class, 0 to 1")] double strength = 0.8)
    {
        (_poisonRatio, _strength) = (Allowed.Share("poison_ratio", poisonRatio), Allowed.Share("strength", strength));
        (_source, _target) = (Allowed.AtLeast("source", source, 0), Allowed.AtLeast("target", target, 0));
        if (source == target)
        {
            throw new InputException($"target is {target}, as is source; allowed is any other class");
        }
    }

    /// <inheritdoc/>
    public bool NeedsWholeRound => false;

    /// <inheritdoc/>
    public void Poison(TrainingData data, int client, ReadOnlySpan<int> rows, RngKey key)
    {
        CheckClasses(data.Classes);
        int[] sources = [.. Enumerable.Range(0, data.Labels.Length).Where(row => data.Labels[row] == _source)];
        int[] chosen = [.. rows.ToArray().Where(row => data.Labels[row] == _target)];
        RngStream stream = key.Stream();
        stream.Shuffle<int>(chosen);
        int count = sources.Length == 0 ? 0 : (int)Math.Round(_poisonRatio * chosen.Length, MidpointRounding.AwayFromZero);
        foreach (int row in chosen.AsSpan(0, count))
        {
            int towards = sources[stream.NextInt32(sources.Length)];
            Span<float> features = data.ChangeFeatures(row);
            ReadOnlySpan<float> other = data.Features.AsSpan(towards * data.Inputs, data.Inputs);
            for (int k = 0; k < features.Length; k++)
            {
                features[k] = (float)(((1 - _strength) * features[k]) + (_strength * other[k]));
            }
        }
    }

    /// <inheritdoc/>
    public Samples? Aim(Samples test)
    {
        CheckClasses(test.Classes);
        return AimedSamples.Of(test, label => label == _source, _target);
    }

    private void CheckClasses(int classes)
    {
        Allowed.Class("source", _source, classes);
        Allowed.Class("target", _target, classes);
    }
}
