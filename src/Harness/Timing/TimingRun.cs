// Times a plan case by case: call once, compare with the reference, measure, write rows, show a table.
using System.Globalization;
using FlGpu.Harness.CommandLine;
using FlGpu.Harness.Measuring;
using FlGpu.Harness.Recording;
using FlGpu.Kernels;
using FlGpu.Sim;
using Spectre.Console;

namespace FlGpu.Harness.Timing;

/// <summary>What is timed, and how.</summary>
internal sealed record TimingPlan(
    IReadOnlyList<OperationListing> Operations, IReadOnlyList<Choice<IDefense>> Defenses, IReadOnlyList<int> Clients, IReadOnlyList<int> Parameters,
    bool SkipWhatCannotRun, string Malicious, IReadOnlyList<string> Backends, int Threads, Protocol Protocol);

/// <summary>One run of `flgpu time`.</summary>
internal sealed class TimingRun(TimingPlan plan, string runId, Screen screen, CancellationToken interruption = default)
{
    // The reference takes seconds for each billion of additions, and both results are held in memory: larger cases are
    // compared on fewer parameters.
    private const double ComparableFlops = 2e8;
    private const double ComparableElements = 3e6;

    // With one or two parameters cosines are 1 or -1 and sums of them cancel: what is compared then is rounding.
    private const int FewestComparable = 32;
    private static readonly RngKey s_key = RngKey.FromSeed(93);
    private readonly List<TimingRow> _rows = [];
    private readonly List<Peaks> _peaks = [];

    /// <summary>
    /// Runs the plan; rows go to <paramref name="csvPath"/>, "-" being standard output, and a table to standard output otherwise. A folder
    /// <paramref name="outputPath"/> gets rows, summary, environment and a report.
    /// </summary>
    /// <returns>0, or 1 when something did not match the reference or failed.</returns>
    public static int Run(TimingPlan plan, string? csvPath, string? outputPath, IReadOnlyList<string> argv, TimeProvider clock, Screen screen)
    {
        if (csvPath is not null && outputPath is not null)
        {
            throw new InputException($"--csv {csvPath} and --out {outputPath}: only one of them is allowed; --out writes the same rows to timings.csv");
        }

        foreach (string backend in plan.Backends)
        {
            Kernels.Backends.Open(backend, plan.Threads).Dispose();
        }

        foreach (int clients in plan.Clients)
        {
            int malicious = OptionText.CountOrShare("--malicious", plan.Malicious, clients);
            if (malicious >= clients)
            {
                throw new InputException($"--malicious is {plan.Malicious}; allowed is at most {clients - 1} of {clients} clients: one must be honest");
            }
        }

        DateTimeOffset start = clock.GetUtcNow();
        string runId = start.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var run = new TimingRun(plan, runId, screen);
        if (!plan.SkipWhatCannotRun)
        {
            run.RefuseDefensesThatNeverRun();
        }

        bool toStandardOutput = csvPath == "-";
        // Before any file is written: a file in the repository would make its tree dirty.
        EnvironmentReport? environment = outputPath is null ? null : EnvironmentReport.Create(runId, start, argv, plan.Protocol, data: []);
        using CsvTable<TimingRow>? table = csvPath is null ? null : toStandardOutput ? new(screen.Out, header: true) : CreateFile(csvPath);
        using TimingFolder? folder = outputPath is null ? null : new(outputPath);
        run.MeasureAll(folder?.Timings ?? table, withPeaks: !toStandardOutput);
        IReadOnlyList<SummaryRow> summary = Summary.Of(run._rows, [], run._peaks);
        folder?.Finish(summary, environment! with { Peaks = run._peaks });
        if (!toStandardOutput)
        {
            run.WriteTable(summary);
        }

        return run._rows.Any(row => row.Status == RowStatus.Failed) ? 1 : 0;
    }

