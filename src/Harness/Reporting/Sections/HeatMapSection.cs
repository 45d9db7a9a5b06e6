// The project's table: defense by attack.
using System.Globalization;
using FlGpu.Harness.Charts;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Reporting.Sections;

internal static class HeatMapSection
{
    public static Section Accuracy(IReadOnlyList<ResultFolder> folders) => Of(
        folders, "heat-accuracy", "Accuracy: defense by attack",
        "Test accuracy after the last round in percent, mean over the seeds: bright is good.",
        "Accuracy after the last round, %", row => row.FinalAccuracyMean, ColorRamp.Cividis);

    public static Section AttackSuccess(IReadOnlyList<ResultFolder> folders) => Of(
        folders, "heat-success", "Attack success: defense by attack",
        "Attacked test samples that get the attacker's label after the last round, in percent, mean over the seeds: dark is good. Attacks without a target have none.",
        "Attack success after the last round, %", row => row.FinalAttackSuccessMean, ColorRamp.Inferno);

    private static Section Of(
        IReadOnlyList<ResultFolder> folders, string id, string title, string intro, string chartTitle, Func<SummaryRow, double?> valueOf, ColorRamp ramp)
    {
        Result[] results = [.. folders.SelectMany(folder => folder.Results).Where(result => result.Row.Kind == RowKind.Accuracy)];
        bool manyTrainings = results.Select(result => (result.Row.LocalEpochs, result.Row.LearningRate)).Distinct().Count() > 1;
        bool manyModels = results.Select(result => result.Row.Model).Distinct().Count() > 1;
        return new(
            id, title, intro,
            [
                .. from map in results.GroupBy(result => (
                       result.Folder, result.Row.Dataset, result.Row.Partition, result.Row.Model, result.Row.Backend, result.Row.Clients, result.Row.Malicious, result.Row.Parameters,
                       result.Row.LocalEpochs, result.Row.LearningRate))
                   let training = Words.Training(map.Key.LocalEpochs, map.Key.LearningRate)
                   let rows = map.Select(result => result.Row).ToList()
                   where rows.Exists(row => valueOf(row) is not null)
                   select new Figure(
                       [
                           ("folder", map.Key.Folder.Name), ("data", map.Key.Dataset), ("partition", map.Key.Partition), ("backend", map.Key.Backend),
                           ("model", map.Key.Model), ("clients", Words.Federation(map.Key.Clients, map.Key.Malicious)), ("parameters", Words.Whole(map.Key.Parameters)),
                           ("training", training),
                       ],
                       Draw(
                           chartTitle,
                           Words.Join(
                               folders.Count > 1 ? map.Key.Folder.Name : "", map.Key.Dataset, map.Key.Partition, manyModels ? map.Key.Model : "",
                               Words.Federation(map.Key.Clients, map.Key.Malicious), map.Key.Backend, manyTrainings ? training : ""),
                           [.. rows.Where(row => rows.Exists(other => other.Attack == row.Attack && valueOf(other) is not null)).Select(row => (row.Name, row.Attack, CellOf(row, valueOf)))],
                           ramp)),
            ],
            []);
    }

    /// <summary>A heat map of cells given by defense and attack, in the order in which these first appear.</summary>
    internal static System.Xml.Linq.XElement Draw(string title, string subtitle, IReadOnlyList<(string Defense, string Attack, Cell Cell)> cells, ColorRamp ramp)
    {
        string[] defenses = [.. cells.Select(cell => cell.Defense).Distinct()];
        string[] attacks = [.. cells.Select(cell => cell.Attack).Distinct()];
        Dictionary<(string, string), Cell> byPlace = [];
        foreach ((string defense, string attack, Cell cell) in cells)
        {
            byPlace.TryAdd((defense, attack), cell);
        }

        return new HeatMap(
            title, subtitle, "defense", "attack", defenses, attacks,
            [
                .. defenses.Select(defense => (IReadOnlyList<Cell>)
                [
                    .. attacks.Select(attack => byPlace.TryGetValue((defense, attack), out Cell cell) ? cell : new Cell(null, "", $"{defense} {Under(attack)}: not run")),
                ]),
            ],
            ramp, 0, 100).Draw();
    }

    internal static string Under(string attack) => attack == "none" ? "without attack" : $"under {attack}";

    /// <summary>A share of 0 to 1 as a cell in percent.</summary>
    internal static Cell CellOf(string defense, string attack, double share, string more)
    {
        double percent = 100 * share;
        return new(percent, percent.ToString("0", CultureInfo.InvariantCulture), $"{defense} {Under(attack)}: {Words.Percent(share)}{more}");
    }

    private static Cell CellOf(SummaryRow row, Func<SummaryRow, double?> valueOf)
    {
        if (valueOf(row) is not { } value)
        {
            string why = row.Status == RowStatus.Ok ? "no value" : $"{Words.Of(row.Status)}: {row.Reason}";
            return new(null, row.Status == RowStatus.Ok ? "" : "–", $"{row.Name} {Under(row.Attack)}: {why}");
        }

        string deviation = row is { FinalAccuracyDeviation: { } sigma } && value == row.FinalAccuracyMean ? $" ± {Words.Percent(sigma)}" : "";
        return CellOf(row.Name, row.Attack, value, $"{deviation}, {Words.Count(row.Seeds ?? 0, "seed")}");
    }
}
