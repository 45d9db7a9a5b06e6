// Free riders: clients that send something plausible without training.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>What a free rider sends.</summary>
public enum FreeRide
{
    /// <summary>The last change of the global model; zero as long as there is none.</summary>
    LastChange,

    /// <summary>Zero.</summary>
    Zero,
}

/// <summary>The last change of the global model, or zero, plus noise.</summary>
[About("the last change of the global model, or zero, plus noise", Paper = "Lin et al., Free-riders in Federated Learning, 2019; Fraboni et al., AISTATS 2021")]
public sealed class FreeRider(
    Setting setting,
    [About("what is sent before noise")] FreeRide send = FreeRide.LastChange,
    [About("standard deviation of the noise on each parameter")] double deviation = 0.001) : IAttack
{
    private readonly double _deviation = Allowed.NotNegative("deviation", deviation);
    private readonly LastGlobal _last = new(setting);

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (round.HonestUpdates.Rows == 0)
        {
            return;
        }

        if (send == FreeRide.Zero || !_last.Change(round, round.MaliciousUpdates))
        {
            setting.Backend.Run(new Fill(round.MaliciousUpdates, 0));
        }

        AddedNoise.Add(setting, round, _deviation);
    }

    /// <inheritdoc/>
    public void Dispose() => _last.Dispose();
}
