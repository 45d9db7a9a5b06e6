// The rules of this folder that vote, clip, cluster and filter: numbers by hand, and laws on random updates.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class FilterRuleTests
{
    private const int RandomCases = 20;

    private static readonly string[] s_rules =
    [
        "mda", "monna", "smea", "caf", "dnc", "dnc:sub_dim=3", "rlr", "sign_guard", "sign_guard:share=1", "clipped_clustering", "auror",
    ];

    private static readonly string[] s_others = ["sign_majority", "weak_dp", "weak_dp:deviation=0"];

    public static TheoryData<string> Backends => [.. TestBackends.Names];

    // MoNNA trusts a row by its index. Of MDA's subsets several often have the same diameter, and then the order decides.
    public static TheoryData<string, string> WithoutOrder => TestBackends.With([.. s_rules.Where(rule => rule is not ("monna" or "mda")), .. s_others]);

    public static TheoryData<string, string> Homogeneous => TestBackends.With(s_rules);

    public static TheoryData<string, string> Translated => TestBackends.With("mda", "monna", "smea", "caf", "dnc", "dnc:sub_dim=3", "auror");

    public static TheoryData<string, string> All => TestBackends.With([.. s_rules, .. s_others]);

    [Theory]
    [MemberData(nameof(WithoutOrder))]
    public void The_order_of_clients_does_not_matter(string name, string rule) => ForEachCase(name, (backend, stream, rows, f) =>
    {
        int[] order = [.. Enumerable.Range(0, rows.Length)];
        stream.Shuffle<int>(order);

        Near(Of(backend, rule, rows, f), Of(backend, rule, [.. order.Select(i => rows[i])], f));
    });

    [Theory]
    [MemberData(nameof(Homogeneous))]
    public void Doubling_all_updates_doubles_the_aggregate(string name, string rule) => ForEachCase(name, (backend, _, rows, f) =>
        Near(Of(backend, rule, rows, f).Select(x => 2 * x), Of(backend, rule, [.. rows.Select(row => row.Select(x => 2 * x).ToArray())], f)));

    [Theory]
    [MemberData(nameof(Translated))]
    public void Shifting_all_updates_shifts_the_aggregate(string name, string rule) => ForEachCase(name, (backend, _, rows, f) =>
        Near(Of(backend, rule, rows, f).Select(x => x + 2), Of(backend, rule, [.. rows.Select(row => row.Select(x => x + 2).ToArray())], f)));

    [Theory]
    [MemberData(nameof(Homogeneous))]
    public void Equal_updates_are_their_aggregate(string name, string rule) => ForEachCase(name, (backend, _, rows, f) =>
        Near(rows[0], Of(backend, rule, [.. rows.Select(_ => rows[0])], f)));

    [Theory]
    [MemberData(nameof(All))]
    public void Malicious_updates_that_are_no_numbers_leave_the_aggregate_finite(string name, string rule) => ForEachCase(name, (backend, _, rows, f) =>
    {
        foreach (float value in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e30f, float.MaxValue])
        {
            float[][] poisoned = [.. rows.Select((row, i) => i < rows.Length - f ? row : [.. row.Select((x, k) => k % 2 == 0 ? value : x)])];
            Assert.All(Of(backend, rule, poisoned, f), x => Assert.InRange(Math.Abs(x), 0, 1e3f));
        }
    });

    [Theory]
    [MemberData(nameof(All))]
    public void Updates_none_of_which_is_a_number_do_not_crash(string name, string rule)
    {
        using Backend backend = TestBackends.Open(name);
        Of(backend, rule, [.. Enumerable.Range(0, 5).Select(_ => new[] { float.NaN, float.NaN })], 1);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Caf_removes_what_stands_out(string name) => ForEachCase(name, (backend, _, rows, f) =>
    {
        float[][] far = [.. rows.Select((row, i) => i < rows.Length - f ? row : [.. row.Select(x => x + 1000)])];
        Aggregation result = Aggregation.Of(backend, "caf", far, f);

        Assert.All(result.Weights[^f..], weight => Assert.InRange(weight, 0, 1e-3f));
        Assert.Equal(1, result.Weights.Sum(), 1e-5);
        Assert.All(result.Weights, weight => Assert.True(weight >= 0));
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_vote_of_signs_is_a_step(string name)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = [[1, -2, 0, 5, float.NaN], [3, -4, 1, -5, 1], [-9, -6, 0, 0, float.PositiveInfinity]];

        Near([0.001f, -0.001f, 0.001f, 0, 0.001f], Of(backend, "sign_majority", rows, 0), 1e-9);
        Near([0.5f, -0.5f, 0.5f, 0, 0.5f], Of(backend, "sign_majority:step=0.5", rows, 0), 1e-9);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_coordinate_without_agreement_is_turned_back(string name)
    {
        using Backend backend = TestBackends.Open(name);
        // Sums of signs: 4, 2, 0, -2, 1. Means: 1, 2, 3, -3, 0.25.
        float[][] rows = [[1, 4, 8, -8, 1], [1, 4, 8, -8, 0], [1, 4, -2, -2, 0], [1, -4, -2, 6, 0]];

        Near([1, -2, -3, 3, -0.25f], Of(backend, "rlr:threshold=3", rows, 0), 1e-6);
        Near([1, 2, -3, -3, -0.25f], Of(backend, "rlr:threshold=2", rows, 0), 1e-6);
        Near([1, 2, -3, -3, -0.25f], Of(backend, "rlr", rows, 0), 1e-6); // 0.4 * 4 rounded up
        Near([1, 2, 3, -3, 0.25f], Of(backend, "rlr:threshold=0", rows, 0), 1e-6);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Weak_dp_clips_and_adds_noise(string name)
    {
        using Backend backend = TestBackends.Open(name);
// Norms 5, 5 and 10: the mean of (3, 4), (-3, 4) and (3, 4).
        Near([1, 4], Of(backend, "weak_dp:clip=5,deviation=0", [[3, 4], [-3, 4], [6, 8]], 0), 1e-5);

        float[][] zeros = [.. Enumerable.Range(0, 3).Select(_ => new float[10_000])];
        float[] noise = Of(backend, "weak_dp", zeros, 0);
        Assert.Equal(0, noise.Average(), 0.0001);
        Assert.Equal(0.002, Math.Sqrt(noise.Average(x => (double)x * x)), 0.0001);
        Assert.Equal(noise, Of(backend, "weak_dp", zeros, 0));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Sign_guard_drops_what_is_long_and_what_has_other_signs(string name) => ForEachCase(name, (backend, _, rows, f) =>
    {
        float[][] honest = [.. rows.Select(row => row.Select((x, k) => (k % 4 == 0 ? -1 : 1) + (0.1f * x)).ToArray())];
        float[][] flipped = [.. honest.Select((row, i) => i < rows.Length - f ? row : [.. row.Select(x => -x)])];
        float[][] longer = [.. honest.Select((row, i) => i < rows.Length - f ? row : [.. row.Select(x => 10 * x)])];

        foreach (float[][] attacked in (float[][][])[flipped, longer])
        {
            Assert.All(Aggregation.Of(backend, "sign_guard:share=1", attacked, f).Weights[^f..], weight => Assert.Equal(0, weight));
        }
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public void Clusters_of_opposite_direction_are_told_apart(string name) => ForEachCase(name, (backend, _, rows, f) =>
    {
        float[][] flipped = [.. rows.Select((row, i) => row.Select(x => (i < rows.Length - f ? 1 : -1) * (1 + (0.05f * x))).ToArray())];
        foreach (string rule in (string[])["clipped_clustering", "auror"])
        {
            Assert.Equal(Enumerable.Range(0, rows.Length - f), RandomRounds.Kept(Aggregation.Of(backend, rule, flipped, f)));
        }
    });

    [Fact]
    public void Clipped_clustering_remembers_norms()
    {
        using var backend = new ReferenceBackend();
        using var rule = new ClippedClustering(new(backend, 3, 0, 1));
        using Matrix global = backend.Upload(1, 1, [0]);
        using Matrix aggregate = backend.AllocateMatrix(1, 1);
        using Matrix first = backend.Upload(3, 1, [1, 2, 3]);
        using Matrix second = backend.Upload(3, 1, [10, 20, 30]);

        rule.Aggregate(new(1, first, global, [1, 1, 1], 0, RngKey.FromSeed(1)), aggregate);
        ReadOnlySpan<float> weights = rule.Aggregate(new(2, second, global, [1, 1, 1], 0, RngKey.FromSeed(1)), aggregate);

        // Norms 1, 2, 3, 10, 20, 30: clipped to 6.5, whoever is kept.
        Assert.Equal(6.5, aggregate.ToArray()[0], 1e-5);
        Assert.Equal(2, weights.ToArray().Count(weight => weight > 0));
    }

    [Fact]
    public void Average_linkage_leaves_two_clusters()
    {
        double[] points = [0, 10, 1, 11, 12, 0.5];
        double[,] distances = new double[points.Length, points.Length];
        for (int i = 0; i < points.Length; i++)
        {
            for (int j = 0; j < points.Length; j++)
            {
                distances[i, j] = Math.Abs(points[i] - points[j]);
            }
        }

        Assert.Equal([0, 1, 0, 1, 1, 0], AverageLinkage.TwoClusters(distances));
    }

    private static float[] Of(Backend backend, string rule, float[][] rows, int f) => Aggregation.Of(backend, rule, rows, f).Aggregate;

    private static void Near(IEnumerable<float> expected, IEnumerable<float> actual, double tolerance = 1e-4)
    {
        foreach ((float e, float a) in expected.Zip(actual))
        {
            Assert.Equal(e, a, tolerance);
        }
    }

    private static void ForEachCase(string name, Action<Backend, RngStream, float[][], int> check)
    {
        using Backend backend = TestBackends.Open(name);
        for (int i = 0; i < RandomCases; i++)
        {
            RngStream stream = RngKey.FromSeed(53).Fold((ulong)i).Stream();
            int n = 5 + stream.NextInt32(8);
            int f = 1 + stream.NextInt32(((n - 1) / 2) - 1);
            check(backend, stream, RandomRounds.Rows(stream, n, 8 + stream.NextInt32(30), f, stream.NextDouble()), f);
        }
    }
}
