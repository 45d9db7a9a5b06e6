// Attacks made of the honest rows against their formulas in double precision.
using System.Text.Json;
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class OmniscientAttackTests
{
    private static readonly Dictionary<string, Func<float[][], int, double[]>> s_formulas = new()
    {
        ["sign_flip:of=honest_mean"] = (honest, _) => Moments(honest, -1, 0),
        ["sign_flip:scale_factor=3,of=honest_mean"] = (honest, _) => Moments(honest, -3, 0),
        ["ipm"] = (honest, _) => Moments(honest, -0.1, 0),
        ["ipm:epsilon=2"] = (honest, _) => Moments(honest, -2, 0),
        ["alie"] = (honest, f) => Moments(honest, 1, Alie.PaperZ(honest.Length + f, f)),
        ["alie:1.5"] = (honest, _) => Moments(honest, 1, 1.5),
        ["alie:z=1.5,direction=minus"] = (honest, _) => Moments(honest, 1, -1.5),
        ["mimic"] = (honest, _) => Corruption.Doubles(honest[0]),
        ["mimic:2"] = (honest, _) => Corruption.Doubles(honest[2]),
        ["mimic:target=99"] = (honest, _) => Corruption.Doubles(honest[^1]),
        ["infinity"] = (honest, _) => [.. honest[0].Select(_ => double.PositiveInfinity)],
        ["nan"] = (honest, _) => [.. honest[0].Select(_ => double.NaN)],
        ["gaussian:mean=2.5,deviation=0"] = (honest, _) => [.. honest[0].Select(_ => 2.5)],
        ["free_rider:deviation=0"] = (honest, _) => new double[honest[0].Length],
        ["free_rider:send=zero,deviation=0"] = (honest, _) => new double[honest[0].Length],
    };

    public static TheoryData<string, string> Formulas => TestBackends.With([.. s_formulas.Keys]);

    public static TheoryData<string, string> OnEach => TestBackends.With("");

    public static TheoryData<string, string> UpdateAttacks => TestBackends.With(
        [.. Catalogue.All<IAttack>().Select(listing => listing.Name)]);

    [Theory]
    [MemberData(nameof(Formulas))]
    public void Malicious_rows_follow_the_formula(string name, string attack)
    {
        using Backend backend = TestBackends.Open(name);
        for (int seed = 0; seed < 20; seed++)
        {
            int f = 1 + (seed % 4);
            float[][] rows = Corruption.Random(seed, 4 + f + (seed % 5), 1 + (seed * 7));

            float[][] after = Corruption.Of(backend, attack, rows, f);

            double[] expected = s_formulas[attack](rows[..^f], f);
            Assert.Equal(rows[..^f], after[..^f]);
            foreach (float[] row in after[^f..])
            {
                if (double.IsFinite(expected[0]))
                {
                    Corruption.Near(expected, row, 1e-5);
                }
                else
                {
                    Assert.Equal(expected, Corruption.Doubles(row));
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(UpdateAttacks))]
    public void No_attack_changes_an_honest_row_or_throws_without_one(string name, string attack)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = Corruption.Random(1, 9, 23);

        Assert.Equal(rows[..^2], Corruption.Of(backend, attack, rows, 2)[..^2]);
        float[][] alone = Corruption.Of(backend, attack, rows, 9);
        if (!new[] { "sign_flip", "gradient_scale", "random_noise" }.Contains(attack))
        {
            Assert.Equal(rows, alone);
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Gaussian_noise_replaces_the_update(string name, string _)
    {
        const int Columns = 50_000;
        using Backend backend = TestBackends.Open(name);
        float[][] rows = [.. Enumerable.Range(0, 4).Select(i => Enumerable.Repeat(i == 2 ? float.NaN : 100f, Columns).ToArray())];

        float[][] after = Corruption.Of(backend, "gaussian:mean=0.5,deviation=2", rows, 2);

        Assert.NotEqual(after[2], after[3]);
        foreach (float[] row in after[2..])
        {
            double mean = row.Average(x => (double)x);
            Assert.InRange(mean - 0.5, -10 / Math.Sqrt(Columns), 10 / Math.Sqrt(Columns));
            Assert.InRange(Math.Sqrt(row.Average(x => (x - mean) * (x - mean))) / 2, 0.98, 1.02);
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Free_riders_send_the_last_change_of_the_global_model(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = Corruption.Random(1, 5, 3);

        List<float[][]> after = Corruption.Rounds(backend, "free_rider:deviation=0", [[1, 2, 3], [2, 4, 3], [2, 3, 5]], rows, 2);

        Assert.Equal([[0, 0, 0], [0, 0, 0]], after[0][3..]);
        Assert.Equal([[1, 2, 0], [1, 2, 0]], after[1][3..]);
        Assert.Equal([[0, -1, 2], [0, -1, 2]], after[2][3..]);
        float[][] noisy = Corruption.Of(backend, "free_rider:deviation=1", rows, 2);
        Assert.NotEqual(noisy[3], noisy[4]);
    }

    [Fact]
    public void The_z_of_alie_is_the_inverse_normal_distribution_of_the_paper()
    {
        using JsonDocument file = Vectors();
        foreach (JsonElement entry in file.RootElement.GetProperty("alie_z").EnumerateArray())
        {
            double z = Alie.PaperZ(entry.GetProperty("n").GetInt32(), entry.GetProperty("f").GetInt32());
            Assert.Equal(entry.GetProperty("paper_ppf").GetDouble(), z, 1e-6);
        }

        Assert.Equal(0, Alie.PaperZ(10, 2), 1e-12);
        Assert.Equal(-0.139710, Alie.PaperZ(10, 1), 1e-5); // s = 5 of 9 honest clients: the distribution's 4/9
        Assert.Equal(0, Alie.PaperZ(5, 4));
        Assert.Equal(0, Alie.PaperZ(4, 4));
    }

    [Theory]
    [InlineData(1e-6)]
    [InlineData(0.001)]
    [InlineData(0.02424)]
    [InlineData(0.02426)]
    [InlineData(0.3)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    [InlineData(0.98)]
    [InlineData(0.999999)]
    public void The_inverse_of_the_normal_distribution_is_its_inverse(double p)
    {
        // The distribution is integrated from 0 by Simpson's rule.
        double z = Alie.InverseNormal(p);
        const int Steps = 2000;
        double sum = 0;
        for (int i = 0; i <= Steps; i++)
        {
            double x = z * i / Steps;
            sum += Math.Exp(-x * x / 2) * (i is 0 or Steps ? 1 : i % 2 == 1 ? 4 : 2);
        }

        Assert.Equal(p, 0.5 + (sum * z / Steps / 3 / Math.Sqrt(2 * Math.PI)), 1e-8);
    }

    [Theory]
    [InlineData("ipm:epsilon=NaN", "epsilon is NaN; allowed is any finite number")]
    [InlineData("alie:z=Infinity", "z is Infinity; allowed is any finite number")]
    [InlineData("mimic:target=-1", "target is -1; allowed is 0 and more")]
    [InlineData("gaussian:deviation=-1", "deviation is -1; allowed is any number from 0 on")]
    [InlineData("free_rider:deviation=NaN", "deviation is NaN; allowed is any number from 0 on")]
    [InlineData("fang_trimmed_mean:b=1", "b is 1; allowed is any number above 1")]
    [InlineData("fang_krum:threshold=0", "threshold is 0; allowed is any number above 0")]
    [InlineData("optimal_alie:evaluations=0", "evaluations is 0; allowed is 1 and more")]
    [InlineData("adaptive:most=0", "most is 0; allowed is any number above 0")]
    [InlineData("backdoor:poison_ratio=2", "poison_ratio is 2; allowed is 0 to 1")]
    [InlineData("neurotoxin:masked=-1", "masked is -1; allowed is 0 to 1")]
    [InlineData("clean_label:source=1", "target is 1, as is source; allowed is any other class")]
    [InlineData("label_flip:mode=targeted,source=1", "target is 1, as is source; allowed is any other class")]
    public void Parameters_out_of_range_are_refused(string attack, string message)
    {
        using var backend = new ReferenceBackend();
        Choice<IAttack> choice = Catalogue.Parse<IAttack>("--attack", attack);

        var error = Assert.Throws<InputException>(() => choice.Create(new Setting(backend, 5, 2, 1), Catalogue.Parse<IDefense>("--defense", "none")));

        Assert.EndsWith(message, error.Message);
    }

    internal static JsonDocument Vectors() =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Vectors", "discriminating_vectors.json")));

    private static double[] Moments(float[][] honest, double mean, double deviation) =>
        [.. Corruption.Mean(honest).Zip(Corruption.Deviation(honest), (m, s) => (mean * m) + (deviation * s))];
}
