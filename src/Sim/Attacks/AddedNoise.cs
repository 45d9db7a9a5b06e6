// Gaussian noise on what the malicious clients send.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Adds noise of one standard deviation to the malicious rows, another for each row and round.</summary>
internal static class AddedNoise
{
    public static void Add(Setting setting, Round round, double deviation)
    {
        float[] host = new float[round.Malicious];
        Array.Fill(host, (float)deviation);
        using Matrix deviations = setting.Backend.Upload(1, round.Malicious, host);
        setting.Backend.Run(new AddGaussianNoise(round.MaliciousUpdates, deviations, round.Key.Fold((ulong)Purpose.Corruption), round.MaliciousBefore));
    }
}