    private static CsvTable<TimingRow> CreateFile(string path)
    {
        try
        {
            return CsvTable<TimingRow>.Create(path);
        }
        catch (Exception unwritable) when (unwritable is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"--csv {path}: it cannot be written: {unwritable.Message}");
        }
    }

    private void RefuseDefensesThatNeverRun()
    {
        using var host = new ReferenceBackend();
        foreach (Choice<IDefense> defense in plan.Defenses)
        {
            List<string> problems = [];
            foreach (int clients in plan.Clients)
            {
                try
                {
                    defense.Create(new Setting(host, clients, OptionText.CountOrShare("--malicious", plan.Malicious, clients), 1)).Dispose();
                }
                catch (InputException unusable)
                {
                    problems.Add(unusable.Message);
                }
            }

            if (problems.Count == plan.Clients.Count)
            {
                throw new InputException(problems[0]);
            }
        }
    }

    private void MeasureAll(CsvTable<TimingRow>? table, bool withPeaks)
    {
        foreach (string name in plan.Backends)
        {
            using Backend backend = Kernels.Backends.Open(name, plan.Threads);
            if (withPeaks && PeakMeasurement.Of(backend, plan.Protocol == Protocol.Quick ? Protocol.Quick : PeakMeasurement.Brief, out _) is { } peaks)
            {
                _peaks.Add(peaks);
            }

            foreach (int parameters in plan.Parameters)
            {
                foreach (int clients in plan.Clients)
                {
                    foreach (OperationListing operation in plan.Operations)
                    {
                        Record(table, OperationRows(operation, backend, clients, parameters));
                    }

                    foreach (Choice<IDefense> defense in plan.Defenses)
                    {
                        Record(table, DefenseRows(defense, backend, clients, parameters));
                    }
                }
            }
        }
    }

    private void Record(CsvTable<TimingRow>? table, IReadOnlyList<TimingRow> rows)
    {
        _rows.AddRange(rows);
        table?.Write(rows);
        table?.Flush();
        TimingRow last = rows[^1];
        if (last.Status != RowStatus.Ok || last.Reason.Length > 0)
        {
            screen.Error.WriteLine($"{last.Name} {last.Backend} n={last.Clients} d={last.Parameters}: {last.Status.ToString().ToLowerInvariant()}: {last.Reason}");
        }
    }

    /// <summary>Times an operation; a row with the reason where that cannot be.</summary>
    /// <exception cref="OperationCanceledException">The run was interrupted.</exception>
    public IReadOnlyList<TimingRow> OperationRows(OperationListing operation, Backend backend, int clients, int parameters)
    {
        TimingRow row = NewRow(RowKind.Operation, operation.Name, backend, clients, malicious: 0, parameters);
        return Guarded(row, () =>
        {
            double flopsPerParameter = CostOf(operation, clients, parameters) / parameters;
            int compared = Comparable(flopsPerParameter, clients, parameters);
            using Prepared prepared = operation.Prepare(backend, clients, parameters, s_key);
            return Samples(row with { Parameters = prepared.Parameters }, backend, prepared.Run, prepared.Restore, () => prepared.Cost, Compare);

            void Compare()
            {
                Agreement agreement = Conformance.Compare(operation, backend, clients, compared, s_key);
                if (!agreement.Passed)
                {
                    throw new MismatchException(agreement.Error, compared);
                }
            }
        });
    }

    /// <summary>Times a defense; a row with the reason where that cannot be.</summary>
    /// <exception cref="OperationCanceledException">The run was interrupted.</exception>
    public IReadOnlyList<TimingRow> DefenseRows(Choice<IDefense> defense, Backend backend, int clients, int parameters)
    {
        int malicious = OptionText.CountOrShare("--malicious", plan.Malicious, clients);
        TimingRow row = NewRow(RowKind.Defense, defense.Text, backend, clients, malicious, parameters);
        return Guarded(row, () =>
        {
            int compared = Comparable(1.5 * clients * clients, clients, parameters);
            using var timed = new TimedDefense(defense, backend, clients, malicious, parameters, s_key);
            Work before = backend.Done;
            long calls = 0;
            return Samples(row, backend, Run, restore: null, PerCall, Compare);

            void Run()
            {
                calls++;
                timed.Run();
            }

            void Compare()
            {
                Work done = backend.Done;
                double error = TimedDefense.ErrorOf(defense, backend, clients, malicious, compared, s_key);
                if (error > Agreement.Tolerance)
                {
                    throw new MismatchException(error, compared);
                }

                // What the comparison did is no call's work.
                before += backend.Done - done;
            }

            Work PerCall()
            {
                Work all = backend.Done - before;
                return new(all.Flops / calls, all.BytesRead / calls, all.BytesWritten / calls, all.CompareExchanges / calls);
            }
        });
    }

    private IReadOnlyList<TimingRow> Samples(TimingRow row, Backend backend, Action run, Action? restore, Func<Work> workOfOne, Action compare)
    {
        Action? before = interruption.CanBeCanceled ? EndOrRestore : restore;
        MeasurementResult result = Measurement.Take(run, backend.Synchronize, before, plan.Protocol, new StopwatchClock(), backend.CreateDeviceTimer(), compare);
        Work work = workOfOne();
        TimingRow sample = row with
        {
            Flops = work.Flops,
            CompareExchanges = work.CompareExchanges,
            BytesRead = work.BytesRead,
            BytesWritten = work.BytesWritten,
            Reason = result.Warning ?? "",
        };
        return
        [
            sample with { Phase = TimingPhase.First, WallMs = result.FirstMs, Reason = "" },
            .. result.SamplesMs.Select((ms, i) => sample with { Sample = i, WallMs = ms, GpuMs = result.SamplesGpuMs.Count > 0 ? result.SamplesGpuMs[i] : null }),
        ];

        void EndOrRestore()
        {
            interruption.ThrowIfCancellationRequested();
            restore?.Invoke();
        }
    }

    private static int Comparable(double flopsPerParameter, int clients, int parameters) =>
        (int)Math.Clamp(Math.Min(ComparableFlops / flopsPerParameter, ComparableElements / clients), Math.Min(FewestComparable, parameters), parameters);

    private static double CostOf(OperationListing operation, int clients, int parameters)
    {
        const int Few = 64;
        using var reference = new ReferenceBackend();
        using Prepared prepared = operation.Prepare(reference, clients, Math.Min(parameters, Few), s_key);
        return (double)prepared.Cost.Flops / prepared.Parameters * parameters;
    }

    private static IReadOnlyList<TimingRow> Guarded(TimingRow row, Func<IReadOnlyList<TimingRow>> measure)
    {
        try
        {
            return measure();
        }
        catch (MismatchException mismatch)
        {
            return [row with { Status = RowStatus.Failed, Reason = mismatch.Message }];
        }
        catch (InputException unusable)
        {
            return [row with { Status = RowStatus.Skipped, Reason = unusable.Message }];
        }
        catch (OutOfMemoryException)
        {
            long bytes = (long)row.Clients * row.Parameters * sizeof(float);
            return [row with { Status = RowStatus.Skipped, Reason = $"not enough memory for updates of {bytes} bytes and what the operation needs beside them" }];
        }
    }

    private TimingRow NewRow(RowKind kind, string name, Backend backend, int clients, int malicious, int parameters) => new(
        runId, kind, name, "", backend.Name, backend.Device, backend.Threads, clients, malicious, parameters, TimingScope.Compute, TimingPhase.Sample, 0,
        null, null, null, null, null, null, RowStatus.Ok, "");

    private void WriteTable(IReadOnlyList<SummaryRow> summary)
    {
        bool withReference = summary.Any(row => row.Backend == "reference");
        Table table = Screen.Table(["name", "backend", "threads", "clients", "parameters", "median ms", "IQR", "GB/s", "GFLOP/s", "% of peak", "reads", .. withReference ? ["x reference"] : (string[])[]]);
        foreach (SummaryRow row in summary)
        {
            SummaryRow? reference = summary.FirstOrDefault(r =>
                r.Backend == "reference" && r.Kind == row.Kind && r.Name == row.Name && r.Clients == row.Clients && r.Parameters == row.Parameters);
            List<string> cells =
            [
                row.Name, row.Backend, Show(row.Threads, "0"), Show(row.Clients, "0"), Show(row.Parameters, "0"),
                row.Status == RowStatus.Ok ? Show(row.MedianMs, "0.0000") : row.Status.ToString().ToLowerInvariant(),
                Show(row.RelativeIqr, "0.0 %"), Show(row.GbPerS, "0.0"), Show(row.GflopPerS, "0.0"), Show(row.PercentOfPeak, "0.0"), Show(ReadsOf(row), "0.00"),
            ];
            if (withReference)
            {
                cells.Add(Show(reference?.MedianMs / row.MedianMs, "0.0"));
            }

            table.AddRow([.. cells.Select(Markup.Escape)]);
        }

        screen.Console.Write(table);
    }

    /// <summary>How often a call reads the updates of n clients, or as many bytes of what it keeps beside them; null where it was not timed.</summary>
    private double? ReadsOf(SummaryRow row)
    {
        double updatesBytes = (double)row.Clients! * row.Parameters!.Value * sizeof(float);
        return _rows.Find(timed => timed.Phase == TimingPhase.Sample && timed.BytesRead is not null && (timed.Kind, timed.Name, timed.Backend, timed.Clients, timed.Parameters)
            == (row.Kind, row.Name, row.Backend, row.Clients, row.Parameters))?.BytesRead / updatesBytes;
    }

    private static string Show(IFormattable? value, string format) => value?.ToString(format, CultureInfo.InvariantCulture) ?? "";

    private sealed class MismatchException(double error, int parameters) : Exception(string.Create(
        CultureInfo.InvariantCulture, $"differs from the reference by {error:E1} of the magnitude at d={parameters}, allowed is {Agreement.Tolerance:E0}; not timed"));
}
