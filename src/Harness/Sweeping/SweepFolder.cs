// The files of a sweep: rows are appended and flushed case by case, so that a killed sweep loses at most the case in flight.
using FlGpu.Harness.Measuring;
using FlGpu.Harness.Recording;
using FlGpu.Harness.Reporting;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Sweeping;

/// <summary>An output folder with sweep.json, environment.json, timings.csv, accuracy.csv, and at the end summary.csv and the report.</summary>
public sealed class SweepFolder : IDisposable
{
    /// <summary>The file of timed calls.</summary>
    public const string Timings = "timings.csv";

    /// <summary>The file of evaluated rounds.</summary>
    public const string Accuracies = "accuracy.csv";

    /// <summary>The file of statistics; it is there when the sweep came to its end, be it by Ctrl-C.</summary>
    public const string Summary = "summary.csv";

    private const string SchemaInRepository = "src/Harness/Sweeping/sweep.schema.json";

    private readonly string _path;
    private readonly FileStream _inUse;
    private readonly IReadOnlyList<SweepCase> _cases;
    private readonly List<TimingRow> _timings;
    private readonly List<AccuracyRow> _accuracies;
    private readonly CsvTable<TimingRow> _timingTable;
    private readonly CsvTable<AccuracyRow> _accuracyTable;
    private EnvironmentReport _environment;

    private SweepFolder(string path, FileStream inUse, IReadOnlyList<SweepCase> cases, FinishedCases finished, EnvironmentReport environment)
    {
        (_path, _inUse, _cases, _environment) = (path, inUse, cases, environment);
        (_timings, _accuracies, Finished) = ([.. finished.Timings], [.. finished.Accuracies], finished.RunIds);
        File.Delete(In(Summary));
        environment.WriteTo(In(EnvironmentReport.FileName));
        _timingTable = CsvTable<TimingRow>.Append(In(Timings));
        _accuracyTable = CsvTable<AccuracyRow>.Append(In(Accuracies));
    }

    /// <summary>Cases that were there already, by RunId.</summary>
    public IReadOnlySet<string> Finished { get; }

    /// <summary>How many cases have rows by now.</summary>
    public int RunCount => _timings.Select(row => row.RunId).Distinct().Count();

    /// <summary>All rows of timings.csv.</summary>
    public IReadOnlyList<TimingRow> TimingRows => _timings;

    /// <summary>All rows of accuracy.csv.</summary>
    public IReadOnlyList<AccuracyRow> AccuracyRows => _accuracies;

    /// <summary>Creates the folder and its files; those of an earlier sweep are replaced, but for one that has not come to its end.</summary>
    /// <exception cref="InputException">The folder cannot be written, or holds some of the cases of this very sweep.</exception>
    public static SweepFolder Create(
        string path, SweepPlan plan, IReadOnlyList<SweepCase> own, IReadOnlyList<SweepCase> cases, EnvironmentReport environment, string toGoOn)
    {
        if (Holds(path, plan))
        {
            // A repeated command line is more often meant to go on than to throw days of work away.
            int done = FinishedCases.Of(path, cases).RunIds.Count;
            if (done > 0 && done < own.Count)
            {
                throw new InputException(
                    $"--out {path} holds {done} of {own.Count} cases of this sweep, which has not come to its end: {toGoOn} goes on; to begin anew remove the folder");
            }
        }

        OutputFolder.Prepare(path);
        return Locked(path, inUse => Begin(path, inUse, plan, cases, environment));
    }

    private static SweepFolder Begin(string path, FileStream inUse, SweepPlan plan, IReadOnlyList<SweepCase> cases, EnvironmentReport environment)
    {
        if (!Holds(path, plan))
        {
            WholeFile.Write(Path.Combine(path, SweepPlan.FileName), draft => File.WriteAllText(draft, plan.ToJson(SchemaFrom(path))));
        }

        File.Delete(Path.Combine(path, Timings));
        File.Delete(Path.Combine(path, Accuracies));
        return new(path, inUse, cases, new([], [], 0), environment);
    }

    /// <summary>Goes on with the folder of a sweep that ended early; creates it where there is none.</summary>
    /// <exception cref="InputException">It holds another sweep, or cannot be read or written.</exception>
    public static SweepFolder Resume(string path, SweepPlan plan, IReadOnlyList<SweepCase> cases, EnvironmentReport environment)
    {
        string planFile = Path.Combine(path, SweepPlan.FileName);
        if (!File.Exists(planFile))
        {
            OutputFolder.Prepare(path);
        }

        return Locked(path, inUse => File.Exists(planFile) ? GoOn(path, inUse, plan, cases, environment) : Begin(path, inUse, plan, cases, environment));
    }

    private static SweepFolder GoOn(string path, FileStream inUse, SweepPlan plan, IReadOnlyList<SweepCase> cases, EnvironmentReport environment)
    {
        RequireSame(path, plan);
        FinishedCases finished = FinishedCases.Of(path, cases);
        if (finished.Dropped > 0)
        {
            CsvTable<TimingRow>.Replace(Path.Combine(path, Timings), finished.Timings);
            CsvTable<AccuracyRow>.Replace(Path.Combine(path, Accuracies), finished.Accuracies);
        }

        EnvironmentReport? before = EnvironmentReport.Read(Path.Combine(path, EnvironmentReport.FileName));
        return new(path, inUse, cases, finished, before?.With([environment]) ?? environment);
    }

