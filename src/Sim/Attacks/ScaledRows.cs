// Multiplies what the malicious clients send: what sign flipping and scaling have in common.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The malicious rows times one factor.</summary>
internal static class ScaledRows
{
    /// <summary>Refuses a factor that is no number.</summary>
    public static double Checked(double scaleFactor) =>
        double.IsFinite(scaleFactor) ? scaleFactor : throw new InputException($"scale_factor is {Catalogue.ValueText(scaleFactor)}; allowed is any finite number");

    public static void Multiply(Setting setting, Round round, double factor)
    {
        float[] host = new float[round.Malicious];
        Array.Fill(host, (float)factor);
        using Matrix factors = setting.Backend.Upload(1, round.Malicious, host);
        setting.Backend.Run(new ScaleRows(round.MaliciousUpdates, factors));
    }
}
