// Label flipping: malicious clients train on wrong classes.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Which class a poisoned sample of class y is said to be of; C is the number of classes.</summary>
public enum LabelFlipMode
{
    /// <summary>(y + 1) mod C.</summary>
    Next,

    /// <summary>C - 1 - y (ByzFL, Blades).</summary>
    Complement,

    /// <summary>Only samples of one class, to another (Tolpegin et al., ESORICS 2020).</summary>
    Targeted,

    /// <summary>
    /// Anew every round, the class other than y that the global model finds least likely (Shejwalkar et al., Back to the Drawing Board, IEEE
    /// S&amp;P 2022, who train a surrogate of the global model where clients here have the model itself).
    /// </summary>
    Dynamic,
}

/// <summary>A share of a malicious client's samples get another class.</summary>
[About("each poisoned sample's class becomes another one", Paper = "Biggio et al., ICML 2012; the form of Fung et al., RAID 2020")]
public sealed class LabelFlip : IAttack
{
    private readonly double _poisonRatio;
    private readonly LabelFlipMode _mode;
    private readonly int _source;
    private readonly int _target;
    private readonly Dictionary<int, (int Row, int Class)[]> _flippedAnew = [];

    /// <summary>Flips a share of a malicious client's samples.</summary>
    public LabelFlip(
        [About("share of a malicious client's samples (targeted: of its source samples) that are poisoned, 0 to 1")] double poisonRatio = 1,
        [About("the class that a sample gets: y + 1, C - 1 - y, target for those of source, or the model's least likely one")] LabelFlipMode mode = LabelFlipMode.Next,
        [About("the class that is flipped when targeted")] int source = 0,
        [About("the class that it becomes when targeted")] int target = 1)
    {
        (_poisonRatio, _mode) = (Allowed.Share("poison_ratio", poisonRatio), mode);
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
        int[] shuffled = [.. rows];
        if (_mode == LabelFlipMode.Targeted)
        {
            CheckClasses(data.Classes);
            shuffled = [.. shuffled.Where(row => data.Labels[row] == _source)];
        }

        RngStream stream = key.Stream();
        stream.Shuffle<int>(shuffled);
        int poisoned = (int)Math.Round(_poisonRatio * shuffled.Length, MidpointRounding.AwayFromZero);
        if (_mode == LabelFlipMode.Dynamic)
        {
            _flippedAnew[client] = [.. shuffled[..poisoned].Select(row => (row, data.Labels[row]))];
            return;
        }

        foreach (int row in shuffled.AsSpan(0, poisoned))
        {
            data.Labels[row] = _mode switch
            {
                LabelFlipMode.Complement => data.Classes - 1 - data.Labels[row],
                LabelFlipMode.Targeted => _target,
                _ => (data.Labels[row] + 1) % data.Classes,
            };
        }
    }

    /// <inheritdoc/>
    public IReadOnlyList<(int Row, int Class)> FlippedAnew(int client) => _flippedAnew.GetValueOrDefault(client, []);

    /// <inheritdoc/>
    public Samples? Aim(Samples test)
    {
        if (_mode != LabelFlipMode.Targeted)
        {
            return null;
        }

        CheckClasses(test.Classes);
        return AimedSamples.Of(test, label => label == _source, _target);
    }

    private void CheckClasses(int classes)
    {
        Allowed.Class("source", _source, classes);
        Allowed.Class("target", _target, classes);
    }
}
