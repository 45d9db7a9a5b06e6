// FLAME against a slow implementation of its algorithm 1.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class FlameTests
{
    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Without_noise_it_agrees_with_the_algorithm(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        foreach (int test in LastingRule.CasesOn(name))
        {
            RngStream stream = RngKey.FromSeed(32).Fold((ulong)test).Stream();
            int n = 1 + stream.NextInt32(14);
            int d = 3 + stream.NextInt32(30);
            float[][] rows = LastingRule.RandomRows(ref stream, n, d);
            using var rule = new LastingRule(backend, "flame:lambda=0", n, d);

            Aggregation actual = rule.Run(rows);

            // Nguyen et al., USENIX Security 2022, algorithm 1, lines 6 to 13.
            bool[] accepted = Majority(rows);
            double[] norms = [.. rows.Select(LastingRule.Norm)];
            double[] sorted = [.. norms.Order()];
            double median = (sorted[(n - 1) / 2] + sorted[n / 2]) / 2;
            double[] weights = [.. norms.Select((norm, i) => accepted[i] ? Math.Min(1, median / norm) / accepted.Count(a => a) : 0)];
            LastingRule.Near(weights, actual.Weights, 1e-5);
            LastingRule.Near(LastingRule.Weighted(rows, weights), actual.Aggregate, 1e-5);
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void The_noise_is_lambda_times_the_median_norm(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        const int D = 4000;
        float[][] rows = [.. Enumerable.Range(0, 3).Select(i => Enumerable.Repeat(i + 1f, D).ToArray())];
        using var silent = new LastingRule(backend, "flame:lambda=0", 3, D);
        using var noisy = new LastingRule(backend, "flame:lambda=0.01", 3, D);

        double[] noise = [.. noisy.Run(rows).Aggregate.Zip(silent.Run(rows).Aggregate, (a, b) => (double)a - b)];

        double deviation = 0.01 * 2 * Math.Sqrt(D);
        Assert.Equal(0, noise.Average(), 4 * deviation / Math.Sqrt(D));
        Assert.Equal(deviation, Math.Sqrt(noise.Average(x => x * x)), 0.05 * deviation);
    }

    // With clusters of more than half of the points there is only one, and nothing splits off as a cluster of its own: what HDBSCAN
    // finds with one sample is the first group of more than n / 2 that links shorter than some distance join.
    private static bool[] Majority(float[][] rows)
    {
        int n = rows.Length;
        foreach (double link in rows.SelectMany(a => rows.Select(b => 1 - LastingRule.Cosine(a, b))).Order())
        {
            for (int start = 0; start < n; start++)
            {
                bool[] joined = new bool[n];
                joined[start] = true;
                for (int step = 0; step < n; step++)
                {
                    joined = [.. rows.Select((a, i) => joined[i] || rows.Where((_, j) => joined[j]).Any(b => 1 - LastingRule.Cosine(a, b) <= link))];
                }

                if (joined.Count(inside => inside) > n / 2)
                {
                    return joined;
                }
            }
        }

        throw new InvalidOperationException("all points are joined by the longest link");
    }
}
