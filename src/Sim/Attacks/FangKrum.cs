// Fang's attack on Krum: the largest step against the honest direction that Krum still selects.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// -lambda * s, where s is the sign of the honest mean: lambda starts at the paper's upper bound and is halved until Krum would select it, or until
/// it is below the threshold (section 4.2, full knowledge; updates are taken relative to the global model, so that w_Re is zero).
/// </summary>
[About("the largest step against the honest direction that Krum selects", Paper = "Fang et al., Local Model Poisoning, USENIX Security 2020")]
public sealed class FangKrum(
    Setting setting, [About("lambda below which the search ends, above 0")] double threshold = 1e-5) : IAttack
{
    private readonly double _threshold = threshold > 0 && double.IsFinite(threshold)
        ? threshold
        : throw new InputException($"threshold is {Catalogue.ValueText(threshold)}; allowed is any number above 0");

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        Matrix honest = round.HonestUpdates;
        int h = honest.Rows;
        if (h == 0)
        {
            return;
        }

        Backend backend = setting.Backend;
        using var moments = new HonestMoments(setting, round);
        using Matrix between = backend.AllocateMatrix(h, h);
        using Matrix sizes = backend.AllocateMatrix(1, h);
        using Matrix candidate = backend.AllocateMatrix(1, honest.Columns);
        backend.Run(new Signs(moments.Mean, moments.Deviation));
        backend.Run(new PairwiseSquaredDistances(honest, between, sizes));
        double[][] squared = [.. between.ToArray().Chunk(h).Select(row => row.Select(x => (double)x).ToArray())];
        double lambda = UpperBound(squared, sizes.ToArray(), round.Malicious, honest.Columns);
        while (true)
        {
            moments.Write(0, -lambda, candidate);
            backend.Run(new DistancesToVector(honest, candidate, sizes));
            if (Selected(squared, [.. sizes.ToArray().Select(x => (double)x)], round.Malicious) || !(lambda / 2 >= _threshold))
            {
                break;
            }

            lambda /= 2;
        }

        moments.Send(0, -lambda);
    }

    /// <summary>Theorem 1's bound: one nearest neighbourhood of the honest, and the largest honest update.</summary>
    private static double UpperBound(double[][] squared, float[] sizes, int f, int d)
    {
        int n = squared.Length + f;
        double nearest = Enumerable.Range(0, squared.Length).Min(i => Nearest(squared[i].Where((_, j) => j != i).Select(Math.Sqrt), n - f - 2));
        return ((nearest / Math.Max(1, n - (2 * f) - 1)) + sizes.Max()) / Math.Sqrt(d);
    }

    /// <summary>Whether Krum's score of f equal malicious rows is below that of every honest row; equal scores select the honest.</summary>
    private static bool Selected(double[][] squared, double[] toMalicious, int f)
    {
        int neighbours = squared.Length - 2;
        double malicious = Nearest(toMalicious.Concat(Enumerable.Repeat(0.0, f - 1)), neighbours);
        return Enumerable.Range(0, squared.Length).All(i =>
            malicious < Nearest(squared[i].Where((_, j) => j != i).Concat(Enumerable.Repeat(toMalicious[i], f)), neighbours));
    }

    private static double Nearest(IEnumerable<double> distances, int count) => distances.Order().Take(Math.Max(1, count)).Sum();
}
