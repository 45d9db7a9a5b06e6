// Horizontal bars, each stacked from the same parts.
using System.Xml.Linq;

namespace FlGpu.Harness.Charts;

/// <summary>A bar: one value, from 0 on, a part of the chart, and what a pointer shows on it.</summary>
internal sealed record Bar(string Label, IReadOnlyList<(double Value, string Tip)> Parts);

/// <summary>A chart of stacked bars below each other.</summary>
internal sealed record BarChart(string Title, string Subtitle, Axis X, IReadOnlyList<string> Parts, IReadOnlyList<Bar> Bars)
{
    private const double Width = 480;
    private const double LeastRowHeight = 24;
    private const double BarHeight = 16;
    private const double MostLabelWidth = 190;
    private const int MostLabelLines = 4;

    /// <summary>Draws it. Each part of a bar is a rectangle with data-bar, data-name and data-value, in a group "series" a part.</summary>
    public XElement Draw()
    {
        (IReadOnlyList<XElement> title, double top) = Svg.Title(Title, Subtitle, Width);
        top += 10;
        IReadOnlyList<string>[] labels = [.. Bars.Select(bar => TextMeasure.Fold(bar.Label, MostLabelWidth, Svg.TextSize, MostLabelLines))];
        double[] middles = new double[Bars.Count];
        double bottom = top;
        for (int row = 0; row < Bars.Count; row++)
        {
            double height = Math.Max(LeastRowHeight, (Svg.LineHeight * labels[row].Count) + 4);
            middles[row] = bottom + (height / 2);
            bottom += height;
        }

        double left = 12 + labels.Max(lines => lines.Max(line => TextMeasure.Width(line, Svg.TextSize)));
        double right = Width - 22;
        IEnumerable<double> ends = Bars.Select(bar => bar.Parts.Sum(part => part.Value)).Append(0);
        Scale scale = LinearScale.Around(X.Within is { } within ? [within.From, within.To, .. ends] : ends);
        double Place(double value) => left + (scale.At(value) * (right - left));
        IReadOnlyList<Tick> ticks = scale.Ticks(6);
        (XElement legend, double legendHeight) = Legend.Draw([.. Parts.Select((part, i) => (part, Sample(i)))], bottom + 50, Width - 8);
        return Svg.Drawing(
            "bars", Title, Width, bottom + 50 + legendHeight + 8,
            title,
            ticks.Select(tick => Svg.GridLine(Place(tick.Value), top, Place(tick.Value), bottom)),
            Svg.Axis(left, top, left, bottom),
            ticks.Select(tick => Svg.Text(Place(tick.Value), bottom + 18, tick.Label, "middle", faint: true)),
            Svg.Text((left + right) / 2, bottom + 38, X.Label, "middle", faint: true),
            Bars.Select((bar, row) => Svg.Name(left - 6, middles[row], bar.Label, labels[row])),
            Parts.Select((part, i) => Svg.Element(
                "g", Svg.At("class", $"series {SeriesStyle.Of(i).ColorClass}"), Svg.At("data-name", part),
                Bars.Select((bar, row) =>
                {
                    double before = bar.Parts.Take(i).Sum(earlier => earlier.Value);
                    (double value, string tip) = bar.Parts[i];
                    return Svg.Element(
                        "rect", Svg.At("class", "bar"), Svg.At("x", Place(before)), Svg.At("y", middles[row] - (BarHeight / 2)),
                        Svg.At("width", Place(before + value) - Place(before)), Svg.At("height", BarHeight), Svg.At("fill", SeriesStyle.Of(i).Hex),
                        Svg.At("data-bar", bar.Label), Svg.At("data-name", part), Svg.At("data-value", Svg.Exact(value)), Svg.Tip(tip));
                }))),
            new XElement(legend.Name, legend.Attributes(), Svg.At("transform", "translate(4 0)"), legend.Elements()));
    }

    private static Func<double, double, XElement[]> Sample(int i) => (x, y) =>
    [
        Svg.Element(
            "g", Svg.At("class", SeriesStyle.Of(i).ColorClass),
            Svg.Element("rect", Svg.At("class", "bar"), Svg.At("x", x + 6), Svg.At("y", y - 6), Svg.At("width", 16), Svg.At("height", 12), Svg.At("fill", SeriesStyle.Of(i).Hex))),
    ];
}
