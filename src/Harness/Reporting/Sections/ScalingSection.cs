// How does this defense scale? Time against clients or parameters, and the exponents of the lines.
using FlGpu.Harness.Charts;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Reporting.Sections;

internal static class ScalingSection
{
    public static Section Of(IReadOnlyList<ResultFolder> folders, Along along)
    {
        List<LineGroup> groups =
        [
            .. ResultLines.Of(folders, along, result => PointOf(result.Row, along))
                .Where(group => group.Lines.Any(line => line.Points.Select(point => point.X).Distinct().Count() > 1)),
        ];
        return new(
            $"time-{along.Word}", $"Time against {along.Word}",
            $"Median wall time of a call, with the quartiles as a band, on logarithmic axes. The exponent b of time ∝ {along.Symbol}^b is the slope of an "
            + "ordinary least-squares line through the logarithms of the medians; its 95 % confidence interval needs three points or more. "
            + "An interval that lies wholly above 1 says: slower than in proportion.",
            [.. groups.SelectMany(group => FiguresOf(group, along))],
            groups.Count == 0 ? [] : [FitTable(groups, along)]);
    }

    private static Point? PointOf(SummaryRow row, Along along) =>
        along.Of(row) is { } x && row.MedianMs is { } median ? new Point(x, median, row.Q1Ms, row.Q3Ms) : null;

    private static IEnumerable<Figure> FiguresOf(LineGroup group, Along along) => SeriesSplit.Of(group.Lines).Select(split => new Figure(
        [("time of", ResultLines.WordOf(group.Kind)), ("at", along.HeldText(group.Held)), ("lines", split.Part)],
        new LineChart(
            $"Time against {along.Word}: {ResultLines.WordOf(group.Kind)}",
            Words.Join(along.HeldText(group.Held), OnlyVariant(group.Lines), split.Part),
            new Axis($"{along.Word} {along.Symbol}", Log: true), new Axis("median ms of a call", Log: true), split.Series).Draw()));

    /// <summary>Where everything ran in one way the lines do not say it, so that the subtitle must.</summary>
    internal static string OnlyVariant(IReadOnlyList<NamedLine> lines) =>
        lines.Select(line => line.Variant).Distinct().Count() == 1 ? lines[0].Variant : "";

    private static ReportTable FitTable(IReadOnlyList<LineGroup> groups, Along along) => new(
        $"exponents-{along.Word}", $"Exponents of time against {along.Word}, with their 95 % confidence intervals",
        ["time of", "name", "ran on", along == Along.Clients ? "parameters" : "clients", "points", $"from {along.Symbol}", $"to {along.Symbol}", "exponent", "low", "high", "R²"],
        [
            .. from lineGroup in groups
               from line in lineGroup.Lines
               let fit = PowerFit.Of(line.Points.Select(point => (point.X, point.Y)))
               where fit is not null
               select (IReadOnlyList<string>)
               [
                   ResultLines.WordOf(lineGroup.Kind), line.Name, line.Variant, Words.Exact(lineGroup.Held), Words.Exact(fit.Points),
                   Words.Exact(line.Points[0].X), Words.Exact(line.Points[^1].X), Words.Exact(fit.Exponent), Words.Exact(fit.Low), Words.Exact(fit.High),
                   Words.Exact(fit.RSquared),
               ],
        ]);
}
