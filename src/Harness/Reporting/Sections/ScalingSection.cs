// How does this defense scale? Time against clients or parameters, and the exponents of the lines.
using System.Globalization;
using FlGpu.Harness.Charts;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Reporting.Sections;

internal static class ScalingSection
{
    // Fewer exponents stand beside their lines, and a chart of them says nothing more.
    private const int FewestToCompare = 3;

    public static Section Times(IReadOnlyList<ResultFolder> folders, Along along) => new(
        $"time-{along.Word}", $"Time against {along.Word}",
        $"Median wall time of a call, with the quartiles as a band, on logarithmic axes. The exponent b of time ∝ {along.Symbol}^b is the slope of an "
        + "ordinary least-squares line through the logarithms of the medians; its 95 % confidence interval needs three points or more. "
        + "An interval that lies wholly above 1 says: slower than in proportion.",
        [.. GroupsOf(folders, along).SelectMany(group => FiguresOf(group, along))], []);

    /// <summary>The exponents of all lines side by side, in order: which rule can be afforded when there are more of them?</summary>
    public static Section Exponents(IReadOnlyList<ResultFolder> folders, Along along)
    {
        (LineGroup Group, IReadOnlyList<Growth> Growths)[] groups = [.. GroupsOf(folders, along).Select(group => (group, GrowthsOf(group)))];
        return new(
            $"growth-{along.Word}", $"Growth with {along.Word}",
            $"The exponents b of time ∝ {along.Symbol}^b, least first (by the first of several backends), with their 95 % confidence intervals; a whisker without an end goes on beyond the chart. "
            + $"1 is in proportion: twice the {along.Word} take twice the time. What a call costs in any case makes b small where small sizes are among the points; "
            + "the column at the end is the slope between the two largest.",
            [
                .. groups.Where(g => g.Growths.Count >= FewestToCompare).Select(g => new Figure(
                    [("time of", ResultLines.WordOf(g.Group.Kind)), ("at", along.HeldText(g.Group.Held))], Draw(g.Group, g.Growths, along))),
            ],
            groups.Sum(g => g.Growths.Count) < FewestToCompare ? [] : [TableOf(groups, along)]);
    }

    private static IReadOnlyList<LineGroup> GroupsOf(IReadOnlyList<ResultFolder> folders, Along along) =>
        ResultLines.Of(folders, along, leastPlaces: 2, result => PointOf(result.Row, along));

    private static Point? PointOf(SummaryRow row, Along along) =>
        along.Of(row) is { } x && row.MedianMs is { } median ? new Point(x, median, row.Q1Ms, row.Q3Ms) : null;

    private static IEnumerable<Figure> FiguresOf(LineGroup group, Along along) => SeriesSplit.Of(group.Lines).Select(split => new Figure(
        [("time of", ResultLines.WordOf(group.Kind)), ("at", along.HeldText(group.Held)), ("lines", split.Part)],
        new LineChart(
            $"Time against {along.Word}: {ResultLines.WordOf(group.Kind)}",
            Words.Join(along.HeldText(group.Held), SeriesSplit.Everywhere(group.Everywhere, group.Lines), split.Part),
            new Axis($"{along.Word} {along.Symbol}", Log: true), new Axis("median ms of a call", Log: true), split.Series).Draw(),
        FitsOf(string.Join('-', ((string[])["exponents", along.Word, Words.Of(group.Kind), Words.Exact(group.Held), split.Part.Replace(' ', '-')]).Where(part => part != "")), split.Series)));

    private static ReportTable FitsOf(string name, IReadOnlyList<Series> series) => new(
        name, "Fitted exponents", ["line", "exponent", "95 % from", "to", "points"],
        [
            .. from line in series
               let fit = PowerFit.Of(line.Points.Select(point => (point.X, point.Y)))
               where fit is not null
               select (IReadOnlyList<string>)[line.Name, Words.Exact(fit.Exponent), Words.Exact(fit.Low), Words.Exact(fit.High), Words.Exact(fit.Points)],
        ]);

    private static IReadOnlyList<Growth> GrowthsOf(LineGroup group) =>
    [
        .. from line in @group.Lines
           let fit = PowerFit.Of(line.Points.Select(point => (point.X, point.Y)))
           where fit is not null
           select new Growth(line, fit),
    ];

    private static System.Xml.Linq.XElement Draw(LineGroup group, IReadOnlyList<Growth> growths, Along along)
    {
        string[] variants = [.. growths.Select(growth => growth.Line.Variant).Distinct()];
        var rows = growths.GroupBy(growth => growth.Line.Name).OrderBy(row => row.First().Fit.Exponent);
        return new IntervalChart(
            $"Growth with {along.Word}: {ResultLines.WordOf(group.Kind)}",
            Words.Join(along.HeldText(group.Held), SeriesSplit.Everywhere(group.Everywhere, group.Lines)),
            new Axis($"exponent b of time ∝ {along.Symbol}^b", Within: (0, 1)), Guide: 1, variants,
            [
                .. rows.Select(row => new IntervalRow(row.Key, [.. row.Select(growth => new Interval(
                    growth.Line.Variant, growth.Fit.Exponent, growth.Fit.Low, growth.Fit.High, TipOf(growth)))])),
            ]).Draw();
    }

    private static string TipOf(Growth growth)
    {
        string interval = growth.Fit is { Low: { } low, High: { } high } ? $" (95 %: {Digits(low)} to {Digits(high)})" : ", two points only";
        return $"{Words.Join(growth.Line.Name, growth.Line.Variant)}: {Digits(growth.Fit.Exponent)}{interval}, from {Words.Whole(growth.Line.Points[0].X)} to {Words.Whole(growth.Line.Points[^1].X)}";

        static string Digits(double value) => value.ToString("0.00", CultureInfo.InvariantCulture);
    }

    private static ReportTable TableOf(IEnumerable<(LineGroup Group, IReadOnlyList<Growth> Growths)> groups, Along along)
    {
        IReadOnlyList<IReadOnlyList<string>> rows =
        [
            .. from g in groups
               from growth in g.Growths
               let points = growth.Line.Points
               let fit = growth.Fit
               select (IReadOnlyList<string>)
               [
                   ResultLines.WordOf(g.Group.Kind), growth.Line.Name, g.Group.RanOn(growth.Line), Words.Exact(g.Group.Held), Words.Exact(fit.Points),
                   Words.Exact(points[0].X), Words.Exact(points[^1].X), Words.Exact(fit.Exponent), Words.Exact(fit.Low), Words.Exact(fit.High),
                   Words.Exact(fit.RSquared), Words.Exact(PowerFit.Of(points.TakeLast(2).Select(point => (point.X, point.Y)))?.Exponent),
               ],
        ];
        return new(
            $"exponents-{along.Word}", "All exponents, with the ends of their 95 % confidence intervals",
            [
                "time of", "name", "ran on", along == Along.Clients ? "parameters" : "clients", "points", $"from {along.Symbol}", $"to {along.Symbol}", "exponent", "low", "high", "R²",
                "at the end",
            ],
            rows, Filters: rows.Count > ReportTable.MostUnfiltered);
    }

    private sealed record Growth(NamedLine Line, PowerFit Fit);
}
