// How does this defense scale? Time against clients or parameters, and the exponents of the lines.
using FlGpu.Harness.Charts;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Reporting.Sections;

internal static class ScalingSection
{
    public static Section Of(IReadOnlyList<ResultFolder> folders, Along along)
    {
        IReadOnlyList<LineGroup> groups = ResultLines.Of(folders, along, leastPlaces: 2, result => PointOf(result.Row, along));
        IReadOnlyList<Figure> figures = [.. groups.SelectMany(group => FiguresOf(group, along))];
        return new(
            $"time-{along.Word}", $"Time against {along.Word}",
            $"Median wall time of a call, with the quartiles as a band, on logarithmic axes. The exponent b of time ∝ {along.Symbol}^b is the slope of an "
            + "ordinary least-squares line through the logarithms of the medians; its 95 % confidence interval needs three points or more. "
            + "An interval that lies wholly above 1 says: slower than in proportion.",
            figures, figures.Count < 2 ? [] : [FitsOf(groups, along)]);
    }

    private static Point? PointOf(SummaryRow row, Along along) =>
        along.Of(row) is { } x && row.MedianMs is { } median ? new Point(x, median, row.Q1Ms, row.Q3Ms) : null;

    private static IEnumerable<Figure> FiguresOf(LineGroup group, Along along) => SeriesSplit.Of(group.Lines).Select(split => new Figure(
        [("time of", ResultLines.WordOf(group.Kind)), ("at", along.HeldText(group.Held)), ("lines", split.Part)],
        new LineChart(
            $"Time against {along.Word}: {ResultLines.WordOf(group.Kind)}",
            Words.Join(along.HeldText(group.Held), SeriesSplit.Everywhere(group.Everywhere, group.Lines), split.Part),
            new Axis($"{along.Word} {along.Symbol}", Log: true), new Axis("median ms of a call", Log: true), split.Series).Draw(),
        FitsOf(split.Series)));

    private static ReportTable FitsOf(IReadOnlyList<Series> series) => new(
        "exponents", "Fitted exponents", ["line", "exponent", "95 % from", "to", "points"],
        [
            .. from line in series
               let fit = PowerFit.Of(line.Points.Select(point => (point.X, point.Y)))
               where fit is not null
               select (IReadOnlyList<string>)[line.Name, Words.Exact(fit.Exponent), Words.Exact(fit.Low), Words.Exact(fit.High), Words.Exact(fit.Points)],
        ]);

    private static ReportTable FitsOf(IReadOnlyList<LineGroup> groups, Along along) => new(
        $"exponents-{along.Word}", "All exponents, with the ends of their 95 % confidence intervals",
        ["time of", "name", "ran on", along == Along.Clients ? "parameters" : "clients", "points", $"from {along.Symbol}", $"to {along.Symbol}", "exponent", "low", "high", "R²"],
        [
            .. from lineGroup in groups
               from line in lineGroup.Lines
               let fit = PowerFit.Of(line.Points.Select(point => (point.X, point.Y)))
               where fit is not null
               select (IReadOnlyList<string>)
               [
                   ResultLines.WordOf(lineGroup.Kind), line.Name, lineGroup.RanOn(line), Words.Exact(lineGroup.Held), Words.Exact(fit.Points),
                   Words.Exact(line.Points[0].X), Words.Exact(line.Points[^1].X), Words.Exact(fit.Exponent), Words.Exact(fit.Low), Words.Exact(fit.High),
                   Words.Exact(fit.RSquared),
               ],
        ]);
}
