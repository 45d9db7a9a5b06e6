// What a folder of results holds, as far as it is there: an unfinished sweep and one of which only the summary was kept make a report too.
using System.Text.Json;
using FlGpu.Harness.Recording;
using FlGpu.Kernels;

namespace FlGpu.Harness.Reporting;

/// <summary>A row of summary.csv and where it comes from.</summary>
internal sealed record Result(ResultFolder Folder, SummaryRow Row);

/// <summary>The files of one folder. Those that are missing are empty, and a missing summary is derived from the others.</summary>
internal sealed class ResultFolder
{
    private ResultFolder(string name, string path)
    {
        Name = name;
        string File(string file) => Path.Combine(path, file);
        bool Has(string file) => System.IO.File.Exists(File(file));

        // A sweep may be at work on these two, or was killed over them.
        Timings = CsvTable<TimingRow>.ReadWhole(File("timings.csv"));
        Accuracies = CsvTable<AccuracyRow>.ReadWhole(File("accuracy.csv"));
        IReadOnlyList<SummaryRow> summary = Has("summary.csv")
            ? CsvTable<SummaryRow>.Read(File("summary.csv"))
            : Summary.Of(Timings, Accuracies, []);
        SummaryTable = Has("summary.csv") ? TextTable.Read(File("summary.csv")) : TableOf(summary);
        TimingTable = Has("timings.csv") ? TextTable.Read(File("timings.csv")).First(Timings.Count) : null;
        AccuracyTable = Has("accuracy.csv") ? TextTable.Read(File("accuracy.csv")).First(Accuracies.Count) : null;
        Results = [.. summary.Select(row => new Result(this, row))];
        Environment = Has("environment.json") ? ReadJson(File("environment.json")) : null;
    }

    /// <summary>What distinguishes it from the other folders of the report.</summary>
    public string Name { get; }

    public IReadOnlyList<TimingRow> Timings { get; }

    public IReadOnlyList<AccuracyRow> Accuracies { get; }

    public IReadOnlyList<Result> Results { get; }

    public TextTable SummaryTable { get; }

    public TextTable? TimingTable { get; }

    public TextTable? AccuracyTable { get; }

    public JsonElement? Environment { get; }

    /// <summary>Reads folders, which are named by as much of their paths as tells them apart.</summary>
    /// <exception cref="InputException">A folder is missing, is given twice, holds no CSV or one that cannot be read.</exception>
    public static IReadOnlyList<ResultFolder> ReadAll(IReadOnlyList<string> paths)
    {
        string[] full = [.. paths.Select(path => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path)))];
        foreach ((string path, string folder) in paths.Zip(full))
        {
            if (!Directory.Exists(folder))
            {
                throw new InputException($"'{path}' is no folder; a folder with summary.csv, accuracy.csv or timings.csv is expected");
            }

            if (!s_tables.Any(table => File.Exists(Path.Combine(folder, table))))
            {
                throw new InputException($"'{path}' has none of {string.Join(", ", s_tables)}; a folder that `flgpu sweep` wrote is expected");
            }

            if (full.Count(other => other == folder) > 1)
            {
                throw new InputException($"'{path}' is given twice; a folder is compared with others, not with itself");
            }
        }

        return [.. NamesOf(full).Zip(full, (name, folder) => new ResultFolder(name, folder))];
    }

    private static readonly string[] s_tables = ["summary.csv", "accuracy.csv", "timings.csv"];

    /// <summary>The last part of each path, and as many parts before it as they need to differ.</summary>
    internal static IReadOnlyList<string> NamesOf(IReadOnlyList<string> paths)
    {
        string[][] parts = [.. paths.Select(path => path.Split(Path.DirectorySeparatorChar, StringSplitOptions.RemoveEmptyEntries))];
        for (int kept = 1; ; kept++)
        {
            string[] names = [.. parts.Select(path => string.Join('/', path.TakeLast(kept)))];
            if (names.Distinct().Count() == names.Length || kept >= parts.Max(path => path.Length))
            {
                return names;
            }
        }
    }

    private static TextTable TableOf(IReadOnlyList<SummaryRow> summary)
    {
        StringWriter text = new();
        using (CsvTable<SummaryRow> table = new(text, header: true))
        {
            table.Write(summary);
        }

        return TextTable.Read(new StringReader(text.ToString()));
    }

    private static JsonElement ReadJson(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<JsonElement>(File.ReadAllText(path));
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path} cannot be read: {e.Message}");
        }
    }
}