    /// <exception cref="InputException">The folder holds another sweep; the message says what differs.</exception>
    internal static void RequireSame(string path, SweepPlan plan)
    {
        string planFile = Path.Combine(path, SweepPlan.FileName);
        if (plan.Differences(SweepPlan.Read(planFile)) is { Count: > 0 } differences)
        {
            throw new InputException($"--resume: {planFile} is another sweep: {string.Join("; ", differences)}");
        }
    }

    // A plan that somebody wrote may have comments, which are not written again.
    private static bool Holds(string path, SweepPlan plan)
    {
        string planFile = Path.Combine(path, SweepPlan.FileName);
        try
        {
            return File.Exists(planFile) && plan.Differences(SweepPlan.Read(planFile)).Count == 0;
        }
        catch (InputException)
        {
            return false;
        }
    }

    /// <summary>Writes a folder of rows that are there already.</summary>
    /// <exception cref="InputException">The folder cannot be written.</exception>
    internal static void WriteWhole(string path, SweepPlan plan, IReadOnlyList<SweepCase> cases, FinishedCases rows, EnvironmentReport environment)
    {
        OutputFolder.Prepare(path);
        using SweepFolder folder = Locked(path, inUse => Begin(path, inUse, plan, cases, environment));
        folder.Write(new CaseRows(cases[0], rows.Accuracies, rows.Timings));
        folder.Finish([]);
    }

    /// <summary>Records what the backends reach in this run at most.</summary>
    public void Write(IReadOnlyList<Peaks> peaks)
    {
        _environment = _environment.WithPeaksOfLatest(peaks);
        _environment.WriteTo(In(EnvironmentReport.FileName));
    }

    /// <summary>Appends the rows of a case.</summary>
    public void Write(CaseRows rows)
    {
        _timingTable.Write(rows.Timings);
        _accuracyTable.Write(rows.Accuracies);
        _timingTable.Flush();
        _accuracyTable.Flush();
        _timings.AddRange(rows.Timings);
        _accuracies.AddRange(rows.Accuracies);
    }

    /// <summary>Closes the tables and writes what is derived from the rows and what they depend on.</summary>
    public IReadOnlyList<SummaryRow> Finish(IReadOnlyList<DataFile> data)
    {
        Dispose();
        Dictionary<string, int> place = _cases.Select((c, i) => (c.RunId, i)).ToDictionary(pair => pair.RunId, pair => pair.i);
        Sort(_timings, row => place[row.RunId], In(Timings));
        Sort(_accuracies, row => place[row.RunId], In(Accuracies));
        _environment = _environment with { Data = [.. _environment.Data.Union(data)] };
        _environment.WriteTo(In(EnvironmentReport.FileName));
        IReadOnlyList<SummaryRow> summary = Recording.Summary.Of(_timings, _accuracies, _environment.PeaksOfRuns);
        CsvTable<SummaryRow>.Replace(In(Summary), summary);
        Report.Of([_path]).WriteTo(In(Report.PageName));
        return summary;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        try
        {
            // They write what is still in their buffers, which a full disk does not take.
            _timingTable.Dispose();
            _accuracyTable.Dispose();
        }
        finally
        {
            _inUse.Dispose();
        }
    }

    private static SweepFolder Locked(string path, Func<FileStream, SweepFolder> open)
    {
        FileStream inUse = Lock(path);
        try
        {
            return open(inUse);
        }
        catch
        {
            inUse.Dispose();
            throw;
        }
    }

    // The operating system lets go of it when the process ends, however that comes about.
    private static FileStream Lock(string path)
    {
        try
        {
            return new(Path.Combine(path, ".lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 1, FileOptions.DeleteOnClose);
        }
        catch (Exception busy) when (busy is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"--out {path}: another process writes to it, or it cannot be written: {busy.Message}");
        }
    }

    // Rows are out of order where a gap was filled, as after the merge of some shards.
    private static void Sort<T>(List<T> rows, Func<T, int> place, string path)
    {
        List<T> sorted = [.. rows.OrderBy(place)];
        if (!sorted.SequenceEqual(rows))
        {
            CsvTable<T>.Replace(path, sorted);
            rows.Clear();
            rows.AddRange(sorted);
        }
    }

    /// <summary>Where the schema is, seen from a folder within the repository; null elsewhere.</summary>
    private static string? SchemaFrom(string path)
    {
        for (string? folder = Path.GetFullPath(path); folder is not null; folder = Path.GetDirectoryName(folder))
        {
            string schema = Path.Combine(folder, SchemaInRepository);
            if (File.Exists(schema))
            {
                return Path.GetRelativePath(Path.GetFullPath(path), schema).Replace('\\', '/');
            }
        }

        return null;
    }

    private string In(string name) => Path.Combine(_path, name);
}
