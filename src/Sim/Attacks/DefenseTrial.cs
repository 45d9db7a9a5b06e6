// What a defense would make of the malicious rows as they are: what attacks that know the defense search by.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The outcome of one trial.</summary>
/// <param name="Damage">How far the aggregate is from the honest mean; infinite when it is not a number.</param>
/// <param name="Accepted">Whether a malicious row got any weight; null for a rule that does not weigh whole updates.</param>
internal readonly record struct Trial(double Damage, bool? Accepted);

/// <summary>
/// Tries a defense on a round. Each trial makes an instance of its own, so that neither the run's defense nor a later trial
/// remembers it; a rule with a memory is judged by what it does in its first round.
/// </summary>
internal sealed class DefenseTrial(Setting setting, Choice<IDefense> defense, Round round, HonestMoments honest)
{
    /// <summary>Sends combinations of the honest moments and runs the defense on them.</summary>
    public Trial Try(double meanFactor, double deviationFactor)
    {
        honest.Send(meanFactor, deviationFactor);
        using IDefense rule = defense.Create(setting with { Memory = new() });
        using Matrix aggregate = setting.Backend.AllocateMatrix(1, round.Updates.Columns);
        using Matrix squared = setting.Backend.AllocateMatrix(1, 1);
        ReadOnlySpan<float> weights = rule.Aggregate(round, aggregate);
        bool? accepted = weights.IsEmpty ? null : weights[^round.Malicious..].ContainsAnyExcept(0f);
        setting.Backend.Run(new DistancesToVector(aggregate, honest.Mean, squared));
        double damage = Math.Sqrt(squared.ToArray()[0]);
        return new(double.IsNaN(damage) ? double.PositiveInfinity : damage, accepted);
    }
}
