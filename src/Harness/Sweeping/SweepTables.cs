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
        if (rows.Count == 0)
        {
            return;
        }

        Write(screen, rows, AccuracyCell, "attack");
        foreach (string reason in rows.Where(row => row.Status != RowStatus.Ok).Select(row => $"{Word(row.Status)}: {row.Reason}").Distinct())
        {
            screen.Out.WriteLine(reason);
        }
    }

    /// <summary>Median time of an aggregation without attack or, where every case has one, under the first: how the defenses scale.</summary>
    public static void WriteTimes(Screen screen, IReadOnlyList<SummaryRow> summary)
    {
        IReadOnlyList<SummaryRow> rows = [.. summary.Where(row => row is { Kind: RowKind.Defense or RowKind.Operation, Status: RowStatus.Ok })];
        if (rows.Count > 0)
        {
            string attack = rows.Any(row => row.Attack == "none") ? "none" : rows[0].Attack;
            rows = [.. rows.Where(row => row.Attack == attack)];
            Write(screen, rows, row => row.MedianMs?.ToString("0.0000", CultureInfo.InvariantCulture) ?? "", always: null);
        }
    }

    // More defenses than this do not fit side by side on most screens.
    private const int MostColumns = 8;

    // Everything besides the defense that tells rows apart, in the order of the columns.
    private static readonly Axis[] s_axes =
    [
        new("backend", row => row.Backend),
        new("data", row => row.Dataset),
        new("partition", row => row.Partition),
        new("model", row => row.Model),
        new("clients", row => Text(row.Clients)),
        new("malicious", row => Text(row.Malicious)),
        new("parameters", row => Text(row.Parameters)),
        new("local epochs", row => Text(row.LocalEpochs)),
        new("learning rate", row => Text(row.LearningRate)),
        new("attack", row => row.Attack),
    ];

    private sealed record Axis(string Name, Func<SummaryRow, string> Of);

    /// <summary>A line for each combination of what differs between rows; of <paramref name="always"/> there is a column in any case.</summary>
    private static void Write(Screen screen, IReadOnlyList<SummaryRow> rows, Func<SummaryRow, string> cell, string? always)
    {
        string[] defenses = [.. rows.Select(row => row.Name).Distinct()];
        Axis[] axes = [.. s_axes.Where(axis => axis.Name == always || Differs(rows, axis))];
        IGrouping<string, SummaryRow>[] lines = [.. rows.GroupBy(row => string.Join('\n', axes.Select(axis => axis.Of(row))))];
        Table table = defenses.Length > MostColumns && defenses.Length > lines.Length
            ? Sideways(lines, [.. axes.Select(axis => axis.Name)], defenses, cell) : Upright(lines, axes, defenses, cell);
        screen.Console.Write(table);
    }

    private static Table Upright(
        IEnumerable<IGrouping<string, SummaryRow>> lines, Axis[] axes, string[] defenses, Func<SummaryRow, string> cell)
    {
        Table table = Screen.Table([.. axes.Select(axis => axis.Name), .. Headers(defenses)]);
        foreach (IGrouping<string, SummaryRow> line in lines)
        {
            IEnumerable<string> cells = [.. axes.Select(axis => axis.Of(line.First())), .. defenses.Select(defense => CellOf(line, defense, cell))];
            table.AddRow([.. cells.Select(Markup.Escape)]);
        }

        return table;
    }

    /// <summary>A line for each of many defenses, headed by what the columns are.</summary>
    private static Table Sideways(IGrouping<string, SummaryRow>[] lines, string[] axes, string[] defenses, Func<SummaryRow, string> cell)
    {
        Table table = Screen.Table([string.Join('\n', axes), .. lines.Select(line => line.Key)]);
        foreach ((string defense, string header) in defenses.Zip(Headers(defenses)))
        {
            IEnumerable<string> cells = [header, .. lines.Select(line => CellOf(line, defense, cell))];
            table.AddRow([.. cells.Select(Markup.Escape)]);
        }

        return table;
    }

    private static string CellOf(IEnumerable<SummaryRow> line, string defense, Func<SummaryRow, string> cell) =>
        line.FirstOrDefault(row => row.Name == defense) is { } row ? cell(row) : "";

    // A share of the clients gives other numbers for other clients, and the model follows from the data: neither needs a column then.
    // A case that could not run has no model and no parameters: that alone is no difference.
    private static bool Differs(IReadOnlyList<SummaryRow> rows, Axis axis)
    {
        IEnumerable<SummaryRow> known = rows.Where(row => axis.Of(row) is not ("" or "0") || axis.Name == "malicious");
        return axis.Name switch
        {
            "malicious" => known.Where(row => row.Kind != RowKind.Operation).GroupBy(row => Text(row.Clients)).Any(SeveralIn),
            "model" or "parameters" => known.GroupBy(row => row.Dataset).Any(SeveralIn),
            _ => SeveralIn(known),
        };

        bool SeveralIn(IEnumerable<SummaryRow> some) => some.Select(axis.Of).Distinct().Skip(1).Any();
    }

    private static string Text(IFormattable? value) => value?.ToString(null, CultureInfo.InvariantCulture) ?? "";

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
