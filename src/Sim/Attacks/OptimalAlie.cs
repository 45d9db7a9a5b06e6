// ALIE with the number of deviations that does the actual defense the most harm.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The honest mean plus z of the honest deviations, with z searched for against the defense.</summary>
[About("alie with the z that moves the actual defense farthest", Paper = "Shejwalkar and Houmansadr, NDSS 2021; the search of ByzFL")]
public sealed class OptimalAlie(
    Setting setting,
    Choice<IDefense> defense,
    [About("values of z that are tried a round, 1 and more; ByzFL tries 20")] int evaluations = LineSearch.Evaluations,
    [About("the first z; default: that of alie; ByzFL starts at 0")] double? start = null,
    [About("the first step, doubled as long as it does more harm; ByzFL takes 10")] double step = LineSearch.Step,
    [About("what a step is multiplied with after that, 0.5 to 1")] double ratio = LineSearch.Ratio) : IAttack
{
    private readonly double? _start = start is { } given ? Allowed.Finite("start", given) : null;
    private readonly LineSearch _search = new(setting, defense, evaluations, step, ratio);

    /// <inheritdoc/>
    public void Corrupt(Round round) => _search.Send(round, _start ?? Alie.PaperZ(round.Updates.Rows, round.Malicious), z => (1, z));
}
