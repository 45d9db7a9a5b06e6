// The small languages of options: what they read and what they refuse.
using FlGpu.Harness.CommandLine;
using FlGpu.Kernels;

namespace FlGpu.Harness.Tests.CommandLine;

public sealed class OptionTextTests
{
    [Theory]
    [InlineData("1", 1)]
    [InlineData("07", 7)]
    [InlineData("2147483647", int.MaxValue)]
    public void A_whole_number_is_read(string text, int expected) => Assert.Equal(expected, OptionText.WholeNumber("--rounds", text, 1));

    [Theory]
    [InlineData("0")]
    [InlineData("-3")]
    [InlineData("1.5")]
    [InlineData("1e3")]
    [InlineData("")]
    [InlineData("ten")]
    [InlineData("2147483648")]
    public void A_whole_number_below_the_least_or_none_at_all_is_refused(string text) =>
        AssertRefused(() => OptionText.WholeNumber("--rounds", text, 1), "--rounds", $"'{text}'", "from 1 on");

    [Fact]
    public void The_least_whole_number_is_the_one_given()
    {
        Assert.Equal(5, OptionText.WholeNumber("--x", "5", 5));
        AssertRefused(() => OptionText.WholeNumber("--x", "4", 5), "--x", "'4'", "from 5 on");
    }

    [Theory]
    [InlineData("0.01", 0.01)]
    [InlineData("1e-3", 0.001)]
    [InlineData("2", 2.0)]
    public void A_positive_number_is_read_with_a_point(string text, double expected) => Assert.Equal(expected, OptionText.PositiveNumber("--learning-rate", text));

    [Theory]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("nan")]
    [InlineData("NaN")]
    [InlineData("Infinity")]
    [InlineData("1e999")]
    [InlineData("0,01")]
    [InlineData("")]
    public void What_is_no_positive_finite_number_is_refused(string text) =>
        AssertRefused(() => OptionText.PositiveNumber("--learning-rate", text), "--learning-rate", $"'{text}'", "above 0");

    [Fact]
    public void Whole_numbers_are_read_in_their_order_with_or_without_spaces() =>
        Assert.Equal([100, 10, 50], OptionText.WholeNumbers("--clients", "100, 10,50", 1));

    [Theory]
    [InlineData("")]
    [InlineData(",")]
    [InlineData("10,x")]
    [InlineData("10,0")]
    public void A_list_of_whole_numbers_with_nothing_or_something_else_in_it_is_refused(string text) =>
        AssertRefused(() => OptionText.WholeNumbers("--clients", text, 1), "--clients", "from 1 on");

    [Theory]
    [InlineData("1..3", new ulong[] { 1, 2, 3 })]
    [InlineData("5", new ulong[] { 5 })]
    [InlineData("4..4", new ulong[] { 4 })]
    [InlineData("7,1..2", new ulong[] { 7, 1, 2 })]
    [InlineData("1..3,2..4", new ulong[] { 1, 2, 3, 4 })]
    [InlineData("18446744073709551615", new[] { ulong.MaxValue })]
    [InlineData("18446744073709551614..18446744073709551615", new[] { ulong.MaxValue - 1, ulong.MaxValue })]
    public void Seeds_are_single_numbers_and_ranges_each_once(string text, ulong[] expected) => Assert.Equal(expected, OptionText.Seeds("--seeds", text));

    [Theory]
    [InlineData("x")]
    [InlineData("5..1")]
    [InlineData("-1")]
    [InlineData("1..2..3")]
    [InlineData("1..")]
    [InlineData("..3")]
    [InlineData("1.5")]
    [InlineData("0..18446744073709551615")]
    [InlineData("")]
    public void Seeds_that_are_no_numbers_or_run_backwards_are_refused(string text) =>
        AssertRefused(() => OptionText.Seeds("--seeds", text), "--seeds", "1..8");

    [Fact]
    public void The_most_seeds_of_a_range_are_a_hundred_thousand()
    {
        Assert.Equal(100_000, OptionText.Seeds("--seeds", "0..99999").Count);
        AssertRefused(() => OptionText.Seeds("--seeds", "0..100000"), "--seeds", "'0..100000'");
    }

    [Theory]
    [InlineData("2", 10, 2)]
    [InlineData("0", 10, 0)]
    [InlineData("0.2", 10, 2)]
    [InlineData("0.3", 10, 3)]
    [InlineData("0.29", 10, 2)]
    [InlineData("0.7", 10, 7)]
    [InlineData("0.999", 10, 9)]
    [InlineData("1", 10, 1)]
    [InlineData("12", 10, 12)]
    [InlineData("n-10", 12, 2)]
    [InlineData("n-10", 10, 0)]
    public void A_count_stays_and_a_share_is_rounded_down(string text, int clients, int expected) =>
        Assert.Equal(expected, OptionText.CountOrShare("--malicious", text, clients));

    [Theory]
    [InlineData("n-11")]
    [InlineData("n-")]
    [InlineData("1.5")]
    [InlineData("-1")]
    [InlineData("-0.1")]
    [InlineData("nan")]
    [InlineData("Infinity")]
    [InlineData("few")]
    [InlineData("")]
    [InlineData("3000000000")]
    public void What_is_neither_a_count_nor_a_share_is_refused(string text) =>
        AssertRefused(() => OptionText.CountOrShare("--malicious", text, 10), "--malicious", $"'{text}'", "share");

    [Fact]
    public void Names_are_split_at_commas_without_spaces_and_without_empty_ones() =>
        Assert.Equal(["reference", "simd"], OptionText.Names("--backend", " reference,, simd ,", "some"));

    [Theory]
    [InlineData("")]
    [InlineData(" , ")]
    public void An_empty_list_of_names_is_refused(string text) =>
        AssertRefused(() => OptionText.Names("--backend", text, "reference and simd"), "--backend", $"'{text}'", "reference and simd");

    private static void AssertRefused(Func<object> read, params string[] fragments)
    {
        string message = Assert.Throws<InputException>(() => { read(); }).Message;
        Assert.All(fragments, fragment => Assert.Contains(fragment, message, StringComparison.Ordinal));
    }
}
