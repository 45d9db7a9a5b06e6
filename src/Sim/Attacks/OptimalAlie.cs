// ALIE with the number of deviations that does the actual defense the most harm.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The honest mean plus z of the honest deviations, with z searched for against the defense.</summary>
[About("alie with the z that moves the actual defense farthest", Paper = "Shejwalkar and Houmansadr, NDSS 2021; the search of ByzFL")]
public sealed class OptimalAlie(
    Setting setting, Choice<IDefense> defense, [About("values of z that are tried a round, 1 and more")] int evaluations = 16) : IAttack
{
    private readonly int _evaluations = Allowed.AtLeast("evaluations", evaluations, 1);

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (round.HonestUpdates.Rows > 0)
        {
            using var honest = new HonestMoments(setting, round);
            var trial = new DefenseTrial(setting, defense, round, honest);
            double fixedZ = Math.Max(0, Alie.PaperZ(round.Updates.Rows, round.Malicious));
            honest.Send(1, LineSearch.Maximise(z => trial.Try(1, z).Damage, fixedZ, _evaluations));
        }
    }
}
