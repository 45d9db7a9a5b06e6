// Random updates for comparing rules with separate implementations.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

/// <summary>The rows of a round: normal ones, of which the last are moved away together.</summary>
internal static class RandomRounds
{
    public static float[][] Rows(RngStream stream, int n, int d, int malicious, double distance = 3)
    {
        double[] direction = [.. Enumerable.Range(0, d).Select(_ => stream.NextNormal())];
        return
        [
            .. Enumerable.Range(0, n).Select(i =>
                Enumerable.Range(0, d).Select(k => (float)(stream.NextNormal() + 0.5 + (i >= n - malicious ? distance * direction[k] : 0))).ToArray()),
        ];
    }

    public static double[] Mean(float[][] rows, IReadOnlyCollection<int> kept) =>
        [.. Enumerable.Range(0, rows[0].Length).Select(k => kept.Sum(i => (double)rows[i][k]) / Math.Max(1, kept.Count))];

    public static double Squared(float[] a, float[] b) => a.Zip(b).Sum(p => ((double)p.First - p.Second) * ((double)p.First - p.Second));

    /// <summary>All subsets of <paramref name="k"/> of the numbers below <paramref name="n"/>, in lexicographic order.</summary>
    public static IEnumerable<int[]> Subsets(int n, int k) =>
        k == 0 ? [[]] : Enumerable.Range(0, 1 << n).Where(bits => int.PopCount(bits) == k)
            .Select(bits => Enumerable.Range(0, n).Where(i => (bits >> i & 1) == 1).ToArray())
            .OrderBy(set => string.Concat(set.Select(i => (char)('a' + i))), StringComparer.Ordinal);

    public static int[] Kept(Aggregation result) => [.. Enumerable.Range(0, result.Weights.Length).Where(i => result.Weights[i] > 0)];

    public static void Near(IReadOnlyList<double> expected, float[] actual, double tolerance = 1e-5)
    {
        Assert.Equal(expected.Count, actual.Length);
        for (int k = 0; k < actual.Length; k++)
        {
            Assert.Equal(expected[k], actual[k], tolerance);
        }
    }
}
