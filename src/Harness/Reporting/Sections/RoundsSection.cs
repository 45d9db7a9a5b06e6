// How training goes: accuracy, or the success of the attack, after each round, with a band over the seeds.
using FlGpu.Harness.Charts;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Reporting.Sections;

internal static class RoundsSection
{
    public static Section Accuracy(IReadOnlyList<ResultFolder> folders) =>
        Of(folders, "accuracy-rounds", "Accuracy over rounds", "test accuracy", row => row.TestAccuracy);

    public static Section AttackSuccess(IReadOnlyList<ResultFolder> folders) =>
        Of(folders, "success-rounds", "Attack success over rounds", "attack success", row => row.AttackSuccess);

    private static Section Of(IReadOnlyList<ResultFolder> folders, string id, string title, string what, Func<AccuracyRow, double?> valueOf)
    {
        var rows = folders.SelectMany(folder => folder.Accuracies
            .Where(row => row is { Status: RowStatus.Ok, Round: not null } && valueOf(row) is not null)
            .Select(row => (Folder: folder, Row: row))).ToList();
        bool manyTrainings = rows.Select(r => (r.Row.LocalEpochs, r.Row.LearningRate)).Distinct().Count() > 1;
        bool manyModels = rows.Select(r => r.Row.Model).Distinct().Count() > 1;
        string everywhere = rows.Select(r => r.Row.Backend).Distinct().Count() == 1 ? rows[0].Row.Backend : "";
        return new(
            id, title, $"Mean {what} over the seeds; the band is one standard deviation (n - 1) on either side.",
            [
                .. from chart in rows.GroupBy(r => (r.Row.Dataset, r.Row.Partition, r.Row.Model, r.Row.Clients, r.Row.Malicious, r.Row.Attack, r.Row.LocalEpochs, r.Row.LearningRate))
                   where chart.Select(r => r.Row.Round).Distinct().Count() > 1
                   let training = Words.Training(chart.Key.LocalEpochs, chart.Key.LearningRate)
                   let lines = (IReadOnlyList<NamedLine>)
                   [
                       .. chart.GroupBy(r => (r.Row.Defense, Variant: Words.Join(everywhere == "" ? r.Row.Backend : "", folders.Count > 1 ? r.Folder.Name : ""))).Select(line => new NamedLine(
                           line.Key.Defense, line.Key.Variant,
                           [.. line.GroupBy(r => r.Row.Round!.Value).Select(round => MeanOf(round.Key, [.. round.Select(r => valueOf(r.Row)!.Value)]))])),
                   ]
                   from split in SeriesSplit.Of(lines)
                   select new Figure(
                       [
                           ("data", chart.Key.Dataset), ("partition", chart.Key.Partition), ("model", chart.Key.Model),
                           ("clients", Words.Federation(chart.Key.Clients, chart.Key.Malicious)), ("training", training), ("attack", chart.Key.Attack), ("lines", split.Part),
                       ],
                       new LineChart(
                           $"{char.ToUpperInvariant(what[0])}{what[1..]} under {(chart.Key.Attack == "none" ? "no attack" : chart.Key.Attack)}",
                           Words.Join(
                               chart.Key.Dataset, chart.Key.Partition, manyModels ? chart.Key.Model : "", Words.Federation(chart.Key.Clients, chart.Key.Malicious),
                               manyTrainings ? training : "", SeriesSplit.Everywhere(everywhere, lines), split.Part),
                           new Axis("round"), new Axis(what, Within: (0, 1)), split.Series).Draw()),
            ],
            []);
    }

    private static Point MeanOf(int round, double[] values)
    {
        double mean = values.Average();
        double? deviation = values.Length > 1 ? Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1)) : null;
        return new(round, mean, mean - deviation, mean + deviation);
    }
}
