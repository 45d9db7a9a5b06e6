// Min-Max: no farther from any honest update than two honest updates are from each other.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>mean + gamma * p with the largest gamma whose greatest distance to an honest update is the greatest between two of them.</summary>
[About("as far from the honest mean as two honest updates are from each other", Paper = "Shejwalkar and Houmansadr, Manipulating the Byzantine, NDSS 2021")]
public sealed class MinMax(
    Setting setting, [About("minus the mean's direction, its signs or the standard deviations")] Perturbation direction = Perturbation.Unit) : IAttack
{
    /// <inheritdoc/>
    public void Corrupt(Round round) =>
        RangeAttack.Send(setting, round, direction, (between, _) => between.Max(), squared => squared.Max());
}
