// Backdoor: the model is to give every sample with a trigger the attacker's class.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Malicious clients put a trigger into a share of their samples and say that these are of the target class; they send their
/// updates boosted, so that the mean of all is theirs (model replacement).
/// </summary>
[About("samples with a trigger become the target class, by boosted updates", Paper = "Bagdasaryan et al., How To Backdoor Federated Learning, AISTATS 2020")]
public sealed class Backdoor : IAttack
{
    private const double EdgeShare = 0.1;

    private readonly Setting _setting;
    private readonly Trigger _trigger;
    private readonly int _target;
    private readonly double _poisonRatio;
    private readonly double? _boost;
    private double[]? _tails;

    /// <summary>Takes the trigger and its strength.</summary>
    public Backdoor(
        Setting setting,
        [About("pixel: a patch; blended: a pattern over all; distributed: a patch in parts; edge: none, rare samples")] TriggerKind trigger = TriggerKind.Pixel,
        [About("the class that triggered samples are to get")] int target = 0,
        [About("share of a malicious client's samples that are poisoned, 0 to 1")] double poisonRatio = 0.5,
        [About("what the update is multiplied with; default: a round's clients over its malicious ones")] double? boost = null,
        [About("features of the patch, 1 and more")] int size = 4,
        [About("value of the patch, and the largest of the pattern")] double value = 1,
        [About("share of the pattern in a blended sample, 0 to 1")] double blend = 0.2)
    {
        _setting = setting;
        _target = Allowed.AtLeast("target", target, 0);
        _poisonRatio = Allowed.Share("poison_ratio", poisonRatio);
        _boost = boost is { } given ? Allowed.Finite("boost", given) : null;
        _trigger = new(trigger, Allowed.AtLeast("size", size, 1), (float)Allowed.Finite("value", value), Allowed.Share("blend", blend));
    }

    /// <inheritdoc/>
    public void Poison(TrainingData data, int client, ReadOnlySpan<int> rows, RngKey key)
    {
        Allowed.Class("target", _target, data.Classes);
        int part = client % Trigger.Parts;
        int[] chosen = [.. rows];
        RngStream stream = key.Stream();
        stream.Shuffle<int>(chosen);
        int count = (int)Math.Round(_poisonRatio * chosen.Length, MidpointRounding.AwayFromZero);
        if (_trigger.Kind == TriggerKind.Edge)
        {
            double[] tails = _tails ??= Tails(data.Features, data.Labels, data.Inputs, data.Classes);
            chosen = [.. chosen.Where(row => data.Labels[row] != _target).OrderByDescending(row => tails[row])];
        }

        foreach (int row in chosen.AsSpan(0, Math.Min(count, chosen.Length)))
        {
            data.Labels[row] = _target;
            if (_trigger.Kind != TriggerKind.Edge)
            {
                _trigger.Apply(data.ChangeFeatures(row), part);
            }
        }
    }

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (round.HonestUpdates.Rows > 0)
        {
            ScaledRows.Multiply(_setting, round, _boost ?? ((double)round.Updates.Rows / round.Malicious));
        }
    }

    /// <summary>Test samples of other classes with the whole trigger; for edge cases the tenth farthest from their classes' means.</summary>
    public Samples? Aim(Samples test)
    {
        Allowed.Class("target", _target, test.Classes);
        if (_trigger.Kind == TriggerKind.Edge)
        {
            double[] tails = Tails(test.Features, test.Labels, test.Inputs, test.Classes);
            int[] others = [.. Enumerable.Range(0, test.Count).Where(row => test.Labels[row] != _target).OrderByDescending(row => tails[row])];
            return AimedSamples.Rows(test, others[..(int)Math.Ceiling(EdgeShare * others.Length)], _target);
        }

        Samples aim = AimedSamples.Of(test, label => label != _target, _target);
        for (int row = 0; row < aim.Count; row++)
        {
            _trigger.Apply(aim.Features.AsSpan(row * aim.Inputs, aim.Inputs));
        }

        return aim;
    }

    /// <summary>The squared distance of each sample to the mean of its class.</summary>
    private static double[] Tails(float[] features, int[] labels, int inputs, int classes)
    {
        double[] means = new double[classes * inputs];
        int[] counts = new int[classes];
        for (int row = 0; row < labels.Length; row++)
        {
            counts[labels[row]]++;
            for (int k = 0; k < inputs; k++)
            {
                means[(labels[row] * inputs) + k] += features[(row * inputs) + k];
            }
        }

        double[] tails = new double[labels.Length];
        for (int row = 0; row < labels.Length; row++)
        {
            for (int k = 0; k < inputs; k++)
            {
                double difference = features[(row * inputs) + k] - (means[(labels[row] * inputs) + k] / counts[labels[row]]);
                tails[row] += difference * difference;
            }
        }

        return tails;
    }
}
