// Bulyan against a slow implementation of the paper's two steps.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class BulyanTests
{
    public static TheoryData<string, string> Selections => TestBackends.With("iterated", "one_shot");

    [Theory]
    [MemberData(nameof(Selections))]
    public void It_agrees_with_the_two_steps(string name, string selection)
    {
        using Backend backend = TestBackends.Open(name);
        foreach (int test in LastingRule.CasesOn(name))
        {
            RngStream stream = RngKey.FromSeed(34).Fold((ulong)test).Stream();
            int f = stream.NextInt32(4);
            int n = (4 * f) + 3 + stream.NextInt32(5);
            int d = 1 + stream.NextInt32(30);
            float[][] rows = LastingRule.RandomRows(ref stream, n, d);
            using var rule = new LastingRule(backend, $"bulyan:selection={selection}", n, d, f);

            float[] actual = rule.Run(rows).Aggregate;

            LastingRule.Near(Expected(rows, f, selection), actual, 1e-5);
        }
    }

    [Fact]
    public void It_agrees_with_many_clients_and_updates_of_any_size()
    {
        using var backend = new SimdBackend(2);
        foreach (int test in Enumerable.Range(0, 5))
        {
            RngStream stream = RngKey.FromSeed(36).Fold((ulong)test).Stream();
            const int N = 90;
            int f = 5 * test;
            float[][] rows = LastingRule.RandomRows(ref stream, N, 6);
            foreach (int i in Enumerable.Range(0, 4 * test))
            {
                rows[7 * i % N] = [.. rows[i].Select(x => x * (i % 2 == 0 ? 1e8f : 1e-6f))];
            }

            using var rule = new LastingRule(backend, "bulyan", N, 6, f);
            LastingRule.Near(Expected(rows, f, "iterated"), rule.Run(rows).Aggregate, 1e-4);
        }
    }

    // El Mhamdi et al., ICML 2018: theta = n - 2f, beta = theta - 2f.
    private static double[] Expected(float[][] rows, int f, string selection)
    {
        int n = rows.Length;
        int theta = n - (2 * f);
        List<int> left = [.. Enumerable.Range(0, n)];
        List<int> chosen = [];
        if (selection == "one_shot")
        {
            chosen = [.. left.OrderBy(i => Score(rows, left, i, f)).Take(theta)];
        }

        while (chosen.Count < theta)
        {
            int best = left.MinBy(i => Score(rows, left, i, f));
            chosen.Add(best);
            left.Remove(best);
        }

        double[] expected = new double[rows[0].Length];
        for (int k = 0; k < expected.Length; k++)
        {
            double[] values = [.. chosen.Select(i => (double)rows[i][k]).Order()];
            double median = (values[(theta - 1) / 2] + values[theta / 2]) / 2;
            expected[k] = values.OrderBy(x => Math.Abs(x - median)).Take(theta - (2 * f)).Average();
        }

        return expected;
    }

    private static double Score(float[][] rows, List<int> left, int i, int f) =>
        left.Where(j => j != i).Select(j => rows[i].Zip(rows[j], (a, b) => ((double)a - b) * ((double)a - b)).Sum())
            .Order().Take(Math.Max(1, left.Count - f - 2)).Sum();
}
