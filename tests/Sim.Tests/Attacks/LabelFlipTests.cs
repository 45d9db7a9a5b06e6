// Label flipping changes the promised number of labels of the malicious client's rows, and nothing else.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class LabelFlipTests
{
    private const int Classes = 4;

    private static readonly int[] s_rows = [3, 4, 7, 8, 11, 12, 15, 16, 19, 23];

    [Theory]
    [InlineData("label_flip", 10)]
    [InlineData("label_flip:poison_ratio=1", 10)]
    [InlineData("label_flip:0.5", 5)]
    [InlineData("label_flip:poison_ratio=0.25", 3)] // 2.5 is rounded up
    [InlineData("label_flip:poison_ratio=0.24", 2)]
    [InlineData("label_flip:poison_ratio=0.04", 0)]
    [InlineData("label_flip:poison_ratio=0", 0)]
    public void A_share_of_the_rows_given_becomes_the_next_class(string attack, int flipped)
    {
        TrainingData data = Poisoned(attack, RngKey.FromSeed(1), out int[] before);

        int changed = 0;
        for (int row = 0; row < before.Length; row++)
        {
            if (data.Labels[row] != before[row])
            {
                Assert.Contains(row, s_rows);
                Assert.Equal((before[row] + 1) % Classes, data.Labels[row]);
                changed++;
            }
        }

        Assert.Equal(flipped, changed);
        Assert.False(data.FeaturesChanged);
    }

    [Fact]
    public void The_key_decides_which_rows_are_flipped()
    {
        int[] first = Poisoned("label_flip:0.5", RngKey.FromSeed(1), out _).Labels;

        Assert.Equal(first, Poisoned("label_flip:0.5", RngKey.FromSeed(1), out _).Labels);
        Assert.NotEqual(first, Poisoned("label_flip:0.5", RngKey.FromSeed(2), out _).Labels);
    }

    [Theory]
    [InlineData("-0.1")]
    [InlineData("1.1")]
    [InlineData("NaN")]
    public void A_ratio_out_of_range_is_refused(string ratio)
    {
        var error = Assert.Throws<InputException>(() => Catalogue.Parse<IAttack>("--attack", $"label_flip:poison_ratio={ratio}").Create());

        Assert.Equal($"--attack label_flip:poison_ratio={ratio}: poison_ratio is {ratio}; allowed is 0 to 1", error.Message);
    }

    [Fact]
    public void The_samples_themselves_are_never_changed()
    {
        var samples = new Samples([1, 2, 3, 4], [0, 1], 2, 2);
        var data = new TrainingData(samples);

        data.Labels[0] = 1;
        Assert.False(data.FeaturesChanged);
        Assert.Same(samples.Features, data.Features);
        data.ChangeFeatures(1)[0] = 9;

        Assert.True(data.FeaturesChanged);
        Assert.Equal([1f, 2, 9, 4], data.Features);
        Assert.Equal([1f, 2, 3, 4], samples.Features);
        Assert.Equal([0, 1], samples.Labels);
    }

    private static TrainingData Poisoned(string attack, RngKey key, out int[] before)
    {
        before = [.. Enumerable.Range(0, 24).Select(row => row % Classes)];
        using var backend = new ReferenceBackend();
        var data = new TrainingData(new(new float[24], before, 1, Classes));
        Catalogue.Parse<IAttack>("--attack", attack).Create(new Setting(backend, 5, 1, 1)).Poison(data, 0, s_rows, key);
        return data;
    }
}
