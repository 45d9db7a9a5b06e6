// A sweep from plan to table: what `flgpu sweep` and `flgpu compare` do.
using System.Globalization;
using FlGpu.Harness.Recording;
using FlGpu.Kernels;

namespace FlGpu.Harness.Sweeping;

/// <summary>Runs a plan.</summary>
public static class Sweep
{
    /// <summary>
    /// Runs all cases of <paramref name="plan"/>, writes their rows to <paramref name="outputPath"/> unless it is null, and ends with a table.
    /// </summary>
    /// <returns>0, or 1 when a case failed.</returns>
    /// <exception cref="InputException">The plan or the folder is unusable; nothing has been written.</exception>
    public static int Run(SweepPlan plan, string? outputPath, int threads, IReadOnlyList<string> argv, TimeProvider clock, Screen screen)
    {
        foreach (string backend in plan.Backends)
        {
            Backends.Open(backend, threads).Dispose();
        }

        IReadOnlyList<SweepCase> cases = SweepCases.Of(plan);
        DateTimeOffset start = clock.GetUtcNow();
        string runId = start.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        // Before any file is written: a file in the repository would make its tree dirty.
        EnvironmentReport environment = EnvironmentReport.Create(runId, start, argv, protocol: null, data: []);
        List<TimingRow> timings = [];
        List<AccuracyRow> accuracies = [];
        using SweepFolder? folder = outputPath is null ? null : new(outputPath, plan);
        using var run = new SweepRun(runId, threads);
        SweepProgress.Follow(screen, cases, sweepCase =>
        {
            CaseRows rows = run.Run(sweepCase);
            folder?.Write(rows);
            timings.AddRange(rows.Timings);
            accuracies.AddRange(rows.Accuracies);
            return rows;
        });
        IReadOnlyList<SummaryRow> summary = Summary.Of(timings, accuracies);
        folder?.Finish(summary, environment with { Data = run.Files });
        SweepTables.WriteAccuracy(screen, summary);
        screen.Out.WriteLine(
            $"Test accuracy after {plan.Rounds} rounds on {plan.Data}, {plan.Partition}; {plan.Malicious} of the clients malicious; "
            + (plan.Seeds.Count == 1 ? $"seed {plan.Seeds[0]}." : $"mean ± deviation over {plan.Seeds.Count} seeds."));
        SweepTables.WriteTimes(screen, summary);
        double seconds = (clock.GetUtcNow() - start).TotalSeconds;
        screen.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Median milliseconds of an aggregation. {cases.Count} runs in {seconds:0.0} s."));
        if (outputPath is not null)
        {
            screen.Out.WriteLine($"Wrote sweep.json, timings.csv, accuracy.csv, summary.csv, environment.json, report.html and charts/ to {outputPath}.");
        }

        return accuracies.Any(row => row.Status == RowStatus.Failed) ? 1 : 0;
    }
}
