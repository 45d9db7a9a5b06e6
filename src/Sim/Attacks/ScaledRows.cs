// Multiplies what the malicious clients send: what sign flipping and scaling have in common.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The malicious rows times one factor.</summary>
internal static class ScaledRows
{
    public static void Multiply(Setting setting, Round round, double factor)
    {
        float[] host = new float[round.Malicious];
        Array.Fill(host, (float)factor);
        using Matrix factors = setting.Backend.Upload(1, round.Malicious, host);
        setting.Backend.Run(new ScaleRows(round.MaliciousUpdates, factors));
    }
}
