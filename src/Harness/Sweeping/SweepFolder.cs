// The files of a sweep: rows are appended and flushed case by case, so that a killed sweep loses at most the case in flight.
using FlGpu.Harness.Recording;
using FlGpu.Harness.Reporting;

namespace FlGpu.Harness.Sweeping;

/// <summary>An output folder with sweep.json, timings.csv, accuracy.csv, and at the end summary.csv, environment.json and the report.</summary>
public sealed class SweepFolder : IDisposable
{
    private readonly string _path;
    private readonly CsvTable<TimingRow> _timings;
    private readonly CsvTable<AccuracyRow> _accuracies;

    /// <summary>Creates the folder and its files; those of an earlier sweep are replaced.</summary>
    /// <exception cref="FlGpu.Kernels.InputException">The folder cannot be written.</exception>
    public SweepFolder(string path, SweepPlan plan)
    {
        OutputFolder.Prepare(path);
        _path = path;
        File.WriteAllText(Path.Combine(path, "sweep.json"), plan.ToJson());
        _timings = CsvTable<TimingRow>.Create(Path.Combine(path, "timings.csv"));
        _accuracies = CsvTable<AccuracyRow>.Create(Path.Combine(path, "accuracy.csv"));
    }

    /// <summary>Appends the rows of a case.</summary>
    public void Write(CaseRows rows)
    {
        _timings.Write(rows.Timings);
        _accuracies.Write(rows.Accuracies);
        _timings.Flush();
        _accuracies.Flush();
    }

    /// <summary>Closes the rows, and writes what is derived from them and what they depend on.</summary>
    public void Finish(IReadOnlyList<SummaryRow> summary, EnvironmentReport environment)
    {
        Dispose();
        using (CsvTable<SummaryRow> table = CsvTable<SummaryRow>.Create(Path.Combine(_path, "summary.csv")))
        {
            table.Write(summary);
        }

        environment.WriteTo(Path.Combine(_path, "environment.json"));
        Report.Of([_path]).WriteTo(Path.Combine(_path, Report.PageName));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _timings.Dispose();
        _accuracies.Dispose();
    }
}
