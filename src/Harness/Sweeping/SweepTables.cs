// The tables that a sweep ends with: accuracy by attack and defense, and how long each defense took.
using System.Globalization;
using FlGpu.Harness.Recording;
using FlGpu.Kernels;
using Spectre.Console;

namespace FlGpu.Harness.Sweeping;

/// <summary>A summary as two tables whose columns are defenses.</summary>
public static class SweepTables
{
    /// <summary>Mean and deviation over seeds of the accuracy after the last round: a line for each backend, number of clients and attack.</summary>
    public static void WriteAccuracy(Screen screen, IReadOnlyList<SummaryRow> summary)
    {
        IReadOnlyList<SummaryRow> rows = [.. summary.Where(row => row.Kind == RowKind.Accuracy)];
        Write(screen, rows, row => (row.Backend, row.Clients, row.Attack), AccuracyCell, withAttack: true);
        foreach (string reason in rows.Where(row => row.Status != RowStatus.Ok).Select(row => $"{Word(row.Status)}: {row.Reason}").Distinct())
        {
            screen.Out.WriteLine(reason);
        }
    }

    /// <summary>Median time of an aggregation without attack or, where every case has one, under the first: how the defenses scale.</summary>
    public static void WriteTimes(Screen screen, IReadOnlyList<SummaryRow> summary)
    {
        IReadOnlyList<SummaryRow> rows = [.. summary.Where(row => row is { Kind: RowKind.Defense, Status: RowStatus.Ok })];
        if (rows.Count > 0)
        {
            string attack = rows.Any(row => row.Attack == "none") ? "none" : rows[0].Attack;
            rows = [.. rows.Where(row => row.Attack == attack)];
            Write(screen, rows, row => (row.Backend, row.Clients, ""), row => row.MedianMs?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "", withAttack: false);
        }
    }

    private static void Write(
        Screen screen, IReadOnlyList<SummaryRow> rows, Func<SummaryRow, (string Backend, int? Clients, string Attack)> lineOf, Func<SummaryRow, string> cell, bool withAttack)
    {
        string[] defenses = [.. rows.Select(row => row.Name).Distinct()];
        bool withBackend = rows.Select(row => row.Backend).Distinct().Count() > 1;
        bool withClients = !withAttack || rows.Select(row => row.Clients).Distinct().Count() > 1;
        Table table = Screen.Table(
            [.. withBackend ? ["backend"] : (string[])[], .. withClients ? ["clients"] : (string[])[], .. withAttack ? ["attack"] : (string[])[], .. Headers(defenses)]);
        foreach (var line in rows.GroupBy(lineOf))
        {
            string clients = line.Key.Clients?.ToString(CultureInfo.InvariantCulture) ?? "";
            IEnumerable<string> cells =
            [
                .. withBackend ? [line.Key.Backend] : (string[])[], .. withClients ? [clients] : (string[])[], .. withAttack ? [line.Key.Attack] : (string[])[],
                .. defenses.Select(defense => line.FirstOrDefault(row => row.Name == defense) is { } row ? cell(row) : ""),
            ];
            table.AddRow([.. cells.Select(Markup.Escape)]);
        }

        screen.Console.Write(table);
    }

    /// <summary>Names alone where they tell the defenses apart, with their parameters where they do not.</summary>
    private static IEnumerable<string> Headers(string[] defenses)
    {
        string[] names = [.. defenses.Select(defense => defense.Split(':')[0])];
        return defenses.Select((defense, i) => names.Count(name => name == names[i]) > 1 ? defense : names[i]);
    }

    private static string AccuracyCell(SummaryRow row) =>
        row.FinalAccuracyMean is not { } mean ? Word(row.Status)
        : row.FinalAccuracyDeviation is { } deviation ? string.Create(CultureInfo.InvariantCulture, $"{mean:0.000} ± {deviation:0.000}")
        : mean.ToString("0.000", CultureInfo.InvariantCulture);

    private static string Word(RowStatus status) => Operations.SnakeCase(status.ToString());
}
