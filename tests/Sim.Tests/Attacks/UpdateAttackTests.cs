// Attacks on updates change the malicious clients' rows, the last ones, by the promised amount, and leave the others alone.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class UpdateAttackTests
{
    private const int Rows = 5;
    private const int Malicious = 2;
    private const int FirstMalicious = Rows - Malicious;

    public static TheoryData<string, string> Factors => TestBackends.With(
        "sign_flip|-1", "sign_flip:scale_factor=2.5|-2.5", "gradient_scale|10", "gradient_scale:0.5|0.5", "gradient_scale:scale_factor=0|0");

    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(Factors))]
    public void Malicious_rows_are_multiplied(string name, string attackAndFactor)
    {
        using Backend backend = TestBackends.Open(name);
        string[] parts = attackAndFactor.Split('|');
        float factor = float.Parse(parts[1], System.Globalization.CultureInfo.InvariantCulture);
        float[] before = Normal(columns: 37);

        float[] after = Corrupted(backend, parts[0], before, RngKey.FromSeed(1));

        int honest = FirstMalicious * 37;
        Assert.Equal(before[..honest], after[..honest]);
        Assert.Equal(before[honest..].Select(x => factor * x), after[honest..]);
    }

    [Theory]
    [InlineData("reference")]
    [InlineData("simd")]
    [InlineData("cpu")]
    public void Attacks_on_data_and_no_attack_leave_updates_alone(string name)
    {
        using Backend backend = TestBackends.Open(name);
        float[] before = Normal(columns: 37);

        Assert.Equal(before, Corrupted(backend, "none", before, RngKey.FromSeed(1)));
        Assert.Equal(before, Corrupted(backend, "label_flip", before, RngKey.FromSeed(1)));
        Assert.Equal(before, Corrupted(backend, "random_noise:deviation=0", before, RngKey.FromSeed(1)));
    }

    [Fact]
    public void Attacks_on_updates_leave_data_alone()
    {
        using var backend = new ReferenceBackend();
        foreach (string attack in (string[])["none", "sign_flip", "gradient_scale", "random_noise"])
        {
            var data = new TrainingData(new(new float[6], [0, 1, 2, 0, 1, 2], 1, 3));
            Catalogue.Parse<IAttack>("--attack", attack).Create(new Setting(backend, Rows, Malicious, 1)).Poison(data, 0, [1, 2, 3], RngKey.FromSeed(1));
            Assert.Equal([0, 1, 2, 0, 1, 2], data.Labels);
            Assert.False(data.FeaturesChanged);
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Noise_has_mean_zero_and_the_deviation_asked_for(string name, string _)
    {
        const int Columns = 100_000;
        using Backend backend = TestBackends.Open(name);
        float[] before = [.. Enumerable.Repeat(1f, Rows * Columns)];
        foreach ((string attack, double deviation) in ((string, double)[])[("random_noise", 5), ("random_noise:deviation=0.1", 0.1)])
        {
            float[] after = Corrupted(backend, attack, before, RngKey.FromSeed(1));

            int honest = FirstMalicious * Columns;
            Assert.Equal(before[..honest], after[..honest]);
            float[][] noise = [.. after[honest..].Select(x => x - 1).Chunk(Columns)];
            Assert.NotEqual(noise[0], noise[1]);
            foreach (float[] row in noise)
            {
                // Five standard errors of the mean, and of the deviation.
                double mean = row.Average(x => (double)x);
                Assert.InRange(mean, -5 * deviation / Math.Sqrt(Columns), 5 * deviation / Math.Sqrt(Columns));
                double measured = Math.Sqrt(row.Average(x => (x - mean) * (x - mean)));
                Assert.InRange(measured / deviation, 1 - (5 / Math.Sqrt(2 * Columns)), 1 + (5 / Math.Sqrt(2 * Columns)));
            }

            double together = noise[0].Zip(noise[1], (a, b) => (double)a * b).Average() / (deviation * deviation);
            Assert.InRange(together, -5 / Math.Sqrt(Columns), 5 / Math.Sqrt(Columns));
        }
    }

    [Theory]
    [InlineData("simd")]
    [InlineData("cpu")]
    public void Noise_is_the_same_on_every_backend_and_another_for_another_key(string name)
    {
        float[] before = Normal(columns: 1003);
        using var reference = new ReferenceBackend();
        using Backend backend = TestBackends.Open(name);

        float[] expected = Corrupted(reference, "random_noise:deviation=1", before, RngKey.FromSeed(1));
        float[] actual = Corrupted(backend, "random_noise:deviation=1", before, RngKey.FromSeed(1));
        float[] otherKey = Corrupted(backend, "random_noise:deviation=1", before, RngKey.FromSeed(2));

        for (int k = 0; k < expected.Length; k++)
        {
            Assert.Equal(expected[k], actual[k], 1e-5);
        }

        Assert.True(actual.Zip(otherKey).Skip(FirstMalicious * 1003).All(pair => pair.First != pair.Second));
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    public void A_deviation_out_of_range_is_refused(string deviation)
    {
        using var backend = new ReferenceBackend();
        Choice<IAttack> choice = Catalogue.Parse<IAttack>("--attack", $"random_noise:deviation={deviation}");

        var error = Assert.Throws<InputException>(() => choice.Create(new Setting(backend, Rows, Malicious, 1)));

        Assert.Equal($"--attack random_noise:deviation={deviation}: deviation is {deviation}; allowed is any number from 0 on", error.Message);
    }

    private static float[] Normal(int columns)
    {
        using var backend = new ReferenceBackend();
        using Matrix matrix = TestData.Normal(backend, Rows, columns, RngKey.FromSeed(7));
        return matrix.ToArray();
    }

    private static float[] Corrupted(Backend backend, string attack, float[] updates, RngKey key)
    {
        int d = updates.Length / Rows;
        IAttack corrupting = Catalogue.Parse<IAttack>("--attack", attack).Create(new Setting(backend, Rows, Malicious, d));
        using Matrix matrix = backend.Upload(Rows, d, updates);
        using Matrix global = backend.Upload(1, d, new float[d]);
        corrupting.Corrupt(new(1, matrix, global, [1, 1, 1, 1, 1], Malicious, key));
        return matrix.ToArray();
    }
}
