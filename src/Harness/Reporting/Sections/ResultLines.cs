// Rows of summaries as lines over the number of clients or of parameters.
using FlGpu.Harness.Charts;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Reporting.Sections;

/// <summary>What a number of a summary grows with, and what stays the same along a line.</summary>
internal sealed record Along(string Word, string Symbol, Func<SummaryRow, int?> Of, Func<SummaryRow, int?> Held, Func<int?, string> HeldText)
{
    public static Along Clients { get; } = new("clients", "n", row => row.Clients, row => row.Parameters, held => Words.Count(held, "parameter"));

    public static Along Parameters { get; } = new("parameters", "d", row => row.Parameters, row => row.Clients, held => Words.Count(held, "client"));
}

/// <summary>Lines that belong into one chart. Everywhere is where all of them ran, empty where they differ in it.</summary>
internal sealed record LineGroup(RowKind Kind, int? Held, string Everywhere, IReadOnlyList<NamedLine> Lines)
{
    /// <summary>Where a line ran.</summary>
    public string RanOn(NamedLine line) => Words.Join(Everywhere, line.Variant);
}

internal static class ResultLines
{
    /// <summary>What a kind of rows times, in a word.</summary>
    public static string WordOf(RowKind kind) => kind switch
    {
        RowKind.Operation => "operation",
        RowKind.Defense => "aggregation",
        RowKind.Round => "whole round",
        _ => Words.Of(kind),
    };

    /// <summary>
    /// The lines of every kind of times, of all folders, with at least so many different places on the axis. Times under attack differ little from those without: where there are rows without
    /// attack, those are shown, and else those of the first attack. Of several partitions or step sizes, too, the first is shown.
    /// </summary>
    public static IReadOnlyList<LineGroup> Of(IReadOnlyList<ResultFolder> folders, Along along, int leastPlaces, Func<Result, Point?> pointAt)
    {
        List<Result> rows = [.. folders.SelectMany(folder => folder.Results).Where(r => r.Row is { Kind: not RowKind.Accuracy, Status: RowStatus.Ok })];
        rows =
        [
            .. rows.GroupBy(r => (r.Folder, r.Row.Kind)).SelectMany(group => OneAttack([.. group]))
                .DistinctBy(r => (r.Folder, r.Row.Kind, r.Row.Name, r.Row.Backend, r.Row.Threads, r.Row.Clients, r.Row.Malicious, r.Row.Parameters)),
        ];
        bool manyThreads = rows.GroupBy(r => (r.Folder, r.Row.Backend)).Any(group => group.Select(r => r.Row.Threads).Distinct().Count() > 1);
        string everywhere = rows.Select(r => r.Row.Backend).Distinct().Count() == 1 ? rows[0].Row.Backend : "";
        return
        [
            .. rows.GroupBy(r => (r.Row.Kind, Held: along.Held(r.Row))).Select(group => new LineGroup(
                group.Key.Kind, group.Key.Held, everywhere,
                [
                    .. group.GroupBy(r => (r.Row.Name, Variant: Variant(r, everywhere == "", manyThreads, folders.Count)))
                        .SelectMany(line => Split(line.Key.Name, line.Key.Variant, [.. line], along, pointAt))
                        .Where(line => line.Points.Select(point => point.X).Distinct().Count() >= leastPlaces),
                ])).Where(group => group.Lines.Count > 0).OrderBy(group => Place(group.Kind)),
        ];
    }

    // What the project is about comes first, and what that is made of last.
    private static int Place(RowKind kind) => kind switch { RowKind.Defense => 0, RowKind.Round => 1, _ => 2 };

    /// <summary>
    /// Charts of a group over the number of clients: lines, or where there is but one number, values below each other, with <paramref name="guide"/> across.
    /// </summary>
    public static IEnumerable<Figure> FiguresOverClients(LineGroup group, string title, Axis y, double guide)
    {
        (string, string)[] facets = [("time of", WordOf(group.Kind)), ("at", Along.Clients.HeldText(group.Held))];
        string subtitle = Words.Join(Along.Clients.HeldText(group.Held), SeriesSplit.Everywhere(group.Everywhere, group.Lines));
        double[] clients = [.. group.Lines.SelectMany(line => line.Points).Select(point => point.X).Distinct()];
        return clients.Length == 1
            ?
            [
                new([.. facets, ("lines", "")], new IntervalChart(
                    title, Words.Join(subtitle, Words.Count((int)clients[0], "client")), y.Log ? y : y with { Within = (0, guide) }, guide,
                    [.. group.Lines.Select(line => line.Variant).Distinct()],
                    [
                        .. group.Lines.GroupBy(line => line.Name).Select(row => new IntervalRow(row.Key, [.. row.Select(line => new Interval(
                            line.Variant, line.Points[0].Y, null, null, $"{Words.Join(line.Name, line.Variant)}: {Words.Short(line.Points[0].Y)} {y.Label}"))])),
                    ]).Draw()),
            ]
            : SeriesSplit.Of(group.Lines).Select(split => new Figure(
                [.. facets, ("lines", split.Part)],
                new LineChart(title, Words.Join(subtitle, split.Part), new Axis("clients n", Log: true), y, split.Series, guide).Draw()));
    }

    private static IEnumerable<Result> OneAttack(List<Result> rows)
    {
        string attack = rows.Exists(r => r.Row.Attack == "none") ? "none" : rows[0].Row.Attack;
        return rows.Where(r => r.Row.Attack == attack);
    }

    private static string Variant(Result result, bool manyBackends, bool manyThreads, int folders) => Words.Join(
        manyBackends ? result.Row.Backend : "", manyThreads ? Words.Count(result.Row.Threads ?? 0, "thread") : "", folders > 1 ? result.Folder.Name : "");

    // Several numbers of malicious clients for one number of clients are lines of their own.
    private static IEnumerable<NamedLine> Split(string name, string variant, List<Result> rows, Along along, Func<Result, Point?> pointAt)
    {
        bool byMalicious = rows.GroupBy(r => along.Of(r.Row)).Any(group => group.Count() > 1);
        return rows.GroupBy(r => byMalicious ? r.Row.Malicious : null)
            .Select(group => new NamedLine(
                group.Key is { } f ? $"{name} · f = {f}" : name, variant, [.. group.Select(pointAt).OfType<Point>().OrderBy(point => point.X)]));
    }
}
