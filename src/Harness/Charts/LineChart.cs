// Lines with markers, and bands around them, over linear or logarithmic axes.
using System.Text;
using System.Xml.Linq;

namespace FlGpu.Harness.Charts;

/// <summary>A place on a line, and how far a band reaches around it; no band where Low or High is null.</summary>
internal readonly record struct Point(double X, double Y, double? Low = null, double? High = null);

/// <summary>A named line. Points are connected in the order of X; what a logarithmic axis cannot show is left out.</summary>
internal sealed record Series(string Name, SeriesStyle Style, IReadOnlyList<Point> Points);

/// <summary>What an axis is called, and whether it is logarithmic. Where Within is given, the axis shows that range and all values, though not the whole of their bands.</summary>
internal sealed record Axis(string Label, bool Log = false, (double From, double To)? Within = null);

/// <summary>A chart of lines; a stronger one runs across at the height <paramref name="Guide"/>, if any.</summary>
internal sealed record LineChart(string Title, string Subtitle, Axis X, Axis Y, IReadOnlyList<Series> Series, double? Guide = null)
{
    private const double Width = 480;
    private const double PlotHeight = 250;
    private const double Right = 16;
    private const int MostMarkers = 14;

    /// <summary>Draws it. Each series is a group "series" whose data-points are "x y" or "x y low high", with semicolons between.</summary>
    public XElement Draw()
    {
        IReadOnlyList<Series> drawn = [.. Series.Select(series => series with
        {
            Points = [.. series.Points.Where(point => Fits(X, point.X) && Fits(Y, point.Y)).OrderBy(point => point.X)],
        })];
        Scale x = ScaleOf(X, drawn.SelectMany(series => series.Points).Select(point => point.X));
        // A band must not stretch an axis that has natural ends: an accuracy of 1 with a deviation is still none of 1.2.
        Scale y = ScaleOf(
            Y, drawn.SelectMany(series => series.Points).SelectMany(point => Y.Within is null ? (double[])[point.Y, point.Low ?? point.Y, point.High ?? point.Y] : [point.Y]));

        (IReadOnlyList<XElement> title, double titleHeight) = Svg.Title(Title, Subtitle, Width);
        double top = titleHeight + 26;
        double bottom = top + PlotHeight;
        IReadOnlyList<Tick> yTicks = y.Ticks(7);
        double left = 12 + yTicks.Max(tick => TextMeasure.Width(tick.Label, Svg.TextSize));
        double right = Width - Right;
        double PlaceX(double value) => left + (x.At(value) * (right - left));
        double PlaceY(double value) => bottom - (Math.Clamp(y.At(value), 0, 1) * PlotHeight);

        IReadOnlyList<Tick> xTicks = TicksThatFit(x, right - left);
        (XElement legend, double legendHeight) = Legend.Draw([.. drawn.Select(series => (series.Name, Sample(series.Style)))], bottom + 50, Width - 8);
        return Svg.Drawing(
            "lines", Title, Width, bottom + 50 + legendHeight + 8,
            Svg.At("data-x", X.Label), Svg.At("data-y", Y.Label),
            title,
            Svg.Text(4, titleHeight + 16, Y.Label, faint: true),
            yTicks.Where(tick => tick.Label != "").Select(tick => Svg.GridLine(left, PlaceY(tick.Value), right, PlaceY(tick.Value))),
            yTicks.Where(tick => tick.Label == "").Select(tick => Svg.Axis(left, PlaceY(tick.Value), left + 3, PlaceY(tick.Value))),
            xTicks.Where(tick => tick.Label != "").Select(tick => Svg.GridLine(PlaceX(tick.Value), top, PlaceX(tick.Value), bottom)),
            Guide is { } guide && y.At(guide) is > 0 and < 1 ? Svg.Axis(left, PlaceY(guide), right, PlaceY(guide)) : null,
            xTicks.Select(tick => Svg.Axis(PlaceX(tick.Value), bottom, PlaceX(tick.Value), bottom + (tick.Label == "" ? 3 : 5))),
            Svg.Axis(left, bottom, right, bottom),
            yTicks.Where(tick => tick.Label != "").Select(tick => Svg.Text(left - 6, PlaceY(tick.Value) + 4, tick.Label, "end", faint: true)),
            xTicks.Where(tick => tick.Label != "").Select(tick => Svg.Text(PlaceX(tick.Value), bottom + 18, tick.Label, "middle", faint: true)),
            Svg.Text((left + right) / 2, bottom + 38, X.Label, "middle", faint: true),
            drawn.Select(series => DrawSeries(series, PlaceX, PlaceY)),
            new XElement(legend.Name, legend.Attributes(), Svg.At("transform", "translate(4 0)"), legend.Elements()));
    }

