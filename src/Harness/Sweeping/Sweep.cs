// A sweep from plan to table: what `flgpu sweep` and `flgpu compare` do.
using System.Globalization;
using FlGpu.Harness.Measuring;
using FlGpu.Harness.Recording;
using FlGpu.Kernels;

namespace FlGpu.Harness.Sweeping;

/// <summary>Runs a plan.</summary>
public static class Sweep
{
    private static readonly Protocol s_roundProtocol = new(MinSamples: 1, MinSeconds: 0, RelativeIqr: double.MaxValue, TimeoutSeconds: double.MaxValue, Warmups: 1);

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
        folder?.Finish(summary, EnvironmentReport.Create(runId, start, argv, s_roundProtocol, run.Files));
        AccuracyTable.Write(screen, summary);
        double seconds = (clock.GetUtcNow() - start).TotalSeconds;
        screen.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Test accuracy after {plan.Rounds} rounds on {plan.Data} ({plan.Partition}), {plan.Malicious} of the clients malicious, mean ± deviation over {plan.Seeds.Count} seeds; {cases.Count} runs in {seconds:0.0} s."));
        if (outputPath is not null)
        {
            screen.Out.WriteLine($"Wrote sweep.json, timings.csv, accuracy.csv, summary.csv and environment.json to {outputPath}.");
        }

        return accuracies.Any(row => row.Status == RowStatus.Failed) ? 1 : 0;
    }
}
