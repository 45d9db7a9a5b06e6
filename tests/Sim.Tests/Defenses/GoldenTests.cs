// Cases small enough to compute by hand, on which every defense gives another answer.
using System.Text.Json;
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class GoldenTests
{
    private const double Tolerance = 1e-5;

    // Squared distances: 0-1 2, 0-2 4, 0-3 25, 1-2 2, 1-3 13, 2-3 13; row 4 is far. Norms: 0, 1.41, 2, 5, 50.
    private static readonly float[][] s_rows = [[0, 0], [1, 1], [2, 0], [4, 3], [30, -40]];
    private static readonly int[] s_samples = [1, 2, 3, 4, 10];

    private static readonly (string Defense, float[] Aggregate, float[] Weights)[] s_cases =
    [
        ("none", [16.2f, -19.3f], [0.05f, 0.1f, 0.15f, 0.2f, 0.5f]),
        ("none:weighting=uniform", [7.4f, -7.2f], [0.2f, 0.2f, 0.2f, 0.2f, 0.2f]),
        ("median", [2, 0], []),
        ("trimmed_mean", [7f / 3, 1f / 3], []),
        ("trimmed_mean:f=2", [2, 0], []),
        ("trimmed_mean:trim=0", [7.4f, -7.2f], []),
        ("trimmed_mean:trim=0.19", [7.4f, -7.2f], []),
        ("krum", [1, 1], [0, 1, 0, 0, 0]),
        ("multi_krum", [1.75f, 1], [0.25f, 0.25f, 0.25f, 0.25f, 0]),
        ("multi_krum:keep=3", [1, 1f / 3], [1f / 3, 1f / 3, 1f / 3, 0, 0]),
        ("multi_krum:f=2", [1, 1f / 3], [1f / 3, 1f / 3, 1f / 3, 0, 0]),
        ("multi_krum:keep=1", [1, 1], [0, 1, 0, 0, 0]),
        ("multi_krum:keep=5", [7.4f, -7.2f], [0.2f, 0.2f, 0.2f, 0.2f, 0.2f]),
        ("norm_clip:clip=2.5", [1.3f, 0.1f], [0.2f, 0.2f, 0.2f, 0.1f, 0.01f]),
        ("norm_clip", [2.6f, -0.8f], [0.2f, 0.2f, 0.2f, 0.2f, 0.04f]),
    ];

    public static TheoryData<string, string> Cases => TestBackends.With([.. s_cases.Select(golden => golden.Defense)]);

    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(Cases))]
    public void Every_rule_gives_its_own_numbers(string name, string defense)
    {
        using Backend backend = TestBackends.Open(name);
        (_, float[] aggregate, float[] weights) = s_cases.Single(golden => golden.Defense == defense);

        Aggregation actual = Aggregation.Of(backend, defense, s_rows, malicious: 1, s_samples);

        Near(aggregate, actual.Aggregate);
        Near(weights, actual.Weights);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void The_dialects_of_the_median_differ_where_n_is_even(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = [[5, -1], [1, -4], [100, -3], [2, 7]];

        Near([3.5f, -2], Aggregation.Of(backend, "median", rows).Aggregate);
        Near([2, -3], Aggregation.Of(backend, "median:even=lower", rows).Aggregate);
        Near([5, -1], Aggregation.Of(backend, "median:even=upper", rows).Aggregate);
    }

    [Theory]
    [InlineData("reference")]
    [InlineData("simd")]
    [InlineData("cpu")]
    public void Each_dialect_of_krum_selects_the_row_that_other_systems_select(string name)
    {
        using Backend backend = TestBackends.Open(name);
        using JsonDocument file = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Vectors", "discriminating_vectors.json")));
        JsonElement krum = file.RootElement.GetProperty("krum");
        float[][] rows = [.. krum.GetProperty("input").EnumerateArray().Select(row => row.EnumerateArray().Select(x => x.GetSingle()).ToArray())];
        int f = krum.GetProperty("f").GetInt32();

        (string Dialect, string Parameters)[] dialects =
        [
            ("n-f-2 squared (paper", "distance=squared,neighbours=n-f-2"),
            ("n-f-1 squared", "distance=squared,neighbours=n-f-1"),
            ("n-f-1 plain L2", "distance=euclidean,neighbours=n-f-1"),
            ("n-f-2 plain L2", "distance=euclidean,neighbours=n-f-2"),
        ];
        foreach ((string dialect, string parameters) in dialects)
        {
            int selected = krum.GetProperty("selected").EnumerateObject()
                .Single(entry => entry.Name.StartsWith(dialect, StringComparison.Ordinal)).Value.GetInt32();

            Aggregation actual = Aggregation.Of(backend, $"krum:f={f},{parameters}", rows);

            Assert.Equal(selected, Array.IndexOf(actual.Weights, 1f));
            Assert.Equal(rows[selected], actual.Aggregate);
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Of_equal_scores_krum_takes_the_lowest_index(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = [[10], [0], [11], [1]]; // each has one neighbour, at distance 1

        Aggregation krum = Aggregation.Of(backend, "krum:f=1", rows);
        Aggregation multiKrum = Aggregation.Of(backend, "multi_krum:f=1,keep=2", rows);

        Assert.Equal([10f], krum.Aggregate);
        Assert.Equal([1f, 0, 0, 0], krum.Weights);
        Assert.Equal([5f], multiKrum.Aggregate);
        Assert.Equal([0.5f, 0.5f, 0, 0], multiKrum.Weights);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Krum_reckons_with_the_malicious_clients_of_the_setting(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        // With three neighbours the middle of the row of four wins, with one neighbour the close pair.
        float[][] rows = [[0], [2], [4.5f], [6.5f], [20], [20.5f]];

        Assert.Equal([2f], Aggregation.Of(backend, "krum", rows, malicious: 1).Aggregate);
        Assert.Equal([20f], Aggregation.Of(backend, "krum", rows, malicious: 3).Aggregate);
        Assert.Equal([2f], Aggregation.Of(backend, "krum:f=1", rows, malicious: 3).Aggregate);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void One_client_is_its_own_aggregate(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[] row = [3, -0f, -4, 0.1f];

        foreach (string defense in (string[])["none", "none:weighting=uniform", "median", "median:even=lower", "trimmed_mean", "norm_clip"])
        {
            Assert.Equal(row, Aggregation.Of(backend, defense, [row]).Aggregate);
        }

        Near([1.5f, 0, -2, 0.05f], Aggregation.Of(backend, "norm_clip:clip=2.5005", [row]).Aggregate, 1e-3);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Minus_zero_counts_as_zero(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = [[-1, 0], [-0f, -0f], [1, -0f], [0, 0], [5, -0f]];

        Assert.Equal([0f, 0], Aggregation.Of(backend, "median", rows).Aggregate);
        Near([1f / 3, 0], Aggregation.Of(backend, "trimmed_mean:f=1", rows).Aggregate);
        Near([1, 0], Aggregation.Of(backend, "none", rows).Aggregate);
        Near([1, 0], Aggregation.Of(backend, "norm_clip:clip=10", rows).Aggregate);
        Assert.Equal([0f, 1, 0, 0, 0], Aggregation.Of(backend, "krum:f=1", rows).Weights); // rows 1 and 3 are equal
    }

    private static void Near(float[] expected, float[] actual, double tolerance = Tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int k = 0; k < expected.Length; k++)
        {
            Assert.Equal(expected[k], actual[k], tolerance);
        }
    }
}
