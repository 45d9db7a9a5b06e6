// How often a rule reads the matrix of updates: once for what it needs to know of all pairs, once for the sum.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class ReadsTests
{
    private const int N = 23;
    private const int F = 4;
    private const int D = 4000;
    private const double FewVectors = 5.0 / N; // the center that is clipped to and the like: d each

    public static TheoryData<string, string> Rules => TestBackends.With(
        "krum", "multi_krum", "multi_krum:selection=iterated", "flame", "flame:lambda=0", "geometric_median", "geometric_median:iterations=1", "geometric_median:iterations=8,start=mean",
        "centered_clipping", "centered_clipping:tau=3,iterations=5");

    [Theory]
    [MemberData(nameof(Rules))]
    public void Rules_that_weigh_whole_updates_read_them_at_most_twice(string name, string rule) =>
        Assert.InRange(Operations(name, rule, Normal()).Sum(run => run.Reads), 1, 2 + FewVectors);

    [Theory]
    [InlineData("krum", "pairwise_squared_distances", "neighbour_means", "weighted_sum")]
    [InlineData("multi_krum", "pairwise_squared_distances", "neighbour_means", "weighted_sum")]
    [InlineData("multi_krum:distance=euclidean", "pairwise_squared_distances", "weighted_sum")]
    [InlineData("geometric_median", "pairwise_squared_distances", "weighted_sum")]
    [InlineData("flame:lambda=0", "gram_matrix", "weighted_sum")]
    public void The_two_reads_of_the_updates_are_a_pass_over_all_pairs_and_a_sum(string rule, params string[] operations) =>
        Assert.Equal(operations, Operations("simd", rule, Normal()).Select(run => run.Name));

    [Fact]
    public void Fools_gold_reads_the_updates_twice_and_its_history_twice()
    {
        // Of the first operation's reads one is the history's, but not in the first round, when there is none.
        (string Name, double Reads)[] first = Operations("simd", "fools_gold", Normal());
        (string Name, double Reads)[] second = Operations("simd", "fools_gold", Normal(), round: 2);

        Assert.Equal(["fill", "add_clipped_rows", "gram_matrix", "weighted_sum"], first.Select(run => run.Name));
        Assert.Equal([0, 1, 1, 1], first.Select(run => Math.Round(run.Reads, 2)));
        Assert.Equal(["add_clipped_rows", "gram_matrix", "weighted_sum"], second.Select(run => run.Name));
        Assert.Equal([2, 1, 1], second.Select(run => Math.Round(run.Reads, 2)));
    }

    [Fact]
    public void Bulyan_reads_the_updates_once_and_copies_those_that_it_selects()
    {
        (string Name, double Reads)[] runs = Operations("simd", "bulyan", Normal());

        const double Selected = (N - (2.0 * F)) / N;
        Assert.Equal(["pairwise_squared_distances", "blend_rows", "coordinate_median", "mean_around_center"], runs.Select(run => run.Name));
        Assert.Equal([1, Selected, Selected, Selected], runs.Select(run => run.Reads), (a, b) => Math.Abs(a - b) < 0.1);
    }

    [Fact]
    public void Nearest_neighbour_mixing_reads_the_updates_twice_and_the_rule_behind_it_reads_the_mixtures()
    {
        (string Name, double Reads)[] runs = Operations("simd", "nnm+none", Normal());

        Assert.Equal(["pairwise_squared_distances", "row_mix", "weighted_sum"], runs.Select(run => run.Name));
        Assert.Equal([1, 1, 1], runs.Select(run => Math.Round(run.Reads, 1)));
    }

    [Theory]
    [InlineData("geometric_median")]
    [InlineData("geometric_median:start=mean,iterations=6")]
    [InlineData("centered_clipping:tau=3,iterations=4")]
    [InlineData("centered_clipping:tau=90,iterations=3")]
    public void Distances_to_the_updates_give_what_distances_to_the_point_give(string rule)
    {
        foreach (string name in TestBackends.Names)
        {
            using Backend backend = TestBackends.Open(name);
            foreach (float factor in (float[])[1, 30, 1e4f, 1e10f, 1e17f, 3e17f, 1e30f, float.NaN])
            {
                float[][] rows = Normal();
                for (int i = N - F; i < N; i++)
                {
                    rows[i] = [.. rows[i].Take(40).Select(x => x * factor), .. rows[i].Skip(40)];
                }

                Aggregation actual = Aggregation.Of(backend, rule, rows, F);

                LastingRule.Near(Direct(rule, rows), actual.Aggregate, 2e-6);
            }
        }
    }

    private static double[] Direct(string rule, float[][] rows)
    {
        string[] parts = rule.Split(':');
        Dictionary<string, string> given = parts.Length == 1 ? [] : parts[1].Split(',').ToDictionary(p => p.Split('=')[0], p => p.Split('=')[1]);
        int iterations = int.Parse(given.GetValueOrDefault("iterations", "3"));
        bool median = parts[0] == "geometric_median";
        double tau = double.Parse(given.GetValueOrDefault("tau", "100"));
        double[] point = new double[D];
        if (given.GetValueOrDefault("start") == "mean")
        {
            double[] finite = [.. rows.Select(row => Usable(row, point) ? 1.0 : 0)];
            point = LastingRule.Weighted(rows, [.. finite.Select(x => x / finite.Sum())]);
        }

        for (int iteration = 0; iteration < iterations; iteration++)
        {
            double[] distance = [.. rows.Select(row => Usable(row, point) ? Distance(row, point) : double.PositiveInfinity)];
            double[] weights = [.. distance.Select(x => median ? 1 / Math.Max(0.1, x) : Math.Min(1, tau / x) / N)];
            double keep = median ? 0 : 1 - weights.Sum();
            double total = median ? weights.Sum() : 1;
            double[] sum = LastingRule.Weighted(rows, [.. weights.Select(x => x / total)]);
            point = [.. sum.Zip(point, (s, p) => s + (keep * p))];
        }

        return point;
    }

    private static bool Usable(float[] row, double[] point) => Distance(row, point) < 1.8e19;

    private static double Distance(float[] row, double[] point) => Math.Sqrt(row.Zip(point, (x, p) => (x - p) * (x - p)).Sum());

    private static float[][] Normal()
    {
        RngStream stream = RngKey.FromSeed(77).Stream();
        float[][] rows = new float[N][];
        for (int i = 0; i < N; i++)
        {
            rows[i] = new float[D];
            foreach (ref float value in rows[i].AsSpan())
            {
                value = (float)(0.3 + stream.NextNormal());
            }
        }

        return rows;
    }

    /// <summary>What a round runs, and how often the matrix of updates, or as many bytes, each reads.</summary>
    private static (string Name, double Reads)[] Operations(string name, string rule, float[][] rows, int round = 1)
    {
        using Backend backend = TestBackends.Open(name);
        using var lasting = new LastingRule(backend, rule, N, D, F);
        List<(string Name, double Reads)> runs = [];
        for (int i = 1; i <= round; i++)
        {
            runs.Clear();
            backend.Observer = (operation, work, _) => runs.Add((operation, work.BytesRead / ((double)N * D * sizeof(float))));
            lasting.Run(rows);
        }

        return [.. runs];
    }
}
