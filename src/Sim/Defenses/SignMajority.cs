// signSGD with majority vote: each coordinate takes one step in the direction that most updates want.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Plus or minus the step in every coordinate, zero where as many updates are positive as negative. Only signs count, so the step does
/// not scale with the updates. NaN has no vote, infinity that of its sign.
/// </summary>
[About("signSGD: majority vote of the signs of each coordinate", Paper = "Bernstein et al., ICLR 2019")]
public sealed class SignMajority : IDefense
{
    private readonly Setting _setting;
    private readonly float _step;

    /// <summary>Takes steps of a fixed size.</summary>
    public SignMajority(Setting setting, [About("size of the step in each coordinate")] double step = 0.001)
    {
        if (!(step > 0) || double.IsInfinity(step))
        {
            throw new InputException($"step is {Catalogue.ValueText(step)}; allowed is any number above 0");
        }

        (_setting, _step) = (setting, (float)step);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _setting.Backend.Run(new SignVote(round.Updates, aggregate, _step));
        return [];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
