// FoolsGold against a slow implementation of its published code, published weights, and the paper's claim.
using System.Text.Json;
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class FoolsGoldTests
{
    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Three_rounds_of_a_population_agree_with_the_formulas(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        foreach (int test in LastingRule.CasesOn(name))
        {
            RngStream stream = RngKey.FromSeed(31).Fold((ulong)test).Stream();
            int n = 2 + stream.NextInt32(9);
            int d = 2 + stream.NextInt32(30);
            int population = n + stream.NextInt32(4);
            bool mean = test % 2 == 1;
            bool memory = test % 3 != 2;
            using var rule = new LastingRule(backend, $"fools_gold:output={(mean ? "mean" : "sum")},memory={(memory ? "all" : "none")}", n, d, 0, population);
            double[][] history = [.. Enumerable.Range(0, population).Select(_ => new double[d])];
            for (int round = 0; round < 3; round++)
            {
                int[] clients = [.. Enumerable.Range(0, population)];
                stream.Shuffle<int>(clients);
                clients = clients[..n];
                float[][] rows = LastingRule.RandomRows(ref stream, n, d);

                Aggregation actual = rule.Run(rows, clients);

                // Fung et al., RAID 2020, algorithm 1; deltas are cut to length 1 by the authors' clients.
                double[] cut = [.. rows.Select(row => Math.Min(1, 1 / LastingRule.Norm(row)))];
                for (int i = 0; i < n; i++)
                {
                    double[] past = history[clients[i]];
                    for (int k = 0; k < d; k++)
                    {
                        past[k] = (memory ? past[k] : 0) + (cut[i] * rows[i][k]);
                    }
                }

                double[] weights = Weights([.. clients.Select(client => history[client])]);
                double scale = mean && weights.Sum() > 0 ? 1 / weights.Sum() : 1;
                double[] expected = [.. weights.Select((weight, i) => weight * cut[i] * scale)];
                LastingRule.Near(expected, actual.Weights, 1e-4);
                LastingRule.Near(LastingRule.Weighted(rows, expected), actual.Aggregate, 1e-3);
            }
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void The_published_constants_give_the_weights_that_others_computed(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        using JsonDocument file = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Vectors", "discriminating_vectors.json")));
        JsonElement vector = file.RootElement.GetProperty("foolsgold");
        float[][] history = [.. vector.GetProperty("history").EnumerateArray().Select(row => row.EnumerateArray().Select(x => x.GetSingle()).ToArray())];
        double[] weights = [.. vector.GetProperty("weights").GetProperty("RAID20 eps=1e-5").EnumerateArray().Select(x => x.GetDouble())];

        using var rule = new LastingRule(backend, "fools_gold:clip=Infinity", history.Length, history[0].Length);

        LastingRule.Near(weights, rule.Run(history).Weights, 1e-5);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    public void One_sybil_defeats_it_and_ten_do_not(int sybils)
    {
        using var backend = new SimdBackend(2);
        const int Honest = 10;
        const int D = 200;
        using var rule = new LastingRule(backend, "fools_gold", Honest + sybils, D, sybils);
        RngStream stream = RngKey.FromSeed(7).Stream();
        float[] weights = [];
        for (int round = 0; round < 5; round++)
        {
            // Each honest client has data of its own, and so a direction of its own; sybils share the attacker's.
            float[][] rows = new float[Honest + sybils][];
            for (int i = 0; i < rows.Length; i++)
            {
                rows[i] = new float[D];
                for (int k = 0; k < D; k++)
                {
                    rows[i][k] = (float)((k % (Honest + 1) == Math.Min(i, Honest) ? 1 : 0) + (0.1 * stream.NextNormal()));
                }
            }

            weights = rule.Run(rows).Weights;
        }

        double sybilWeight = weights[Honest..].Sum();
        double honestWeight = weights[..Honest].Sum();
        if (sybils == 1)
        {
            Assert.Equal(honestWeight / Honest, sybilWeight, 0.1 * honestWeight / Honest);
        }
        else
        {
            Assert.Equal(0, sybilWeight, 1e-6);
            Assert.True(honestWeight > 0);
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Clients_that_all_say_the_same_are_not_trusted(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        using var rule = new LastingRule(backend, "fools_gold", 3, 2);

        Aggregation actual = rule.Run([[1, 2], [1, 2], [2, 4]]);

        Assert.Equal([0f, 0], actual.Aggregate);
        Assert.Equal([0f, 0, 0], actual.Weights);
    }

    private static double[] Weights(double[][] history)
    {
        int n = history.Length;
        double[][] cs = [.. history.Select((a, i) => history.Select((b, j) =>
            i == j ? 0 : a.Zip(b, (x, y) => x * y).Sum() / Math.Sqrt(a.Sum(x => x * x) * b.Sum(x => x * x))).ToArray())];
        double[] maxcs = [.. cs.Select(row => row.Max() + 1e-5)];
        double[][] pardoned = [.. cs.Select((row, i) => row.Select((c, j) => i != j && maxcs[i] < maxcs[j] ? c * maxcs[i] / maxcs[j] : c).ToArray())];
        double[] wv = [.. pardoned.Select(row => Math.Min(1, Math.Max(0, 1 - row.Max())))];
        double largest = wv.Max();
        wv = [.. wv.Select(w => w == largest ? 0.99 : w / largest)];
        wv = [.. wv.Select(w => Math.Log((w / (1 - w)) + 1e-5) + 0.5)];
        return [.. wv.Select(w => w > 1 ? 1 : w < 0 ? 0 : w)];
    }
}
