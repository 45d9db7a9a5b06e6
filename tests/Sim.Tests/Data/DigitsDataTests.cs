// The embedded digits: all there, scaled, and split the same way every time.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class DigitsDataTests
{
    // The first line of the file, a zero, and its last, an eight.
    private static readonly int[] s_first =
    [
        0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0, 0, 3, 15, 2, 0, 11, 8, 0, 0, 4, 12, 0, 0, 8, 8, 0,
        0, 5, 8, 0, 0, 9, 8, 0, 0, 4, 11, 0, 1, 12, 7, 0, 0, 2, 14, 5, 10, 12, 0, 0, 0, 0, 6, 13, 10, 0, 0, 0,
    ];

    private static readonly int[] s_last =
    [
        0, 0, 10, 14, 8, 1, 0, 0, 0, 2, 16, 14, 6, 1, 0, 0, 0, 0, 15, 15, 8, 15, 0, 0, 0, 0, 5, 16, 16, 10, 0, 0,
        0, 0, 12, 15, 15, 12, 0, 0, 0, 4, 16, 6, 4, 16, 6, 0, 0, 8, 16, 10, 8, 16, 8, 0, 0, 1, 8, 12, 14, 12, 1, 0,
    ];

    private static readonly int[] s_classSizes = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(360)]
    [InlineData(1796)]
    public void Every_digit_is_in_one_of_the_sets_and_classes_are_shared_evenly(int test)
    {
        Dataset data = new DigitsData(test).Load(10, RngKey.FromSeed(1));

        Assert.Equal(test, data.Test.Count);
        Assert.Equal(1797 - test, data.Train.Count);
        for (int c = 0; c < 10; c++)
        {
            int tested = data.Test.Labels.Count(label => label == c);
            double share = s_classSizes[c] * test / 1797.0;
            Assert.InRange(tested, Math.Floor(share), Math.Ceiling(share));
            Assert.Equal(s_classSizes[c] - tested, data.Train.Labels.Count(label => label == c));
        }

        // No two lines of the file are equal, so as many different images say that none was lost or taken twice.
        HashSet<string> images = [];
        foreach (Samples samples in new[] { data.Train, data.Test })
        {
            Assert.Equal((64, 10), (samples.Inputs, samples.Classes));
            Assert.Equal(samples.Count * 64, samples.Features.Length);
            Assert.All(Enumerable.Range(0, samples.Count), row => Assert.True(images.Add(string.Join(' ', Image(samples, row)))));
        }
    }

    [Fact]
    public void The_classes_rounded_up_are_those_with_the_largest_remainder()
    {
        // 360 of 1797: exact shares 35.66 36.46 35.46 36.66 36.26 36.46 36.26 35.86 34.86 36.06.
        Dataset data = new DigitsData().Load(10, RngKey.FromSeed(1));
        int[] tested = [.. Enumerable.Range(0, 10).Select(c => data.Test.Labels.Count(label => label == c))];
        Assert.Equal([36, 37, 35, 37, 36, 36, 36, 36, 35, 36], tested);
    }

    [Fact]
    public void Pixels_are_sixteenths_from_0_to_1()
    {
        Dataset data = new DigitsData().Load(10, RngKey.FromSeed(1));
        float[] pixels = [.. data.Train.Features, .. data.Test.Features];
        Assert.Equal((0f, 1f), (pixels.Min(), pixels.Max()));
        Assert.All(pixels.Distinct(), pixel => Assert.Equal(MathF.Round(pixel * 16), pixel * 16));
    }

    [Theory]
    [InlineData(true, 0)]
    [InlineData(false, 8)]
    public void The_first_and_last_lines_are_there_with_their_labels(bool first, int label)
    {
        Dataset data = new DigitsData().Load(10, RngKey.FromSeed(1));
        float[] expected = [.. (first ? s_first : s_last).Select(value => value / 16f)];
        int[] labels =
        [
            .. from samples in new[] { data.Train, data.Test }
               from row in Enumerable.Range(0, samples.Count)
               where Image(samples, row).SequenceEqual(expected)
               select samples.Labels[row],
        ];
        Assert.Equal([label], labels);
    }

    [Fact]
    public void The_split_does_not_depend_on_the_key_or_the_clients()
    {
        Dataset one = new DigitsData().Load(10, RngKey.FromSeed(1));
        Dataset two = new DigitsData().Load(99, RngKey.FromSeed(2));
        Assert.Equal(one.Train.Features, two.Train.Features);
        Assert.Equal(one.Train.Labels, two.Train.Labels);
        Assert.Equal(one.Test.Features, two.Test.Features);
        Assert.Equal(one.Test.Labels, two.Test.Labels);
    }

    [Fact]
    public void The_file_is_recorded_and_clients_have_no_sizes()
    {
        Dataset data = new DigitsData().Load(10, RngKey.FromSeed(1));
        Assert.Equal([new DataFile("digits.csv.gz", "46abec6b12486ad9e51943373abcf22bbea1b5a51a1619b361570d8893f1464a")], data.Files);
        Assert.Null(data.ClientSizes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1797)]
    public void A_test_set_that_leaves_a_set_empty_is_an_error(int test)
    {
        var error = Assert.Throws<InputException>(() => new DigitsData(test));
        Assert.Contains($"test={test} must be from 1 to 1796", error.Message);
    }

    private static float[] Image(Samples samples, int row) => samples.Features[(row * 64)..((row + 1) * 64)];
}
