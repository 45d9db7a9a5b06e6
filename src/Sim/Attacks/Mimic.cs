// Mimic: malicious clients all send what one honest client sent.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Copies of one honest row.</summary>
[About("copies of one honest client's update", Paper = "Karimireddy et al., Byzantine-robust learning on heterogeneous datasets, ICLR 2022")]
public sealed class Mimic(Setting setting, [About("the honest row that is copied, from 0; the last one where there are fewer")] int target = 0) : IAttack
{
    private readonly int _target = Allowed.AtLeast("target", target, 0);

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        int honest = round.HonestUpdates.Rows;
        if (honest == 0)
        {
            return;
        }

        float[] ones = new float[round.Malicious];
        Array.Fill(ones, 1);
        using Matrix mix = setting.Backend.Upload(round.Malicious, 1, ones);
        setting.Backend.Run(new RowMix(round.Updates.SliceRows(Math.Min(_target, honest - 1), 1), mix, round.MaliciousUpdates));
    }
}
