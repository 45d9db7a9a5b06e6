// Texts that must fit without a font to measure them with.
using FlGpu.Harness.Charts;

namespace FlGpu.Harness.Tests.Charts;

public sealed class TextMeasureTests
{
    private const string Long = "bucketing:s=2+geometric_median:tolerance=1e-6,iterations=100";

    [Theory]
    [InlineData("krum", 200, "krum")]
    [InlineData(Long, 1000, Long)]
    public void A_text_that_fits_stays_as_it_is(string text, double width, string expected) =>
        Assert.Equal(expected, TextMeasure.Shorten(text, width, 12));

    [Theory]
    [InlineData(60)]
    [InlineData(150)]
    [InlineData(300)]
    public void A_text_that_does_not_fit_keeps_its_beginning_and_its_end_and_uses_most_of_the_width(double width)
    {
        string shown = TextMeasure.Shorten(Long, width, 12);
        string[] ends = shown.Split('…');
        Assert.Equal(2, ends.Length);
        Assert.StartsWith(ends[0], Long, StringComparison.Ordinal);
        Assert.EndsWith(ends[1], Long, StringComparison.Ordinal);
        Assert.True(ends[0].Length >= ends[1].Length);
        Assert.InRange(TextMeasure.Width(shown, 12), width - 24, width);
    }

    [Fact]
    public void Where_not_even_three_letters_fit_there_is_an_ellipsis() => Assert.Equal("…", TextMeasure.Shorten(Long, 5, 12));

    [Fact]
    public void Lines_break_between_words_and_keep_all_of_them()
    {
        IReadOnlyList<string> lines = TextMeasure.Wrap("digits iid 30 clients, 6 malicious simd", 90, 12);
        Assert.True(lines.Count > 1);
        Assert.All(lines, line => Assert.True(TextMeasure.Width(line, 12) <= 90));
        Assert.Equal("digits iid 30 clients, 6 malicious simd", string.Join(' ', lines));
        Assert.Empty(TextMeasure.Wrap("", 90, 12));
    }

    [Theory]
    [InlineData(1000, 3, Long)]
    [InlineData(190, 4, "bucketing:s=2+|geometric_median:|tolerance=1e-6,|iterations=100")]
    [InlineData(260, 3, "bucketing:s=2+geometric_median:|tolerance=1e-6,iterations=100")]
    [InlineData(400, 2, "bucketing:s=2+geometric_median:tolerance=1e-6,|iterations=100")]
    public void A_name_breaks_after_its_separators_into_lines_that_fit(double width, int most, string lines)
    {
        IReadOnlyList<string> folded = TextMeasure.Fold(Long, width, 12, most);
        Assert.All(folded, line => Assert.True(TextMeasure.Width(line, 12) <= width));
        Assert.Equal(lines, string.Join('|', folded));
    }

    [Fact]
    public void The_last_line_that_a_name_may_have_is_shortened()
    {
        IReadOnlyList<string> folded = TextMeasure.Fold(Long, 150, 12, 2);
        Assert.Equal(2, folded.Count);
        Assert.Equal("bucketing:s=2+", folded[0]);
        Assert.Contains('…', folded[1]);
        Assert.Equal([""], TextMeasure.Fold("", 150, 12, 2));
        Assert.Equal(["krum ·", "cuda:0"], TextMeasure.Fold("krum · cuda:0", 60, 12, 2));
    }

    // Advance widths of DejaVu Sans, the widest of the fonts, in units of 1/2048 of the font size.
    [Theory]
    [InlineData('a', 1255)]
    [InlineData('m', 1995)]
    [InlineData('_', 1024)]
    [InlineData('0', 1303)]
    [InlineData('=', 1716)]
    [InlineData('W', 2025)]
    [InlineData('G', 1587)]
    [InlineData('.', 651)]
    [InlineData('(', 799)]
    [InlineData('r', 842)]
    [InlineData('f', 721)]
    public void No_letter_is_wider_than_it_is_taken_for(char letter, int advance) => Assert.True(TextMeasure.Width($"{letter}", 2048) >= advance);
}
