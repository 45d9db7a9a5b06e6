// The sections without charts: every row, the environment, and what did not run.
using System.Collections.Immutable;
using System.Text.Json;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Reporting.Sections;

internal static class TableSections
{
    /// <summary>Of accuracy.csv and timings.csv so many rows are embedded: what a browser still filters at once. A longer file is only named. The summary is always whole.</summary>
    private const int MostRows = 100_000;

    private static readonly ImmutableArray<string> s_problemColumns =
        ["folder", "status", "kind", "name", "attack", "backend", "clients", "malicious", "parameters", "seed", "rows", "reason"];

    private static readonly string[] s_worstFirst = [Words.Of(RowStatus.Failed), Words.Of(RowStatus.Timeout), Words.Of(RowStatus.Skipped), Words.Of(RowStatus.Ok)];

    public static Section Problems(IReadOnlyList<ResultFolder> folders)
    {
        IEnumerable<string[]> problems = folders.SelectMany(folder => ProblemsOf(folder).Select(problem => (string[])[folder.Name, .. problem]));
        IReadOnlyList<IReadOnlyList<string>> counted =
        [
            .. problems.GroupBy(problem => string.Join('\u001f', problem))
                .Select(group => (IReadOnlyList<string>)[.. group.First()[..^1], Words.Exact(group.Count()), group.First()[^1]])
                // What ended badly before warnings about what ended well.
                .OrderBy(problem => Array.IndexOf(s_worstFirst, problem[s_problemColumns.IndexOf("status")])),
        ];
        // Where all agree in having nothing, a column only takes the room of the reasons.
        int[] shown = [.. Enumerable.Range(0, s_problemColumns.Length).Where(column => counted.Any(problem => problem[column] != "") && (column > 0 || folders.Count > 1))];
        return new(
            "problems", "Skipped, failed and doubtful cases", "Every case that did not run or did not finish, with the reason, and warnings about those that did.", [],
            counted.Count == 0 ? [] :
            [
                new(
                    "problems", string.Join(", ", counted.GroupBy(problem => problem[s_problemColumns.IndexOf("status")]).Select(status =>
                        status.Key == Words.Of(RowStatus.Ok) ? Words.Count(status.Count(), "warning") : $"{Words.Whole(status.Count())} {status.Key}")), [.. shown.Select(column => s_problemColumns[column])],
                    [.. counted.Select(problem => (IReadOnlyList<string>)[.. shown.Select(column => problem[column])])], Filters: counted.Count > 10),
            ]);
    }

    public static Section Environment(IReadOnlyList<ResultFolder> folders)
    {
        IReadOnlyList<ResultFolder> known = [.. folders.Where(folder => folder.Environment is not null)];
        Dictionary<string, string>[] values = [.. known.Select(folder => Flatten(folder.Environment!.Value).ToDictionary())];
        return new(
            "environment", "Environment", "What the numbers depend on, from environment.json.", [],
            known.Count == 0 ? [] :
            [
                new(
                    "environment", known.Count == 1 ? "Machine, program and data" : "Machine, program and data of each folder", ["what", .. known.Select(folder => folder.Name)],
                    [.. values.SelectMany(value => value.Keys).Distinct().Select(key => (IReadOnlyList<string>)[key, .. values.Select(value => value.GetValueOrDefault(key, ""))])]),
            ]);
    }

    public static Section Rows(IReadOnlyList<ResultFolder> folders)
    {
        (string File, IReadOnlyList<(string Folder, TextTable Table)> Tables)[] files =
        [
            ("summary", [.. folders.Select(folder => (folder.Name, folder.SummaryTable))]),
            ("accuracy", [.. folders.Where(folder => folder.AccuracyTable is not null).Select(folder => (folder.Name, folder.AccuracyTable!))]),
            ("timings", [.. folders.Where(folder => folder.TimingTable is not null).Select(folder => (folder.Name, folder.TimingTable!))]),
        ];
        var embedded = files.Where(file => file.Tables.Sum(table => table.Table.Rows.Count) is > 0 and var rows && (file.File == "summary" || rows <= MostRows));
        string[] left = [.. files.Except(embedded).Where(file => file.Tables.Sum(table => table.Table.Rows.Count) > 0).Select(file =>
            $"{file.File}.csv with {Words.Count(file.Tables.Sum(table => table.Table.Rows.Count), "row")}")];
        return new(
            "rows", "All rows",
            "Filter by a part of a text, or by >, >=, <, <= or = and a number; click a heading to sort. What is shown can be saved."
            + (left.Length > 0 ? $" Too long for this page, but in the folder: {string.Join(" and ", left)}." : ""),
            [],
            [.. embedded.Select(file => Joined(file.File, file.Tables))]);
    }

