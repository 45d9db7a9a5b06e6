// Where ticks are and where values land, on linear and on logarithmic axes.
using FlGpu.Harness.Charts;

namespace FlGpu.Harness.Tests.Charts;

public sealed class ScaleTests
{
    [Theory]
    [InlineData(0, 1, 6, "0 0.2 0.4 0.6 0.8 1")]
    [InlineData(0, 100, 6, "0 20 40 60 80 100")]
    [InlineData(0, 30, 9, "0 5 10 15 20 25 30")]
    [InlineData(0.1, 0.35, 6, "0.1 0.15 0.2 0.25 0.3 0.35")]
    [InlineData(-3, 7, 6, "-2 0 2 4 6")]
    [InlineData(0, 50000, 3, "0 20,000 40,000")]
    [InlineData(2e6, 4e6, 3, "2e6 3e6 4e6")]
    public void Linear_ticks_are_round_and_no_more_than_asked_for(double from, double to, int most, string labels) =>
        Assert.Equal(labels, Labels(new LinearScale(from, to), most));

    [Theory]
    [InlineData(10, 100, 9, "10 20 50 100")]
    [InlineData(7, 1300, 9, "10 20 50 100 200 500 1,000")]
    [InlineData(7, 1300, 4, "10 100 1,000")]
    [InlineData(0.0007, 12, 9, "0.001 0.01 0.1 1 10")]
    [InlineData(1, 1e6, 4, "1 100 10,000 1e6")]
    [InlineData(0.9, 3.2, 7, "1 1.5 2 2.5 3")]
    [InlineData(2410, 4810, 6, "2,500 3,000 3,500 4,000 4,500")]
    public void Logarithmic_ticks_are_1_2_5_or_powers_of_ten_or_within_a_decade_equal_steps(double from, double to, int most, string labels) =>
        Assert.Equal(labels, Labels(new LogScale(from, to), most));

    [Fact]
    public void Between_labelled_powers_the_other_digits_are_minor_ticks()
    {
        IReadOnlyList<Tick> ticks = new LogScale(1, 100).Ticks(3);
        Assert.Equal([1, 10, 100], ticks.Where(tick => tick.Label != "").Select(tick => tick.Value));
        Assert.Equal([2, 3, 4, 5, 6, 7, 8, 9, 20, 30, 40, 50, 60, 70, 80, 90], ticks.Where(tick => tick.Label == "").Select(tick => tick.Value).Order());
    }

    [Fact]
    public void Ends_of_an_axis_are_at_0_and_1_and_a_ratio_is_the_same_length_anywhere_on_a_logarithmic_one()
    {
        Scale[] scales = [new LinearScale(-2, 6), new LogScale(0.01, 1000)];
        Assert.All(scales, scale => Assert.Equal((0, 1), (scale.At(scale.From), scale.At(scale.To))));
        Assert.Equal(0.25, new LinearScale(-2, 6).At(0), 1e-12);
        Assert.Equal(0.4, scales[1].At(1), 1e-12);
        Assert.Equal(scales[1].At(0.2) - scales[1].At(0.02), scales[1].At(500) - scales[1].At(50), 1e-12);
    }

    [Theory]
    [InlineData(new[] { 0.13, 0.97 }, 0, 1)]
    [InlineData(new[] { -0.04, 1.0 }, -0.5, 1)]
    [InlineData(new[] { 3.0, 3.0 }, 0, 3)]
    [InlineData(new[] { 0.0 }, 0, 1)]
    [InlineData(new double[0], 0, 1)]
    public void A_linear_axis_around_values_ends_at_round_ones(double[] values, double from, double to)
    {
        LinearScale scale = LinearScale.Around(values);
        Assert.Equal((from, to), (scale.From, scale.To));
    }

    [Fact]
    public void A_logarithmic_axis_leaves_room_around_positive_values_and_skips_others()
    {
        LogScale scale = LogScale.Around([double.NaN, -1, 0, 10, 1000, double.PositiveInfinity]);
        Assert.InRange(scale.From, 7, 9.9);
        Assert.InRange(scale.To, 1010, 1500);
        LogScale single = LogScale.Around([50]);
        Assert.Equal(0.5, single.At(50), 1e-12);
        Assert.Equal(10, single.To / single.From, 1e-9);
    }

    [Fact]
    public void Every_tick_is_on_its_axis_and_round_whatever_the_range()
    {
        foreach (double from in (double[])[1e-9, 3e-4, 0.02, 1, 7, 999])
        {
            foreach (double factor in (double[])[1.001, 1.5, 9, 30, 1e4, 1e11])
            {
                foreach (Scale scale in (Scale[])[new LinearScale(from, from * factor), new LogScale(from, from * factor)])
                {
                    IReadOnlyList<Tick> ticks = scale.Ticks(6);
                    Assert.InRange(ticks.Count(tick => tick.Label != ""), 1, 6);
                    Assert.All(ticks, tick => Assert.InRange(scale.At(tick.Value), -1e-6, 1 + 1e-6));
                    Assert.Equal(ticks.Count, ticks.Select(tick => tick.Value).Distinct().Count());
                }
            }
        }
    }

    // One value, none, a sign, very small and very large numbers, and ranges that a double hardly resolves.
    public static TheoryData<double[]> AnyValues { get; } =
    [
        [], [0], [-3], [1e-300], [1e300], [double.NaN], [double.NegativeInfinity, double.PositiveInfinity], [double.NaN, 2], [0, 1e-300], [-1e-12, 1e-12],
        [1e15, 1e15 + 1], [1, 1 + 1e-15], [-7, 1e9], [-1e300, 1e300], [1e-300, 1e300], [0, 0], [-5, -5],
    ];

    [Theory]
    [MemberData(nameof(AnyValues))]
    public void Any_values_give_axes_that_hold_them_with_finite_ends_and_few_ticks(double[] values)
    {
        foreach (Scale scale in (Scale[])[LinearScale.Around(values), LogScale.Around(values)])
        {
            Assert.True(double.IsFinite(scale.From) && double.IsFinite(scale.To) && scale.From < scale.To, $"{scale}");
            IEnumerable<double> shown = values.Where(value => double.IsFinite(value) && (scale is LinearScale || value > 0));
            Assert.All(shown, value => Assert.InRange(scale.At(value), -1e-6, 1 + 1e-6));
            IReadOnlyList<Tick> ticks = scale.Ticks(6);
            Assert.InRange(ticks.Count(tick => tick.Label != ""), 0, 6);
            Assert.All(ticks, tick => Assert.InRange(scale.At(tick.Value), -1e-6, 1 + 1e-6));
        }
    }

    private static string Labels(Scale scale, int most) => string.Join(' ', scale.Ticks(most).Where(tick => tick.Label != "").Select(tick => tick.Label));
}
