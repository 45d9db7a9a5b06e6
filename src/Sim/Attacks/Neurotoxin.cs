// Neurotoxin: a backdoor in the coordinates that honest clients hardly touch, so that it lasts.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// A backdoor whose update is kept to the coordinates that the last change of the global model moved least. In its first round
/// there is no such change and the update is sent whole.
/// </summary>
[About("a backdoor in the coordinates that the global model moves least", Paper = "Zhang et al., Neurotoxin, ICML 2022")]
public sealed class Neurotoxin : IAttack
{
    private const int Bisections = 60;

    private readonly Setting _setting;
    private readonly Backdoor _backdoor;
    private readonly LastGlobal _last;
    private readonly double _masked;

    /// <summary>Takes the backdoor's parameters and the share of coordinates that it avoids.</summary>
    public Neurotoxin(
        Setting setting,
        [About("share of the coordinates that are avoided: those that moved most, 0 to 1")] double masked = 0.05,
        [About("pixel: a patch; blended: a pattern over all; distributed: a patch in parts; edge: none, rare samples")] TriggerKind trigger = TriggerKind.Pixel,
        [About("the class that triggered samples are to get")] int target = 0,
        [About("share of a malicious client's samples that are poisoned, 0 to 1")] double poisonRatio = 0.5,
        [About("what the update is multiplied with; default: a round's clients over its malicious ones")] double? boost = null)
    {
        (_setting, _last, _masked) = (setting, new(setting), Allowed.Share("masked", masked));
        _backdoor = new(setting, trigger, target, poisonRatio, boost);
    }

    /// <inheritdoc/>
    public void Poison(TrainingData data, int client, ReadOnlySpan<int> rows, RngKey key) => _backdoor.Poison(data, client, rows, key);

    /// <inheritdoc/>
    public Samples? Aim(Samples test) => _backdoor.Aim(test);

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (round.HonestUpdates.Rows == 0)
        {
            return;
        }

        using Matrix change = _setting.Backend.AllocateMatrix(1, round.Updates.Columns);
        if (_last.Change(round, change))
        {
            _setting.Backend.Run(new KeepSmall(round.MaliciousUpdates, change, Threshold(change)));
        }

        _backdoor.Corrupt(round);
    }

    /// <summary>The least size, to the last bit of a float, that no more than the avoided share of the changes is above.</summary>
    private float Threshold(Matrix change)
    {
        Backend backend = _setting.Backend;
        int d = change.Columns;
        double kept = d - Math.Floor(_masked * d);
        using Matrix left = backend.AllocateMatrix(1, d);
        using Matrix norm = backend.AllocateMatrix(1, 1);

        // A row of ones with the large changes cleared: its squared norm counts those that are left.
        double Left(float threshold)
        {
            backend.Run(new Fill(left, 1));
            backend.Run(new KeepSmall(left, change, threshold));
            backend.Run(new RowNorms(left, norm));
            double length = norm.ToArray()[0];
            return Math.Round(length * length);
        }

        backend.Run(new RowNorms(change, norm));
        float low = 0;
        float high = norm.ToArray()[0];
        for (int i = 0; i < Bisections && low < high; i++)
        {
            float middle = low + ((high - low) / 2);
            if (Left(middle) >= kept)
            {
                high = middle;
            }
            else if (middle > low)
            {
                low = middle;
            }
            else
            {
                break;
            }
        }

        return high;
    }

    /// <inheritdoc/>
    public void Dispose() => _last.Dispose();
}
