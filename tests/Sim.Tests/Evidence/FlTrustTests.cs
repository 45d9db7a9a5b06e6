// FLTrust against a slow implementation of its formulas.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class FlTrustTests
{
    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(OnEach))]
    public void It_agrees_with_the_formulas(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        foreach (int test in LastingRule.CasesOn(name))
        {
            RngStream stream = RngKey.FromSeed(33).Fold((ulong)test).Stream();
            int n = 1 + stream.NextInt32(14);
            int d = 1 + stream.NextInt32(30);
            float[][] all = LastingRule.RandomRows(ref stream, n + 1, d);
            (float[][] rows, float[] server) = (all[..n], all[n]);
            using var rule = new LastingRule(backend, "fl_trust", n, d);

            Aggregation actual = rule.Run(rows, server: server);

            // Cao et al., NDSS 2021, algorithm 2: trust scores, normalised magnitudes, weighted mean.
            double[] scores = [.. rows.Select(row => Math.Max(0, LastingRule.Cosine(row, server)))];
            double total = scores.Sum();
            double[] weights = [.. rows.Select((row, i) => scores[i] == 0 ? 0 : scores[i] / total * LastingRule.Norm(server) / LastingRule.Norm(row))];
            LastingRule.Near(weights, actual.Weights, 1e-5);
            LastingRule.Near(LastingRule.Weighted(rows, weights), actual.Aggregate, 1e-4);
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Where_nobody_points_the_servers_way_nothing_changes(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        using var rule = new LastingRule(backend, "fl_trust", 4, 2);

        Assert.Equal([0f, 0], rule.Run([[-1, 0], [-2, 1], [0, 0], [float.NaN, 1]], server: [1, 0]).Aggregate);
        Assert.Equal([0f, 0], rule.Run([[-1, 0], [-2, 1], [0, 0], [float.NaN, 1]], server: [0, 0]).Aggregate);
    }

    [Fact]
    public void It_needs_the_servers_own_update()
    {
        using var backend = new ReferenceBackend();
        using var rule = new LastingRule(backend, "fl_trust", 1, 2);

        Assert.Throws<InputException>(() => rule.Run([[1, 2]]));
    }
}
