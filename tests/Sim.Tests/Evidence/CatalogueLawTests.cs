// Laws of the rules of the catalogue, what they refuse, and vectors of ByzFL.
using System.Text.Json;
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class CatalogueLawTests
{
    private const int N = 15;
    private const int F = 3;
    private const int D = 20;

    private static readonly string[] s_robust =
    [
        "fools_gold", "fools_gold:output=mean,memory=none", "flame", "geometric_median", "geometric_median:start=mean", "centered_clipping:tau=2,iterations=3",
        "fl_trust", "cge", "meamed", "phocas", "bulyan", "bulyan:selection=one_shot",
    ];

    private static readonly float[] s_server = [.. Enumerable.Range(0, D).Select(k => 1f + (k % 3))];

    public static TheoryData<string, string> All => TestBackends.With(s_robust);

    public static TheoryData<string, string> Linear => TestBackends.With("cge", "meamed", "phocas", "bulyan", "bulyan:selection=one_shot", "flame:lambda=0");

    public static TheoryData<string, string> Translated => TestBackends.With("meamed", "phocas", "bulyan", "bulyan:selection=one_shot");

    public static TheoryData<string, string> Averaging =>
        TestBackends.With("flame:lambda=0", "geometric_median", "centered_clipping", "cge", "meamed", "phocas", "bulyan");

    [Theory]
    [MemberData(nameof(All))]
    public void The_order_of_clients_does_not_matter(string name, string defense) => ForEachCase(name, (backend, stream, rows) =>
    {
        int[] order = [.. Enumerable.Range(0, N)];
        stream.Shuffle<int>(order);

        float[] expected = Run(backend, defense, rows).Aggregate;
        float[] actual = Run(backend, defense, [.. order.Select(i => rows[i])]).Aggregate;

        LastingRule.Near([.. expected.Select(x => (double)x)], actual, 1e-4);
    });

    [Theory]
    [MemberData(nameof(Linear))]
    public void Doubling_all_updates_doubles_the_aggregate(string name, string defense) => ForEachCase(name, (backend, _, rows) =>
    {
        float[] expected = Run(backend, defense, rows).Aggregate;
        float[] actual = Run(backend, defense, [.. rows.Select(row => row.Select(x => 2 * x).ToArray())]).Aggregate;

        LastingRule.Near([.. expected.Select(x => 2.0 * x)], actual, 1e-5);
    });

    [Theory]
    [MemberData(nameof(Translated))]
    public void Shifting_all_updates_shifts_the_aggregate(string name, string defense) => ForEachCase(name, (backend, _, rows) =>
    {
        float[] expected = Run(backend, defense, rows).Aggregate;
        float[] actual = Run(backend, defense, [.. rows.Select(row => row.Select((x, k) => x + (k % 4)).ToArray())]).Aggregate;

        LastingRule.Near([.. expected.Select((x, k) => (double)x + (k % 4))], actual, 1e-5);
    });

    [Theory]
    [MemberData(nameof(Averaging))]
    public void Equal_updates_are_their_aggregate(string name, string defense) => ForEachCase(name, (backend, _, rows) =>
        LastingRule.Near([.. rows[0].Select(x => (double)x)], Run(backend, defense, [.. rows.Select(_ => rows[0])]).Aggregate, 1e-5));

    [Theory]
    [MemberData(nameof(All))]
    public void Updates_that_are_no_numbers_leave_the_aggregate_finite(string name, string defense) => ForEachCase(name, (backend, stream, rows) =>
    {
        float[] values = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e30f, -3e38f];
        for (int kind = 0; kind <= values.Length; kind++)
        {
            float[][] poisoned = [.. rows.Select((row, i) => i < N - F ? row : row.Select((x, k) => k % 3 == 1 ? x : values[(kind < values.Length ? kind : i + k) % values.Length]).ToArray())];
            Aggregation actual = Run(backend, defense, poisoned);
            Assert.All(actual.Aggregate, x => Assert.True(float.IsFinite(x)));
            Assert.All(actual.Weights, x => Assert.True(float.IsFinite(x)));
        }
    });

    [Theory]
    [InlineData("geometric_median:nu=0", "nu is 0; allowed is any number above 0")]
    [InlineData("geometric_median:iterations=0", "iterations is 0; allowed is any number from 1")]
    [InlineData("centered_clipping:tau=0", "tau is 0; allowed is any number above 0")]
    [InlineData("centered_clipping:iterations=0", "iterations is 0; allowed is any number from 1")]
    [InlineData("fools_gold:clip=0", "clip is 0; allowed is any number above 0")]
    [InlineData("flame:lambda=-1", "lambda is -1; allowed is any number from 0")]
    [InlineData("cge:f=15", "f is 15; allowed is 0 to 14 for 15 clients a round")]
    [InlineData("meamed:f=8", "f is 8; allowed is 0 to 7 for 15 clients a round")]
    [InlineData("phocas:f=-1", "f is -1; allowed is 0 to 7 for 15 clients a round")]
    [InlineData("bulyan:f=4", "f is 4 with n = 15 clients a round; allowed is 0 to 3, so that n is at least 4f + 3")]
    public void Parameters_out_of_range_are_refused(string defense, string message)
    {
        using var backend = new ReferenceBackend();

        var error = Assert.Throws<InputException>(() => new LastingRule(backend, defense, N, D));

        Assert.Equal($"--defense {defense}: {message}", error.Message);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Phocas_and_cge_by_hand(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = [[0], [1], [2], [6], [100]];

        // The trimmed mean is 3: farthest is 100. The norms are the values.
        LastingRule.Near([9.0 / 4], Aggregation.Of(backend, "phocas:f=1", rows).Aggregate, 1e-6);
        LastingRule.Near([1], Aggregation.Of(backend, "cge:f=2", rows).Aggregate, 1e-6);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Centered_clipping_remembers_its_last_aggregate(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        using var rule = new LastingRule(backend, "centered_clipping:tau=1", 2, 1);

        LastingRule.Near([1], rule.Run([[10], [10]]).Aggregate, 1e-6);
        LastingRule.Near([2], rule.Run([[10], [10]]).Aggregate, 1e-6);
        LastingRule.Near([2], rule.Run([[10], [-10]]).Aggregate, 1e-6);
        LastingRule.Near([1.75], rule.Run([[1.5f], [float.NaN]]).Aggregate, 1e-6);
    }

    [Theory]
    [InlineData("reference")]
    [InlineData("simd")]
    [InlineData("cpu")]
    public void The_geometric_median_of_the_vectors_that_tell_conventions_apart(string name)
    {
        using Backend backend = TestBackends.Open(name);
        using JsonDocument file = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Vectors", "discriminating_vectors.json")));
        JsonElement rfa = file.RootElement.GetProperty("rfa");
        float[][] rows = [.. rfa.GetProperty("input").EnumerateArray().Select(row => row.EnumerateArray().Select(x => x.GetSingle()).ToArray())];

        foreach ((string key, string defense) in ((string, string)[])[
            ("T3 nu.1 z0=0", "geometric_median"), ("T8 nu.1 z0=0", "geometric_median:iterations=8"), ("converged", "geometric_median:iterations=500,nu=1e-6")])
        {
            double[] expected = [.. rfa.GetProperty(key).EnumerateArray().Select(x => x.GetDouble())];
            LastingRule.Near(expected, Aggregation.Of(backend, defense, rows).Aggregate, key == "converged" ? 1e-3 : 1e-6);
        }
    }

    public static TheoryData<string, string> OnEach => TestBackends.With("");

    private static Aggregation Run(Backend backend, string defense, float[][] rows)
    {
        using var rule = new LastingRule(backend, defense, N, D, F);
        return rule.Run(rows, server: s_server);
    }

    private static void ForEachCase(string name, Action<Backend, RngStream, float[][]> check)
    {
        using Backend backend = TestBackends.Open(name);
        for (int test = 0; test < 20; test++)
        {
            RngStream stream = RngKey.FromSeed(35).Fold((ulong)test).Stream();
            check(backend, stream, LastingRule.RandomRows(ref stream, N, D));
        }
    }
}
