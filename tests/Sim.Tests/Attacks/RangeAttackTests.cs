// Min-Max and Min-Sum against a slow search by their definitions, and the equality that they must reach.
using System.Text.Json;
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class RangeAttackTests
{
    public static TheoryData<string, string> Cases => TestBackends.With(
        "min_max:direction=unit", "min_max:direction=sign", "min_max:direction=deviation", "min_sum:direction=unit", "min_sum:direction=sign",
        "min_sum:direction=deviation", "min_sum:direction=unit,bound=min", "min_sum:direction=sign,bound=min");

    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_bound_is_reached_and_the_row_is_that_of_the_definition(string name, string attack)
    {
        using Backend backend = TestBackends.Open(name);
        int cases = name == "simd" ? 200 : 20;
        for (int seed = 0; seed < cases; seed++)
        {
            int f = 1 + (seed % 3);
            float[][] rows = Corruption.Random(seed, 3 + f + (seed % 9), 2 + (seed % 50), mean: seed % 3);
            float[][] honest = rows[..^f];

            float[][] after = Corruption.Of(backend, attack, rows, f);

            Assert.Equal(honest, after[..^f]);
            Assert.All(after[^f..], row => Assert.Equal(after[^1], row));
            double allowed = Allowed(attack, honest);
            Assert.Equal(1, Reached(attack, honest, Corruption.Doubles(after[^1])) / allowed, 1e-5);
            double gamma = SlowGamma(attack, honest, allowed);
            Corruption.Near(At(attack, honest, gamma), after[^1], 2e-5);
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void The_factors_are_those_of_the_vectors(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        using JsonDocument file = OmniscientAttackTests.Vectors();
        float[][] honest =
        [
            .. file.RootElement.GetProperty("minmax").GetProperty("benign").EnumerateArray()
                .Select(row => row.EnumerateArray().Select(x => x.GetSingle()).ToArray()),
        ];
        float[][] rows = [.. honest, new float[3], new float[3]];
        foreach ((string attack, string section, string list, string suffix) in ((string, string, string, string)[])
            [("min_max", "minmax", "exact_gamma", ""), ("min_sum", "minsum", "exact_gamma_min_rule", ",bound=min"), ("min_sum", "minsum", "flpoison_max_rule", "")])
        {
            foreach (JsonProperty gamma in file.RootElement.GetProperty(section).GetProperty(list).EnumerateObject())
            {
                string full = $"{attack}:direction={(gamma.Name == "std_ddof1" ? "deviation" : gamma.Name)}{suffix}";
                Corruption.Near(At(full, honest, gamma.Value.GetDouble()), Corruption.Of(backend, full, rows, 2)[^1], 1e-5);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Equal_honest_rows_are_copied(string name, string attack)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = [[1, 2], [1, 2], [1, 2], [7, 8]];

        Assert.Equal([1, 2], Corruption.Of(backend, attack, rows, 1)[^1]);
        Assert.Equal([1, 2], Corruption.Of(backend, attack, rows, 3)[^1]);
    }

    private static double Allowed(string attack, float[][] honest)
    {
        double[][] squared = [.. honest.Select(a => honest.Select(b => Corruption.Squared(Corruption.Doubles(a), Corruption.Doubles(b))).ToArray())];
        return attack.StartsWith("min_max", StringComparison.Ordinal) ? squared.Max(row => row.Max())
            : attack.EndsWith("bound=min", StringComparison.Ordinal) ? squared.Min(row => row.Sum()) : squared.Max(row => row.Sum());
    }

    private static double Reached(string attack, float[][] honest, double[] malicious)
    {
        IEnumerable<double> squared = honest.Select(row => Corruption.Squared(Corruption.Doubles(row), malicious));
        return attack.StartsWith("min_max", StringComparison.Ordinal) ? squared.Max() : squared.Sum();
    }

    private static double SlowGamma(string attack, float[][] honest, double allowed)
    {
        double low = 0;
        double high = 1e4;
        for (int i = 0; i < 80; i++)
        {
            double middle = (low + high) / 2;
            (low, high) = Reached(attack, honest, At(attack, honest, middle)) <= allowed ? (middle, high) : (low, middle);
        }

        return low;
    }

    private static double[] At(string attack, float[][] honest, double gamma)
    {
        double[] mean = Corruption.Mean(honest);
        double norm = Math.Sqrt(mean.Sum(m => m * m));
        double[] direction =
            attack.Contains("unit", StringComparison.Ordinal) ? [.. mean.Select(m => -m / norm)]
            : attack.Contains("sign", StringComparison.Ordinal) ? [.. mean.Select(m => -(double)Math.Sign(m))]
            : [.. Corruption.Deviation(honest).Select(s => -s)];
        return [.. mean.Zip(direction, (m, p) => m + (gamma * p))];
    }
}
