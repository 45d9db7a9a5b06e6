// A little is enough: as far from the honest mean as some honest clients are themselves.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>On which side of the honest mean an attack stays.</summary>
public enum Side
{
    /// <summary>mean + z * deviation (ByzFL, Blades).</summary>
    Plus,

    /// <summary>mean - z * deviation.</summary>
    Minus,
}

/// <summary>The mean of the honest updates and z of their standard deviations (divided by their number less one).</summary>
[About("the honest mean and z of the honest standard deviations", Paper = "Baruch et al., A Little Is Enough, NeurIPS 2019")]
public sealed class Alie(
    Setting setting,
    [About("standard deviations from the mean; default: the paper's, from n and the round's malicious clients, below 0 for few of them; ByzFL takes 1.5")] double? z = null,
    [About("side of the mean")] Side direction = Side.Plus) : IAttack
{
    private readonly double? _z = z is { } given ? Allowed.Finite("z", given) : null;

    /// <summary>
    /// The paper's z, the largest that the normal distribution allows below (n - f - s) / (n - f): its inverse there. s = floor(n / 2 + 1) - f
    /// honest clients are missing from a majority. Where they are more than half of the honest (n = 10, f = 1) the formula gives a number
    /// below zero, which is used as it stands: the update is then on the other side of the mean, as harmful as on this one. Zero where the
    /// malicious are a majority by themselves and no number follows.
    /// </summary>
    /// <param name="n">Clients.</param>
    /// <param name="f">Malicious ones.</param>
    public static double PaperZ(int n, int f)
    {
        int supporters = (n / 2) + 1 - f;
        double share = (double)(n - f - supporters) / (n - f);
        return share is > 0 and < 1 ? InverseNormal(share) : 0;
    }

    /// <summary>The number that a standard normal variable stays below with probability <paramref name="p"/> (0 to 1, both excluded).</summary>
    public static double InverseNormal(double p)
    {
        // Acklam's rational approximation (relative error 1e-9), in the upper tail by symmetry.
        if (p > 0.5)
        {
            return -InverseNormal(1 - p);
        }

        if (p < 0.02425)
        {
            double q = Math.Sqrt(-2 * Math.Log(p));
            return (((((((((-7.784894002430293e-3 * q) - 3.223964580411365e-1) * q) - 2.400758277161838) * q) - 2.549732539343734) * q) + 4.374664141464968) * q + 2.938163982698783)
                / ((((((((7.784695709041462e-3 * q) + 3.224671290700398e-1) * q) + 2.445134137142996) * q) + 3.754408661907416) * q) + 1);
        }

        double c = p - 0.5;
        double r = c * c;
        return (((((((((((-3.969683028665376e1 * r) + 2.209460984245205e2) * r) - 2.759285104469687e2) * r) + 1.383577518672690e2) * r) - 3.066479806614716e1) * r) + 2.506628277459239) * c)
            / ((((((((((-5.447609879822406e1 * r) + 1.615858368580409e2) * r) - 1.556989798598866e2) * r) + 6.680131188771972e1) * r) - 1.328068155288572e1) * r) + 1);
    }

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (round.HonestUpdates.Rows > 0)
        {
            double z = _z ?? PaperZ(round.Updates.Rows, round.Malicious);
            using var honest = new HonestMoments(setting, round);
            honest.Send(1, direction == Side.Plus ? z : -z);
        }
    }
}
