// Fang's attacks against slow versions of the paper's sections 4.2 and 4.3.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class FangTests
{
    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(OnEach))]
    public void On_krum_it_is_the_largest_halved_step_that_krum_selects(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        int cases = name == "simd" ? 200 : 20;
        int selected = 0;
        for (int seed = 0; seed < cases; seed++)
        {
            int f = 2 + (seed % 4);
            float[][] rows = Corruption.Random(seed, (2 * f) + 3 + (seed % 5), 1 + (seed % 40));
            float[][] honest = rows[..^f];

            float[][] after = Corruption.Of(backend, "fang_krum", rows, f);

            double lambda = SlowLambda(honest, f);
            Assert.Equal(honest, after[..^f]);
            double[] expected = [.. Corruption.Mean(honest).Select(m => -lambda * Math.Sign(m))];
            Assert.All(after[^f..], row => Corruption.Near(expected, row, 1e-5));
            float[] weights = Aggregation.Of(backend, "krum", after, f).Weights;
            selected += weights[^f..].Any(weight => weight > 0) ? 1 : 0;
            Assert.Equal(SlowSelected(honest, expected, f), weights[^f..].Any(weight => weight > 0));
        }

        Assert.True(selected > cases / 2, $"selected in {selected} of {cases}");
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void On_the_trimmed_mean_each_value_lies_in_the_papers_interval(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        int cases = name == "simd" ? 200 : 20;
        List<double> positions = [];
        for (int seed = 0; seed < cases; seed++)
        {
            int f = 1 + (seed % 4);
            float[][] rows = Corruption.Random(seed, 4 + f + (seed % 5), 1 + (seed % 40), mean: (seed % 5) - 2);
            float[][] honest = rows[..^f];
            double[] mean = Corruption.Mean(honest);

            float[][] after = Corruption.Of(backend, "fang_trimmed_mean", rows, f, seed: (ulong)seed);

            Assert.Equal(honest, after[..^f]);
            for (int k = 0; k < mean.Length; k++)
            {
                double least = honest.Min(row => row[k]);
                double most = honest.Max(row => row[k]);
                (double near, double far) = mean[k] > 0
                    ? (least, least > 0 ? least / 2 : 2 * least)
                    : (most, most > 0 ? 2 * most : most / 2);
                foreach (float[] row in after[^f..])
                {
                    double position = (row[k] - near) / (far - near);
                    Assert.InRange(position, -1e-4, 1 + 1e-4);
                    positions.Add(position);
                }
            }
        }

        Assert.InRange(positions.Average(), 0.5 - (5 / Math.Sqrt(12.0 * positions.Count)), 0.5 + (5 / Math.Sqrt(12.0 * positions.Count)));
        double[] draws = [.. positions.Order()];
        Assert.InRange(draws[draws.Length / 4], 0.2, 0.3);
        Assert.InRange(draws[draws.Length * 3 / 4], 0.7, 0.8);
    }

    [Theory]
    [InlineData("simd")]
    [InlineData("cpu")]
    public void The_draws_are_the_same_on_every_backend(string name)
    {
        using var reference = new ReferenceBackend();
        using Backend backend = TestBackends.Open(name);
        float[][] rows = Corruption.Random(3, 9, 301);

        float[][] expected = Corruption.Of(reference, "fang_trimmed_mean:3", rows, 3);
        float[][] actual = Corruption.Of(backend, "fang_trimmed_mean:3", rows, 3);

        Assert.NotEqual(expected[^1], expected[^2]);
        for (int i = 6; i < 9; i++)
        {
            Corruption.Near(Corruption.Doubles(expected[i]), actual[i], 1e-6);
        }
    }

    private static double SlowLambda(float[][] honest, int f)
    {
        int n = honest.Length + f;
        int d = honest[0].Length;
        double[][] rows = [.. honest.Select(Corruption.Doubles)];
        double nearest = Enumerable.Range(0, rows.Length)
            .Min(i => rows.Where((_, j) => j != i).Select(row => Math.Sqrt(Corruption.Squared(rows[i], row))).Order().Take(n - f - 2).Sum());
        double largest = rows.Max(row => Math.Sqrt(row.Sum(x => x * x)));
        double lambda = (nearest / ((n - (2 * f) - 1) * Math.Sqrt(d))) + (largest / Math.Sqrt(d));
        double[] signs = [.. Corruption.Mean(honest).Select(m => (double)Math.Sign(m))];
        while (!SlowSelected(honest, [.. signs.Select(s => -lambda * s)], f) && lambda / 2 >= 1e-5)
        {
            lambda /= 2;
        }

        return lambda;
    }

    private static bool SlowSelected(float[][] honest, double[] malicious, int f)
    {
        double[][] rows = [.. honest.Select(Corruption.Doubles), .. Enumerable.Repeat(malicious, f)];
        double[] scores =
        [
            .. Enumerable.Range(0, rows.Length).Select(i =>
                rows.Where((_, j) => j != i).Select(row => Corruption.Squared(rows[i], row)).Order().Take(rows.Length - f - 2).Sum()),
        ];
        return scores[honest.Length] < scores[..honest.Length].Min();
    }
}
