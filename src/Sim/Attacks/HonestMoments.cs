// What omniscient attacks are made of: the mean of the honest rows and their standard deviation, on the device.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Mean and standard deviation (divided by the honest rows less one) of each column of a round's honest rows.</summary>
internal sealed class HonestMoments : IDisposable
{
    private readonly Setting _setting;
    private readonly Round _round;
    private readonly Matrix _basis;

    public HonestMoments(Setting setting, Round round)
    {
        (_setting, _round) = (setting, round);
        _basis = setting.Backend.AllocateMatrix(2, round.Updates.Columns);
        setting.Backend.Run(new ColumnMoments(round.HonestUpdates, Mean, Deviation, LostDegrees: 1));
    }

    public Matrix Mean => _basis.SliceRows(0, 1);

    /// <summary>The standard deviation, or whatever direction an attack has put in its place.</summary>
    public Matrix Deviation => _basis.SliceRows(1, 1);

    /// <summary>Writes meanFactor * mean + deviationFactor * deviation to every row of <paramref name="target"/>.</summary>
    public void Write(double meanFactor, double deviationFactor, Matrix target)
    {
        float[] mix = new float[2 * target.Rows];
        for (int row = 0; row < target.Rows; row++)
        {
            (mix[2 * row], mix[(2 * row) + 1]) = ((float)meanFactor, (float)deviationFactor);
        }

        using Matrix device = _setting.Backend.Upload(target.Rows, 2, mix);
        _setting.Backend.Run(new RowMix(_basis, device, target));
    }

    /// <summary>Writes the same to every malicious row.</summary>
    public void Send(double meanFactor, double deviationFactor) => Write(meanFactor, deviationFactor, _round.MaliciousUpdates);

    /// <summary>Puts the mean in the deviation's place.</summary>
    public void TakeMeanAsDirection()
    {
        using Matrix one = _setting.Backend.Upload(1, 1, [1]);
        _setting.Backend.Run(new RowMix(Mean, one, Deviation));
    }

    public void Dispose() => _basis.Dispose();
}
