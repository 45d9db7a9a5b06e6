// Where the time of a round goes: training, the attack, aggregation and evaluation.
using FlGpu.Harness.Charts;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Reporting.Sections;

internal static class RoundShareSection
{
    private static readonly (string Name, Func<AccuracyRow, double?> Ms)[] s_parts =
    [
        ("train", row => row.TrainMs), ("attack", row => row.AttackMs), ("aggregate", row => row.AggregateMs), ("evaluate", row => row.EvaluateMs),
    ];

    public static Section Of(IReadOnlyList<ResultFolder> folders)
    {
        var rows = folders.SelectMany(folder => folder.Accuracies
            .Where(row => row is { Status: RowStatus.Ok, Round: > 1 } && s_parts.All(part => part.Ms(row) is not null))
            .Select(row => (Folder: folder, Row: row))).ToList();
        var charts = rows.GroupBy(r => (r.Row.Dataset, r.Row.Model, r.Row.Parameters, r.Row.Clients)).Select(chart => (
            chart.Key,
            Bars: chart.GroupBy(r => (r.Row.Defense, r.Row.Backend, r.Folder, r.Row.LocalEpochs, r.Row.LearningRate)).Select(bar => (
                bar.Key, Rounds: bar.Count(), Ms: s_parts.Select(part => bar.Sum(r => part.Ms(r.Row)!.Value)).ToArray())).ToList())).ToList();
        bool manyBackends = rows.Select(r => r.Row.Backend).Distinct().Count() > 1;
        bool manyFolders = folders.Count > 1;
        bool manyTrainings = rows.Select(r => (r.Row.LocalEpochs, r.Row.LearningRate)).Distinct().Count() > 1;
        return new(
            "round-shares", "Where a round's time goes",
            "Time in each part of a round, summed over all attacks, partitions, seeds and rounds but the first of each run, which includes compilation.",
            [
                .. charts.Select(chart => new Figure(
                    [("data", chart.Key.Dataset), ("clients", Words.Whole(chart.Key.Clients)), ("parameters", Words.Whole(chart.Key.Parameters))],
                    new BarChart(
                        "Share of a round's time", Words.Join(chart.Key.Dataset, $"{Words.Whole(chart.Key.Clients)} clients", $"{Words.Whole(chart.Key.Parameters)} parameters"),
                        new Axis("% of the round", Within: (0, 100)), [.. s_parts.Select(part => part.Name)],
                        [
                            .. chart.Bars.Select(bar =>
                            {
                                string label = Words.Join(
                                    bar.Key.Defense, manyBackends ? bar.Key.Backend : "", manyTrainings ? Words.Training(bar.Key.LocalEpochs, bar.Key.LearningRate) : "",
                                    manyFolders ? bar.Key.Folder.Name : "");
                                double total = bar.Ms.Sum();
                                return new Bar(label, [.. s_parts.Zip(bar.Ms, (part, ms) => (
                                    total > 0 ? 100 * ms / total : 0,
                                    $"{label}, {part.Name}: {Words.Percent(total > 0 ? ms / total : 0)}, {Words.Milliseconds(ms / bar.Rounds)} a round"))]);
                            }),
                        ]).Draw())),
            ],
            charts.Count == 0 ? [] :
            [
                new(
                    "round-shares", "Mean milliseconds a round in each part",
                    [
                        .. manyFolders ? ["folder"] : (string[])[], "data", "clients", "parameters", "defense", .. manyTrainings ? ["training"] : (string[])[], "backend", "rounds",
                        .. s_parts.Select(part => $"{part.Name} ms"),
                    ],
                    [
                        .. from chart in charts
                           from bar in chart.Bars
                           select (IReadOnlyList<string>)
                           [
                               .. manyFolders ? [bar.Key.Folder.Name] : (string[])[], chart.Key.Dataset, Words.Exact(chart.Key.Clients), Words.Exact(chart.Key.Parameters),
                               bar.Key.Defense, .. manyTrainings ? [Words.Training(bar.Key.LocalEpochs, bar.Key.LearningRate)] : (string[])[], bar.Key.Backend,
                               Words.Exact(bar.Rounds), .. bar.Ms.Select(ms => Words.Exact(ms / bar.Rounds)),
                           ],
                    ]),
            ]);
    }
}
