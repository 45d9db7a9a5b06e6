// A rule that a test keeps over rounds, with who takes part and the server's own update.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

internal sealed class LastingRule(Backend backend, string defense, int n, int d, int malicious = 0, int? population = null) : IDisposable
{
    private readonly IDefense _rule = Catalogue.Parse<IDefense>("--defense", defense).Create(new Setting(backend, n, malicious, d, population));
    private int _round;

    public static IEnumerable<int> CasesOn(string backend) => Enumerable.Range(0, backend == "simd" ? 200 : 20);

    /// <summary>Rows around a common direction, some far longer and some turned around.</summary>
    public static float[][] RandomRows(ref RngStream stream, int n, int d)
    {
        double[] common = new double[d];
        foreach (ref double value in common.AsSpan())
        {
            value = stream.NextNormal();
        }

        float[][] rows = new float[n][];
        for (int i = 0; i < n; i++)
        {
            double length = Math.Pow(10, (2 * stream.NextDouble()) - 1) * (stream.NextInt32(5) == 0 ? -1 : 1);
            double spread = 0.2 + (2 * stream.NextDouble());
            rows[i] = new float[d];
            for (int k = 0; k < d; k++)
            {
                rows[i][k] = (float)(length * (common[k] + (spread * stream.NextNormal())));
            }
        }

        return rows;
    }

    public static double Norm(float[] row) => Math.Sqrt(row.Sum(x => (double)x * x));

    public static double Cosine(float[] a, float[] b) => a.Zip(b, (x, y) => (double)x * y).Sum() / (Norm(a) * Norm(b));

    public static double[] Weighted(float[][] rows, double[] weights) =>
        [.. Enumerable.Range(0, rows[0].Length).Select(k => Enumerable.Range(0, rows.Length).Sum(i => weights[i] == 0 ? 0 : weights[i] * rows[i][k]))];

    public static void Near(double[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        double size = Math.Max(1e-3, expected.Max(Math.Abs));
        for (int k = 0; k < expected.Length; k++)
        {
            Assert.Equal(expected[k], actual[k], tolerance * size);
        }
    }

    public Aggregation Run(float[][] rows, int[]? clients = null, float[]? server = null)
    {
        using Matrix updates = backend.Upload(n, d, [.. rows.SelectMany(row => row)]);
        using Matrix global = backend.Upload(1, d, new float[d]);
        using Matrix aggregate = backend.Upload(1, d, [.. Enumerable.Repeat(float.NaN, d)]);
        using Matrix root = backend.Upload(1, d, server ?? new float[d]);
        int[] counts = [.. Enumerable.Repeat(100, n)];
        _round++;
        float[] weights = [.. _rule.Aggregate(
            new(_round, updates, global, counts, malicious, RngKey.FromSeed(1).Fold((ulong)_round), clients, server is null ? null : () => root), aggregate)];
        return new(aggregate.ToArray(), weights);
    }

    public void Dispose() => _rule.Dispose();
}
