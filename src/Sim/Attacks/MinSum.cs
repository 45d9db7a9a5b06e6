// Min-Sum: in sum no farther from the honest updates than one of them is from the others.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Which honest update's sum of distances bounds the attack.</summary>
public enum SumBound
{
    /// <summary>The greatest: the paper's formula.</summary>
    Max,

    /// <summary>The least: the authors' code.</summary>
    Min,
}

/// <summary>mean + gamma * p with the largest gamma whose sum of squared distances to the honest updates keeps to the bound.</summary>
[About("in sum as far from the honest updates as one of them is from the others", Paper = "Shejwalkar and Houmansadr, Manipulating the Byzantine, NDSS 2021")]
public sealed class MinSum(
    Setting setting,
    [About("minus the mean's direction, its signs or the standard deviations")] Perturbation direction = Perturbation.Unit,
    [About("whose sum is the bound: the greatest of the honest updates, or the least (authors' code)")] SumBound bound = SumBound.Max) : IAttack
{
    /// <inheritdoc/>
    public void Corrupt(Round round) =>
        RangeAttack.Send(setting, round, direction, Bound, squared => squared.Sum());

    private double Bound(float[] between, int h)
    {
        IEnumerable<double> sums = between.Chunk(h).Select(row => row.Sum(squared => (double)squared));
        return bound == SumBound.Max ? sums.Max() : sums.Min();
    }
}
