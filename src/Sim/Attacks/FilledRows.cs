// One number in every parameter: what attacks by constants and by noise start from.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Overwrites the malicious rows, whatever they hold.</summary>
internal static class FilledRows
{
    public static void Write(Setting setting, Round round, float value)
    {
        if (value == 0)
        {
            ScaledRows.Multiply(setting, round, 0);
            return;
        }

        float[] row = new float[round.Updates.Columns];
        Array.Fill(row, value);
        float[] ones = new float[round.Malicious];
        Array.Fill(ones, 1);
        using Matrix basis = setting.Backend.Upload(1, row.Length, row);
        using Matrix mix = setting.Backend.Upload(round.Malicious, 1, ones);
        setting.Backend.Run(new RowMix(basis, mix, round.MaliciousUpdates));
    }
}
