// The check of f that rules share which need an honest majority.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Numbers of malicious clients below n / 2.</summary>
internal static class FewerThanHalf
{
    /// <summary>The given f, or the setting's, when 2 f is below n.</summary>
    /// <exception cref="InputException">It is not.</exception>
    public static int Of(Setting setting, int? f)
    {
        int malicious = setting.Reckoned(f);
        return malicious >= 0 && 2 * malicious < setting.Clients
            ? malicious
            : throw new InputException($"f is {malicious}; allowed is 0 to {(setting.Clients - 1) / 2} for {setting.Clients} clients a round");
    }

    /// <summary>The same, when moreover no more than <paramref name="limit"/> subsets of n - f clients have to be looked at.</summary>
    /// <exception cref="InputException">It is not, or they are more.</exception>
    public static int WithSubsets(Setting setting, int? f, long limit)
    {
        int malicious = Of(setting, f);
        double subsets = 1;
        for (int i = 1; i <= malicious; i++)
        {
            subsets *= (double)(setting.Clients - malicious + i) / i;
        }

        return Math.Round(subsets) <= limit
            ? malicious
            : throw new InputException(
                $"f is {malicious} of {setting.Clients} clients a round, {subsets:G3} subsets; allowed are at most {limit}, since all of them are searched");
    }
}
