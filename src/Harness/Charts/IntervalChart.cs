// Values with the intervals around them, a row each: what is more than what, and whether that is certain.
using System.Xml.Linq;

namespace FlGpu.Harness.Charts;

/// <summary>A value of a series in a row, the ends of the interval around it (null where there is none) and what a pointer shows on it.</summary>
internal sealed record Interval(string Series, double Value, double? Low, double? High, string Tip);

/// <summary>A name and its values, one a series at most, in the order in which they stand below each other.</summary>
internal sealed record IntervalRow(string Label, IReadOnlyList<Interval> Values);

/// <summary>A chart of marks with whiskers below each other; a stronger line stands at <paramref name="Guide"/>.</summary>
internal sealed record IntervalChart(string Title, string Subtitle, Axis X, double Guide, IReadOnlyList<string> Series, IReadOnlyList<IntervalRow> Rows)
{
    private const double Width = 480;
    private const double SeriesHeight = 9;
    private const double RowGap = 9;
    private const double MostLabelWidth = 190;
    private const int MostLabelLines = 4;
    private const double EndHeight = 3;
    private const int MostTicks = 8;

    // A mark without certainty must not squeeze all others into a corner: beyond so much of the values' range whiskers are cut off.
    private const double Beyond = 0.25;

    /// <summary>
    /// Draws it. Each series is a group "series" of marks with data-row, data-name, data-value and, with an interval, data-low and data-high.
    /// A whisker that goes on beyond the axis has no end.
    /// </summary>
    public XElement Draw()
    {
        (IReadOnlyList<XElement> title, double top) = Svg.Title(Title, Subtitle, Width);
        top += 10;
        IReadOnlyList<string>[] labels = [.. Rows.Select(row => TextMeasure.Fold(row.Label, MostLabelWidth, Svg.TextSize, MostLabelLines))];
        // A row is as high as its own marks, not as those of a row that all series have.
        double[] middles = new double[Rows.Count];
        double bottom = top;
        for (int row = 0; row < Rows.Count; row++)
        {
            double height = Math.Max((SeriesHeight * Rows[row].Values.Count) + RowGap, (Svg.LineHeight * labels[row].Count) + 4);
            middles[row] = bottom + (height / 2);
            bottom += height;
        }

        double left = 12 + labels.Max(lines => lines.Max(line => TextMeasure.Width(line, Svg.TextSize)));
        double right = Width - 22;
        Scale scale = ScaleOf();
        double Place(double value) => left + (scale.At(value) * (right - left));
        IReadOnlyList<Tick> ticks = scale.Ticks(MostTicks);
        bool withLegend = Series.Count > 1;
        (XElement legend, double legendHeight) = Legend.Draw(withLegend ? [.. Series.Select((series, i) => (series, Sample(SeriesStyle.Of(i))))] : [], bottom + 50, Width - 8);
        return Svg.Drawing(
            "intervals", Title, Width, bottom + 50 + legendHeight + (withLegend ? 8 : 0),
            title,
            ticks.Where(tick => tick.Label != "").Select(tick => Svg.GridLine(Place(tick.Value), top, Place(tick.Value), bottom)),
            Svg.Axis(left, top, left, bottom),
            scale.At(Guide) is > 0 and < 1 ? Svg.Axis(Place(Guide), top, Place(Guide), bottom) : null,
            ticks.Where(tick => tick.Label != "").Select(tick => Svg.Text(Place(tick.Value), bottom + 18, tick.Label, "middle", faint: true)),
            Svg.Text((left + right) / 2, bottom + 38, X.Label, "middle", faint: true),
            Rows.Select((row, i) => Svg.Name(left - 6, middles[i], row.Label, labels[i])),
            Series.Select((series, i) => Svg.Element(
                "g", Svg.At("class", $"series {SeriesStyle.Of(i).ColorClass}"), Svg.At("data-name", series),
                Rows.SelectMany((row, at) => row.Values.Select((value, place) => (value, place)).Where(mark => mark.value.Series == series).Select(mark => Mark(
                    mark.value, row.Label, SeriesStyle.Of(i), left, right, Place, middles[at] + (SeriesHeight * (mark.place - ((row.Values.Count - 1) / 2.0)))))))),
            new XElement(legend.Name, legend.Attributes(), Svg.At("transform", "translate(4 0)"), legend.Elements()));
    }

    private static XElement Mark(Interval interval, string row, SeriesStyle style, double left, double right, Func<double, double> place, double y)
    {
        XElement mark = Svg.Element(
            "g", Svg.At("class", "mark"), Svg.At("data-row", row), Svg.At("data-name", interval.Series), Svg.At("data-value", Svg.Exact(interval.Value)));
        if (interval is { Low: { } low, High: { } high })
        {
            (double from, double to) = (place(low), place(high));
            string End(double x) => x < left || x > right ? "" : $"M{Svg.Number(x)} {Svg.Number(y - EndHeight)}v{Svg.Number(2 * EndHeight)}";
            mark.Add(
                Svg.At("data-low", Svg.Exact(low)), Svg.At("data-high", Svg.Exact(high)),
                style.Line($"M{Svg.Number(Math.Max(from, left))} {Svg.Number(y)}H{Svg.Number(Math.Min(to, right))}{End(from)}{End(to)}"));
        }

        mark.Add(style.Markers([(place(interval.Value), y)]), Svg.Tip(interval.Tip));
        return mark;
    }

    private Scale ScaleOf()
    {
        double[] values = [.. Rows.SelectMany(row => row.Values).Select(value => value.Value), .. X.Within is { } within ? [within.From, within.To] : (double[])[]];
        (double least, double most) = (values.Min(), values.Max());
        double room = Beyond * (most - least);
        IEnumerable<double> shown =
        [
            .. values, .. Rows.SelectMany(row => row.Values).SelectMany(value => (double[])[value.Low ?? value.Value, value.High ?? value.Value])
                .Where(end => X.Log || (end >= least - room && end <= most + room)),
        ];
        return X.Log ? LogScale.Around(shown) : LinearScale.Around(shown, steps: MostTicks);
    }

    private static Func<double, double, XElement[]> Sample(SeriesStyle style) => (x, y) =>
        [Svg.Element("g", Svg.At("class", style.ColorClass), style.Line($"M{Svg.Number(x)} {Svg.Number(y)}h24"), style.Markers([(x + 12, y)]))];
}