    private static XElement DrawSeries(Series series, Func<double, double> x, Func<double, double> y)
    {
        IReadOnlyList<Point> points = series.Points;
        List<Point> banded = [.. points.Where(point => point is { Low: not null, High: not null })];
        int every = Math.Max((points.Count + MostMarkers - 1) / MostMarkers, 1);
        return Svg.Element(
            "g", Svg.At("class", $"series {series.Style.ColorClass}"), Svg.At("data-name", series.Name),
            Svg.At("data-points", string.Join(';', points.Select(Numbers))),
            Svg.At("data-places", string.Join(';', points.Select(point => $"{Svg.Number(x(point.X))} {Svg.Number(y(point.Y))}"))),
            banded.Count > 1
                ? series.Style.Band($"{Path(banded.Select(point => (x(point.X), y(point.High!.Value))))}L{Path(banded.AsEnumerable().Reverse().Select(point => (x(point.X), y(point.Low!.Value))))[1..]}z")
                : null,
            points.Count > 1 ? series.Style.Line(Path(points.Select(point => (x(point.X), y(point.Y))))) : null,
            points.Count > 0 ? series.Style.Markers(points.Where((_, i) => i % every == 0).Select(point => (x(point.X), y(point.Y)))) : null);
    }

    private static Func<double, double, XElement[]> Sample(SeriesStyle style) => (x, y) =>
    [
        Svg.Element(
            "g", Svg.At("class", style.ColorClass), style.Line($"M{Svg.Number(x)} {Svg.Number(y)}h24"), style.Markers([(x + 12, y)])),
    ];

    private static string Path(IEnumerable<(double X, double Y)> places)
    {
        StringBuilder path = new();
        foreach ((double x, double y) in places)
        {
            path.Append(path.Length == 0 ? 'M' : 'L').Append(Svg.Number(x)).Append(' ').Append(Svg.Number(y));
        }

        return path.ToString();
    }

    private static string Numbers(Point point) =>
        point is { Low: { } low, High: { } high }
            ? $"{Svg.Exact(point.X)} {Svg.Exact(point.Y)} {Svg.Exact(low)} {Svg.Exact(high)}"
            : $"{Svg.Exact(point.X)} {Svg.Exact(point.Y)}";

    private static bool Fits(Axis axis, double value) => double.IsFinite(value) && (!axis.Log || value > 0);

    private static Scale ScaleOf(Axis axis, IEnumerable<double> values)
    {
        IEnumerable<double> shown = axis.Within is { } within ? [within.From, within.To, .. values] : values;
        return axis.Log ? LogScale.Around(shown) : LinearScale.Around(shown);
    }

    // Labels are wide: fewer of them until they fit side by side.
    private static IReadOnlyList<Tick> TicksThatFit(Scale scale, double width)
    {
        for (int most = 9; ; most--)
        {
            IReadOnlyList<Tick> ticks = scale.Ticks(most);
            if (most <= 2 || !Crowded([.. ticks.Where(tick => tick.Label != "").OrderBy(tick => tick.Value)]))
            {
                return ticks;
            }
        }

        bool Crowded(Tick[] labelled) => labelled.Zip(labelled.Skip(1)).Any(pair =>
            (scale.At(pair.Second.Value) - scale.At(pair.First.Value)) * width
            < ((TextMeasure.Width(pair.First.Label, Svg.TextSize) + TextMeasure.Width(pair.Second.Label, Svg.TextSize)) / 2) + 8);
    }
}
