// Attacks that try the defense: they do at least the harm of their fixed forms, and the adaptive one is accepted.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class DefenseAwareAttackTests
{
    private static readonly string[] s_defenses = ["none", "median", "trimmed_mean", "krum", "multi_krum", "norm_clip"];

    public static TheoryData<string, string> Defenses => TestBackends.With(s_defenses);

    [Theory]
    [MemberData(nameof(Defenses))]
    public void Searching_does_at_least_as_much_harm_as_the_fixed_form(string name, string defense)
    {
        using Backend backend = TestBackends.Open(name);
        for (int seed = 0; seed < 10; seed++)
        {
            float[][] rows = Corruption.Random(seed, 11, 20);
            Assert.True(Damage(backend, "optimal_alie", defense, rows) >= Damage(backend, "alie", defense, rows) - 1e-5);
            Assert.True(Damage(backend, "optimal_ipm", defense, rows) >= Damage(backend, "ipm", defense, rows) - 1e-5);
            Assert.True(Damage(backend, "optimal_alie:evaluations=16", defense, rows) >= Damage(backend, "optimal_alie:evaluations=1", defense, rows) - 1e-5);
        }
    }

    [Fact]
    public void With_one_trial_the_search_sends_the_fixed_form_also_where_its_z_is_below_zero()
    {
        using var backend = new ReferenceBackend();
        float[][] rows = Corruption.Random(2, 10, 20);

        Assert.Equal(Corruption.Of(backend, "alie", rows, 1), Corruption.Of(backend, "optimal_alie:evaluations=1", rows, 1));
        Assert.Equal(Corruption.Of(backend, "ipm", rows, 1), Corruption.Of(backend, "optimal_ipm:evaluations=1", rows, 1));
        Assert.Equal(Corruption.Of(backend, "alie:z=-0.139710298881862", rows, 1)[^1][0], Corruption.Of(backend, "alie", rows, 1)[^1][0], 1e-5);
    }

    [Theory]
    [InlineData("reference")]
    [InlineData("simd")]
    [InlineData("cpu")]
    public void What_is_found_has_the_form_of_the_attack(string name)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = Corruption.Random(5, 11, 20);
        double[] mean = Corruption.Mean(rows[..^3]);
        double[] deviation = Corruption.Deviation(rows[..^3]);

        float[] alie = Corruption.Of(backend, "optimal_alie", rows, 3, "trimmed_mean")[^1];
        float[] ipm = Corruption.Of(backend, "optimal_ipm", rows, 3, "trimmed_mean")[^1];
        float[] adaptive = Corruption.Of(backend, "adaptive", rows, 3, "trimmed_mean")[^1];

        double z = (alie[0] - mean[0]) / deviation[0];
        Assert.True(z > 0);
        Corruption.Near([.. mean.Zip(deviation, (m, s) => m + (z * s))], alie, 1e-4);
        Corruption.Near([.. mean.Select(m => ipm[0] / mean[0] * m)], ipm, 1e-4);
        Corruption.Near([.. mean.Select(m => adaptive[0] / mean[0] * m)], adaptive, 1e-4);
    }

    [Theory]
    [InlineData("reference", "krum")]
    [InlineData("simd", "krum")]
    [InlineData("cpu", "krum")]
    [InlineData("simd", "multi_krum")]
    public void The_adaptive_attack_is_accepted_and_a_larger_step_is_not(string name, string defense)
    {
        using Backend backend = TestBackends.Open(name);
        for (int seed = 0; seed < 20; seed++)
        {
            float[][] rows = Corruption.Random(seed, 12, 15);
            double[] mean = Corruption.Mean(rows[..^3]);

            float[][] after = Corruption.Of(backend, "adaptive", rows, 3, defense);

            Assert.Contains(Aggregation.Of(backend, defense, after, 3).Weights[^3..], weight => weight > 0);
            double gamma = 1 - (after[^1][0] / mean[0]);
            Assert.True(gamma > 0);
            float[] farther = [.. mean.Select(m => (float)((1 - (1.05 * gamma)) * m))];
            float[][] beyond = [.. after[..^3], farther, farther, farther];
            Assert.DoesNotContain(Aggregation.Of(backend, defense, beyond, 3).Weights[^3..], weight => weight > 0);
        }
    }

    [Fact]
    public void The_adaptive_attack_harms_rules_without_weights_and_knows_stages()
    {
        using var backend = new SimdBackend(2);
        float[][] rows = Corruption.Random(1, 12, 15);

        Assert.True(Damage(backend, "adaptive", "median", rows) > Damage(backend, "mimic", "median", rows));
        Assert.True(Damage(backend, "adaptive", "median", rows) >= Damage(backend, "ipm:epsilon=0.5", "median", rows) - 1e-4);
        string? filter = Catalogue.All<IPreAggregation>().FirstOrDefault(listing => listing.Name == "nnm")?.Name;
        if (filter is not null)
        {
            Assert.Equal(rows[..^3], Corruption.Of(backend, "adaptive", rows, 3, $"{filter}+krum")[..^3]);
        }
    }

    private static double Damage(Backend backend, string attack, string defense, float[][] rows)
    {
        float[][] after = Corruption.Of(backend, attack, rows, 3, defense);
        return Math.Sqrt(Corruption.Squared(Corruption.Doubles(Aggregation.Of(backend, defense, after, 3).Aggregate), Corruption.Mean(rows[..^3])));
    }
}
