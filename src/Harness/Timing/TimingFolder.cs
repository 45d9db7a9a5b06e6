// The files of `flgpu time --out`: rows are appended case by case, the summary and what it depends on come last.
using FlGpu.Harness.Recording;
using FlGpu.Harness.Reporting;

namespace FlGpu.Harness.Timing;

/// <summary>An output folder with timings.csv, and at the end summary.csv, environment.json and the report.</summary>
internal sealed class TimingFolder : IDisposable
{
    private readonly string _path;

    /// <summary>Creates the folder and timings.csv; what an earlier run left there is replaced.</summary>
    /// <exception cref="FlGpu.Kernels.InputException">The folder cannot be written.</exception>
    public TimingFolder(string path)
    {
        OutputFolder.Prepare(path);
        _path = path;
        Timings = CsvTable<TimingRow>.Create(Path.Combine(path, "timings.csv"));
    }

    /// <summary>The rows of the cases.</summary>
    public CsvTable<TimingRow> Timings { get; }

    /// <summary>Closes the rows, and writes what is derived from them and what they depend on.</summary>
    public void Finish(IReadOnlyList<SummaryRow> summary, EnvironmentReport environment)
    {
        Dispose();
        using (CsvTable<SummaryRow> table = CsvTable<SummaryRow>.Create(Path.Combine(_path, "summary.csv")))
        {
            table.Write(summary);
        }

        environment.WriteTo(Path.Combine(_path, EnvironmentReport.FileName));
        Report.Of([_path]).WriteTo(Path.Combine(_path, Report.PageName));
    }

    /// <inheritdoc/>
    public void Dispose() => Timings.Dispose();
}
