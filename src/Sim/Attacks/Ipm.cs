// Inner product manipulation: a small step against the honest mean.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Minus epsilon times the mean of the honest updates.</summary>
[About("minus epsilon times the mean of the honest updates", Paper = "Xie et al., Fall of Empires, UAI 2019")]
public sealed class Ipm(Setting setting, [About("what the negative honest mean is multiplied with; ByzFL takes 2")] double epsilon = Ipm.DefaultEpsilon) : IAttack
{
    internal const double DefaultEpsilon = 0.1;

    private readonly double _epsilon = Allowed.Finite("epsilon", epsilon);

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (round.HonestUpdates.Rows > 0)
        {
            using var honest = new HonestMoments(setting, round);
            honest.Send(-_epsilon, 0);
        }
    }
}
