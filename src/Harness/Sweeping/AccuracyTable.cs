// The table that a sweep ends with: accuracy by attack and defense.
using System.Globalization;
using FlGpu.Harness.Recording;
using FlGpu.Kernels;
using Spectre.Console;

namespace FlGpu.Harness.Sweeping;

/// <summary>Mean and deviation over seeds of the accuracy after the last round; rows are attacks, columns defenses.</summary>
public static class AccuracyTable
{
    /// <summary>Writes the accuracy rows of a summary, a line for each backend, number of clients and attack.</summary>
    public static void Write(Screen screen, IReadOnlyList<SummaryRow> summary)
    {
        IReadOnlyList<SummaryRow> rows = [.. summary.Where(row => row.Kind == RowKind.Accuracy)];
        string[] defenses = [.. rows.Select(row => row.Name).Distinct()];
        bool manyBackends = rows.Select(row => row.Backend).Distinct().Count() > 1;
        bool manyClients = rows.Select(row => row.Clients).Distinct().Count() > 1;
        Table table = Screen.Table([.. manyBackends ? ["backend"] : (string[])[], .. manyClients ? ["clients"] : (string[])[], "attack", .. Headers(defenses)]);
        foreach (var line in rows.GroupBy(row => (row.Backend, row.Clients, row.Attack)))
        {
            List<string> cells = [];
            if (manyBackends)
            {
                cells.Add(line.Key.Backend);
            }

            if (manyClients)
            {
                cells.Add(line.Key.Clients?.ToString(CultureInfo.InvariantCulture) ?? "");
            }

            cells.Add(line.Key.Attack);
            cells.AddRange(defenses.Select(defense => Cell(line.FirstOrDefault(row => row.Name == defense))));
            table.AddRow([.. cells.Select(Markup.Escape)]);
        }

        screen.Console.Write(table);
        foreach (string reason in rows.Where(row => row.Status != RowStatus.Ok).Select(row => $"{row.Status.ToString().ToLowerInvariant()}: {row.Reason}").Distinct())
        {
            screen.Out.WriteLine(reason);
        }
    }

    /// <summary>Names alone where they tell the defenses apart, with their parameters where they do not.</summary>
    private static IEnumerable<string> Headers(string[] defenses)
    {
        string[] names = [.. defenses.Select(defense => defense.Split(':')[0])];
        return defenses.Select((defense, i) => names.Count(name => name == names[i]) > 1 ? defense : names[i]);
    }

    private static string Cell(SummaryRow? row) =>
        row?.FinalAccuracyMean is not { } mean ? row is null ? "" : row.Status.ToString().ToLowerInvariant()
        : row.FinalAccuracyDeviation is { } deviation ? string.Create(CultureInfo.InvariantCulture, $"{mean:0.000} ± {deviation:0.000}")
        : mean.ToString("0.000", CultureInfo.InvariantCulture);
}
