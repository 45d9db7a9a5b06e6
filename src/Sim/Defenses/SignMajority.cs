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
    private readonly Matrix _step;
    private readonly Matrix _sums;

    /// <summary>Takes steps of a fixed size.</summary>
    public SignMajority(Setting setting, [About("size of the step in each coordinate")] double step = 0.001)
    {
        if (!(step > 0) || double.IsInfinity(step))
        {
            throw new InputException($"step is {Catalogue.ValueText(step)}; allowed is any number above 0");
        }

        _setting = setting;
        _step = setting.Backend.Upload(1, 1, [(float)step]);
        _sums = setting.Backend.AllocateMatrix(1, setting.Parameters);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        Backend backend = _setting.Backend;
        backend.Run(new SignSums(round.Updates, _sums));
        backend.Run(new Signs(_sums, aggregate));
        backend.Run(new ScaleRows(aggregate, _step));
        return [];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _step.Dispose();
        _sums.Dispose();
    }
}
