// IPM with the factor that does the actual defense the most harm.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Minus epsilon times the honest mean, with epsilon searched for against the defense.</summary>
[About("ipm with the epsilon that moves the actual defense farthest", Paper = "Xie et al., UAI 2019; the search of ByzFL")]
public sealed class OptimalIpm(
    Setting setting, Choice<IDefense> defense, [About("values of epsilon that are tried a round, 1 and more")] int evaluations = 16) : IAttack
{
    private readonly int _evaluations = Allowed.AtLeast("evaluations", evaluations, 1);

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (round.HonestUpdates.Rows > 0)
        {
            using var honest = new HonestMoments(setting, round);
            var trial = new DefenseTrial(setting, defense, round, honest);
            honest.Send(-LineSearch.Maximise(epsilon => trial.Try(-epsilon, 0).Damage, Ipm.DefaultEpsilon, _evaluations), 0);
        }
    }
}
