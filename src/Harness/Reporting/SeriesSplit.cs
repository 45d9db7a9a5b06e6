// Which lines go into which chart, and how they are told apart.
using FlGpu.Harness.Charts;

namespace FlGpu.Harness.Reporting;

/// <summary>A line to be drawn: what it is of, where and how that ran (backend, folder), and its points.</summary>
internal sealed record NamedLine(string Name, string Variant, IReadOnlyList<Point> Points);

/// <summary>Charts are readable with so many lines and no more.</summary>
internal static class SeriesSplit
{
    private const int MostLines = 12;

    /// <summary>
    /// Series for one chart or several: all variants of a name in the same one, in one colour with different dashes, or each name in a
    /// style of its own where there is one variant. With each comes a text such as "1 to 6 of 9", empty for a single chart.
    /// </summary>
    public static IReadOnlyList<(string Part, IReadOnlyList<Series> Series)> Of(IReadOnlyList<NamedLine> lines)
    {
        string[] names = [.. lines.Select(line => line.Name).Distinct()];
        string[] variants = [.. lines.Select(line => line.Variant).Distinct()];
        int namesPerChart = Math.Max(MostLines / Math.Max(variants.Length, 1), 1);
        // 13 names in charts of 7 and 6, not of 12 and 1.
        int charts = (names.Length + namesPerChart - 1) / namesPerChart;
        int size = charts == 0 ? 1 : (names.Length + charts - 1) / charts;
        return
        [
            .. names.Chunk(size).Select((some, chart) => (
                charts == 1 ? "" : $"{(chart * size) + 1}{(some.Length == 1 ? "" : $" to {(chart * size) + some.Length}")} of {names.Length}",
                (IReadOnlyList<Series>)
                [
                    .. lines.Where(line => some.Contains(line.Name)).Select(line => new Series(
                        Words.Join(line.Name, variants.Length > 1 ? line.Variant : ""),
                        Style(Array.IndexOf(some, line.Name), Array.IndexOf(variants, line.Variant), some.Length, variants.Length), line.Points)),
                ])),
        ];
    }

    /// <summary>Where all lines ran: in one variant, the lines do not say which, so that the chart's subtitle must.</summary>
    public static string Everywhere(string known, IReadOnlyList<NamedLine> lines) =>
        Words.Join(known, lines.Select(line => line.Variant).Distinct().Count() == 1 ? lines[0].Variant : "");

    private static SeriesStyle Style(int name, int variant, int names, int variants) =>
        variants == 1 ? SeriesStyle.Of(name)
        : names == 1 ? SeriesStyle.Of(variant)
        // More variants than dashes go on in further colours.
        : new(name + (names * (variant / SeriesStyle.Dashes)), variant, name);
}
