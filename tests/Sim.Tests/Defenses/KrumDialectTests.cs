// The dialects of Krum and Multi-Krum in other people's programs.
using System.Text.Json;
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class KrumDialectTests
{
    private static readonly Dictionary<string, string> s_dialects = new()
    {
        ["n-f-2 squared (paper; Flower, AiDotNet, Garfield-CUDA, FedML-new, BackFed, CRYPTO-KU)"] = "distance=squared,neighbours=n-f-2",
        ["n-f-1 squared (ByzFL)"] = "distance=squared,neighbours=n-f-1",
        ["n-f-1 plain L2 (FLPoison, Garfield/ByzantineMomentum python)"] = "distance=euclidean,neighbours=n-f-1",
        ["n-f-2 incl. self => n-f-3 squared (NDSS21, zhmzm/FLAME)"] = "distance=squared,neighbours=n-f-3",
        ["n-f-2 4th power (epfml noniid, fedlib/Blades)"] = "distance=fourth_power,neighbours=n-f-2",
        ["n-f plain L2 (FedML old; FedML Bulyan)"] = "distance=euclidean,neighbours=n-f",
        ["n-f-2 plain L2 (FederatedScope, single layer)"] = "distance=euclidean,neighbours=n-f-2",
    };

    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Each_of_the_seven_dialects_selects_its_own_row(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        using JsonDocument file = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Vectors", "discriminating_vectors.json")));
        JsonElement krum = file.RootElement.GetProperty("krum");
        float[][] rows = [.. krum.GetProperty("input").EnumerateArray().Select(row => row.EnumerateArray().Select(x => x.GetSingle()).ToArray())];
        Dictionary<string, int> selected = krum.GetProperty("selected").EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetInt32());

        Assert.Equal(s_dialects.Keys.Order(), selected.Keys.Order());
        foreach ((string dialect, string parameters) in s_dialects)
        {
            Aggregation one = Aggregation.Of(backend, $"krum:f=2,{parameters}", rows);
            Aggregation many = Aggregation.Of(backend, $"multi_krum:f=2,keep=1,{parameters}", rows);

            Assert.Equal(selected[dialect], Array.IndexOf(one.Weights, 1f));
            Assert.Equal(rows[selected[dialect]], one.Aggregate);
            Assert.Equal(one.Weights, many.Weights);
        }
    }

    [Theory]
    [InlineData("krum:f=0,neighbours=n-f", 3)] // with nobody malicious there are n - 1 others, and all are looked at
    [InlineData("krum:f=4,neighbours=n-f", 0)]
    [InlineData("krum:f=1,neighbours=n-f-3", 0)]
    public void The_last_f_of_a_dialect_works(string defense, int selected)
    {
        using var backend = new ReferenceBackend();

        Assert.Equal(selected, Array.IndexOf(Aggregation.Of(backend, defense, [[10], [11], [0], [20], [50]]).Weights, 1f));
    }

    [Theory]
    [InlineData("krum:f=5,neighbours=n-f", "f is 5 with n = 5 clients a round; allowed is 0 to n - 1 = 4, so that n - f is at least 1")]
    [InlineData("krum:f=2,neighbours=n-f-3", "f is 2 with n = 5 clients a round; allowed is 0 to n - 4 = 1, so that n - f - 3 is at least 1")]
    [InlineData("multi_krum:f=1,keep=3,selection=iterated", "keep is 3 with n = 5 clients a round and f = 1; allowed is 1 to 2 with selection=iterated, so that each has a neighbour")]
    [InlineData("multi_krum:f=2,selection=iterated", "keep is -1 with n = 5 clients a round and f = 2; allowed is 1 to 1 with selection=iterated, so that each has a neighbour")]
    public void A_dialect_without_neighbours_is_refused(string defense, string message)
    {
        using var backend = new ReferenceBackend();

        var error = Assert.Throws<InputException>(() => Aggregation.Of(backend, defense, [[10], [11], [0], [20], [50]]));

        Assert.Equal($"--defense {defense}: {message}", error.Message);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Iterated_selection_scores_the_rest_anew(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        for (ulong seed = 0; seed < 30; seed++)
        {
            int n = 7 + (int)(seed % 6);
            int f = (int)(seed % 2);
            float[][] rows = Staging.Normal(seed, n, 3);
            List<int> rest = [.. Enumerable.Range(0, n)];
            List<int> picked = [];
            while (rest.Count > (2 * f) + 2)
            {
                // The authors' code: the update itself counts among remaining - 2 - f, so its neighbours are one fewer.
                int best = rest.MinBy(i => rest.Select(j => Squared(rows[i], rows[j])).Order().Take(rest.Count - 2 - f).Sum());
                picked.Add(best);
                rest.Remove(best);
            }

            if (n - picked.Count + 1 - f - 3 < 1)
            {
                continue; // the last pick had no neighbour left, which is refused here
            }

            Aggregation actual = Aggregation.Of(backend, $"multi_krum:f={f},neighbours=n-f-3,selection=iterated", rows);

            Assert.Equal(picked.Order(), Enumerable.Range(0, n).Where(i => actual.Weights[i] > 0));
            Assert.All(picked, i => Assert.Equal(1f / picked.Count, actual.Weights[i], 1e-6f));
        }
    }

    [Theory]
    [InlineData("krum", 1)]
    [InlineData("multi_krum:keep=4", 4)]
    [InlineData("multi_krum:keep=9", 9)]
    public void Scores_that_differ_by_less_than_a_float_tells_are_told_apart(string defense, int keep)
    {
        // Rows at right angles, all of length one but for the last bits: their distances are a few neighbouring floats.
        const int N = 12;
        const int F = 2;
        using var backend = new ReferenceBackend();
        for (ulong seed = 0; seed < 40; seed++)
        {
            RngStream stream = RngKey.FromSeed(91).Fold(seed).Stream();
            float[][] rows = [.. Enumerable.Range(0, N).Select(_ => new float[N])];
            for (int i = 0; i < N; i++)
            {
                rows[i][i] = 1 + (stream.NextInt32(9) * 1.2e-7f);
            }

            IEnumerable<int> expected = Enumerable.Range(0, N)
                .OrderBy(i => Enumerable.Range(0, N).Where(j => j != i).Select(j => (double)(float)Squared(rows[i], rows[j])).Order().Take(N - F - 2).Sum())
                .Take(keep);

            Aggregation actual = Aggregation.Of(backend, defense, rows, F);

            Assert.Equal(expected.Order(), Enumerable.Range(0, N).Where(i => actual.Weights[i] > 0));
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Kept_clients_may_be_weighed_by_their_samples(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);

        Aggregation actual = Aggregation.Of(backend, "multi_krum:f=1,weighting=samples", [[0], [1], [2], [3], [100]], samples: [1, 2, 3, 4, 90]);

        Staging.Near([[0.1f, 0.2f, 0.3f, 0.4f, 0]], [actual.Weights]);
        Assert.Equal(2, actual.Aggregate[0], 1e-5);
    }

    private static double Squared(float[] a, float[] b) => a.Zip(b).Sum(pair => ((double)pair.First - pair.Second) * ((double)pair.First - pair.Second));
}