    // Files of several folders, one under the other, with the columns of all of them.
    private static ReportTable Joined(string file, IReadOnlyList<(string Folder, TextTable Table)> tables)
    {
        string[] columns = [.. tables.SelectMany(table => table.Table.Columns).Distinct()];
        bool many = tables.Count > 1;
        List<IReadOnlyList<string>> rows = [];
        foreach ((string folder, TextTable table) in tables)
        {
            int[] places = [.. columns.Select(column => table.Columns.ToList().IndexOf(column))];
            rows.AddRange(table.Rows.Select(row => (IReadOnlyList<string>)[.. many ? [folder] : (string[])[], .. places.Select(place => place < 0 ? "" : row[place])]));
        }

        return new(file, $"{file}.csv, {Words.Count(rows.Count, "row")}", [.. many ? ["folder"] : (string[])[], .. columns], rows, Filters: true);
    }

    // Accuracy and timing rows tell of every seed; the summary, which has one row for all of them, where those are missing.
    private static IEnumerable<IReadOnlyList<string>> ProblemsOf(ResultFolder folder)
    {
        foreach (AccuracyRow row in folder.Accuracies.Where(row => row.Status != RowStatus.Ok || row.Reason != ""))
        {
            yield return Problem(
                RowKind.Accuracy, row.Defense, row.Attack, row.Backend, row.Clients, row.Malicious, row.Parameters, row.Seed.ToString(System.Globalization.CultureInfo.InvariantCulture), row.Status, row.Reason);
        }

        foreach (TimingRow row in folder.Timings.Where(row => row.Status != RowStatus.Ok || row.Reason != ""))
        {
            yield return Problem(row.Kind, row.Name, row.Attack, row.Backend, row.Clients, row.Malicious, row.Parameters, "", row.Status, row.Reason);
        }

        foreach (SummaryRow row in folder.Results.Select(result => result.Row).Where(row => row.Status != RowStatus.Ok || row.Reason != ""))
        {
            if (row.Kind == RowKind.Accuracy ? folder.AccuracyTable is null : folder.TimingTable is null)
            {
                yield return Problem(row.Kind, row.Name, row.Attack, row.Backend, row.Clients, row.Malicious, row.Parameters, "", row.Status, row.Reason);
            }
        }
    }

    private static IReadOnlyList<string> Problem(
        RowKind kind, string name, string attack, string backend, int? clients, int? malicious, int? parameters, string seed, RowStatus status, string reason) =>
        [Words.Of(status), Words.Of(kind), name, attack, backend, Words.Exact(clients), Words.Exact(malicious), Words.Exact(parameters), seed, reason];

    // git.revision, host.cpu_model, data.0.name: a line a value. Lists of words are one line.
    private static IEnumerable<KeyValuePair<string, string>> Flatten(JsonElement element, string path = "")
    {
        string Under(string name) => path == "" ? name : $"{path}.{name}";
        return element.ValueKind switch
        {
            JsonValueKind.Object => element.EnumerateObject().SelectMany(property => Flatten(property.Value, Under(property.Name))),
            JsonValueKind.Array when element.EnumerateArray().Any(item => item.ValueKind is JsonValueKind.Object or JsonValueKind.Array) =>
                element.EnumerateArray().SelectMany((item, i) => Flatten(item, Under($"{i}"))),
            JsonValueKind.Array => [new(path, string.Join(' ', element.EnumerateArray().Select(item => item.ToString())))],
            JsonValueKind.Null => [new(path, "unknown")],
            JsonValueKind.String => [new(path, element.GetString()!)],
            _ => [new(path, element.GetRawText())],
        };
    }
}
