// IPM with the factor that does the actual defense the most harm.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Minus epsilon times the honest mean, with epsilon searched for against the defense.</summary>
[About("ipm with the epsilon that moves the actual defense farthest", Paper = "Xie et al., UAI 2019; the search of ByzFL")]
public sealed class OptimalIpm(
    Setting setting,
    Choice<IDefense> defense,
    [About("values of epsilon that are tried a round, 1 and more; ByzFL tries 20")] int evaluations = LineSearch.Evaluations,
    [About("the first epsilon; ByzFL starts at 0")] double start = Ipm.DefaultEpsilon,
    [About("the first step, doubled as long as it does more harm; ByzFL takes 10")] double step = LineSearch.Step,
    [About("what a step is multiplied with after that, 0.5 to 1")] double ratio = LineSearch.Ratio) : IAttack
{
    private readonly double _start = Allowed.Finite("start", start);
    private readonly LineSearch _search = new(setting, defense, evaluations, step, ratio);

    /// <inheritdoc/>
    public void Corrupt(Round round) => _search.Send(round, _start, epsilon => (-epsilon, 0));
}
