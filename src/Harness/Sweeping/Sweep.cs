// A sweep from plan to table: what `flgpu sweep` and `flgpu compare` do.
using System.Globalization;
using FlGpu.Harness.Measuring;
using FlGpu.Harness.Recording;
using FlGpu.Kernels;

namespace FlGpu.Harness.Sweeping;

/// <summary>What to run and where to.</summary>
/// <param name="Plan">The whole sweep.</param>
/// <param name="OutputPath">The folder for its files; null for none.</param>
/// <param name="Threads">CPU threads.</param>
/// <param name="Argv">The command line, for environment.json.</param>
/// <param name="Shard">The part to run, in a folder of its own below the output; null for all.</param>
/// <param name="Resume">Whether to go on with what the folder holds.</param>
public sealed record SweepRequest(
    SweepPlan Plan, string? OutputPath, int Threads, IReadOnlyList<string> Argv, Shard? Shard = null, bool Resume = false)
{
    /// <summary>How a user goes on with it when it has ended early.</summary>
    public string ToGoOn { get; init; } = "the same command with --resume";

    /// <summary>The folder of the part, or of the whole.</summary>
    public string? Folder => OutputPath is null || Shard is null ? OutputPath : Path.Combine(OutputPath, Shard.FolderName);
}

/// <summary>Runs a plan.</summary>
public static class Sweep
{
    /// <summary>Runs the cases of a plan, writes their rows case by case, and ends with a table.</summary>
    /// <returns>0, 1 when a case failed or its rows cannot be written, or 130 when it was interrupted.</returns>
    /// <exception cref="InputException">The plan or the folder is unusable; nothing has been written.</exception>
    public static int Run(SweepRequest request, TimeProvider clock, Screen screen, CancellationToken interruption = default)
    {
        try
        {
            return RunCases(request, clock, screen, interruption);
        }
        catch (Exception failure) when (request.Folder is not null && failure is IOException or UnauthorizedAccessException)
        {
            screen.Error.WriteLine($"flgpu: {failure.Message}: the cases before are in {request.Folder}; {request.ToGoOn} goes on");
            return 1;
        }
    }

    private static int RunCases(SweepRequest request, TimeProvider clock, Screen screen, CancellationToken interruption)
    {
        SweepPlan plan = request.Plan;
        foreach (string backend in plan.Backends)
        {
            Backends.Open(backend, request.Threads).Dispose();
        }

        IReadOnlyList<SweepCase> cases = SweepCases.Checked(plan, SweepCases.Of(plan));
        IReadOnlyList<SweepCase> own = request.Shard?.Of(cases) ?? cases;
        DateTimeOffset start = clock.GetUtcNow();
        using SweepFolder? folder = request.Folder is { } path ? Open(path) : null;
        IReadOnlyList<SweepCase> rest = [.. own.Where(c => folder?.Finished.Contains(c.RunId) != true)];
        IReadOnlyList<IReadOnlyList<SweepCase>> groups = SeedGroups.Of(rest, plan.SeedsAtOnce);
        rest = [.. groups.SelectMany(group => group)];
        Dictionary<string, IReadOnlyList<SweepCase>> groupOf = [];
        foreach (IReadOnlyList<SweepCase> group in groups)
        {
            foreach (SweepCase c in group)
            {
                groupOf.Add(c.RunId, group);
            }
        }

        if (request.Shard is { } shard)
        {
            screen.Error.WriteLine($"Shard {shard.Number} of {shard.Count} ({shard.Origin}): {own.Count} of {cases.Count} cases, to {request.Folder}.");
        }

        if (rest.Count < own.Count)
        {
            screen.Error.WriteLine($"{own.Count - rest.Count} of {own.Count} cases are done already.");
        }

        folder?.Write(PeakMeasurement.OfAll(rest.Select(c => c.Backend), request.Threads, PeakMeasurement.Brief));
        List<TimingRow> timings = [];
        List<AccuracyRow> accuracies = [];
        using var run = new SweepRun(request.Threads, screen);
        bool interrupted = false;
        try
        {
            var cost = new CaseCost();
            var limit = new CallLimit(plan.LongestCallS);
            ILookup<string, TimingRow> known = (folder?.TimingRows ?? []).ToLookup(row => row.RunId);
            foreach (SweepCase done in cases)
            {
                limit.Learn(done, known[done.RunId]);
            }

            Dictionary<string, CaseRows> ahead = [];
            var weights = new double[rest.Count];
            for (int i = 0; i < weights.Length; i++)
            {
                weights[i] = cost.Flops(rest[i]);
            }

            SweepProgress.Follow(screen, rest, weights, sweepCase =>
            {
                if (!ahead.ContainsKey(sweepCase.RunId))
                {
                    IReadOnlyList<CaseRows> group = limit.Exceeded(sweepCase) is { } reason
                        ? [TimedOut(run.Run(sweepCase with { Impossible = reason }, interruption))]
                        : run.RunTogether(groupOf[sweepCase.RunId], interruption);
                    foreach (CaseRows rows in group)
                    {
                        limit.Learn(rows.Case, rows.Timings);
                        folder?.Write(rows);
                        timings.AddRange(rows.Timings);
                        accuracies.AddRange(rows.Accuracies);
                        ahead.Add(rows.Case.RunId, rows);
                    }
                }

                ahead.Remove(sweepCase.RunId, out CaseRows? ofCase);
                return ofCase!;
            });
        }
        catch (OperationCanceledException) when (interruption.IsCancellationRequested)
        {
            interrupted = true;
        }

        IReadOnlyList<SummaryRow> summary = folder?.Finish(run.Files) ?? Summary.Of(timings, accuracies, []);
        SweepTables.WriteAccuracy(screen, summary);
        if (!plan.Times)
        {
            screen.Out.WriteLine(
                $"Test accuracy after {plan.Rounds} rounds on {string.Join("; ", plan.Data)}, {string.Join("; ", plan.Partition)}; {string.Join(", ", plan.Malicious)} of the clients malicious; "
                + (plan.Seeds.Count == 1 ? $"seed {plan.Seeds[0]}." : $"mean ± deviation over {plan.Seeds.Count} seeds."));
        }

        SweepTables.WriteTimes(screen, summary);
        double seconds = (clock.GetUtcNow() - start).TotalSeconds;
        int ran = folder is null ? accuracies.Select(row => row.RunId).Distinct().Count() : folder.RunCount - folder.Finished.Count;
        screen.Out.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Median milliseconds of {(plan.Times ? "a call" : "an aggregation")}. {ran} runs in {seconds:0.0} s."));
        if (folder is not null)
        {
            screen.Out.WriteLine($"Wrote sweep.json, timings.csv, accuracy.csv, summary.csv, environment.json, report.html and charts/ to {request.Folder}.");
        }

        if (interrupted)
        {
            string howToGoOn = folder is null ? "" : $"; {request.ToGoOn} goes on";
            screen.Error.WriteLine($"Interrupted: {own.Count - rest.Count + ran} of {own.Count} cases are done{howToGoOn}.");
            return Interruption.ExitCode;
        }

        return (folder?.AccuracyRows ?? accuracies).Any(row => row.Status == RowStatus.Failed)
            || (folder?.TimingRows ?? timings).Any(row => row.Status == RowStatus.Failed) ? 1 : 0;

        SweepFolder Open(string path)
        {
            // Before any file is written: a file in the repository would make its tree dirty.
            string runId = start.ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
            EnvironmentReport environment =
                EnvironmentReport.Create(runId, start, request.Argv, plan.Times ? plan.Protocol : null, data: []) with { Shard = request.Shard?.Text };
            return request.Resume ? SweepFolder.Resume(path, plan, cases, environment) : SweepFolder.Create(path, plan, own, cases, environment, request.ToGoOn);
        }
    }

    private static CaseRows TimedOut(CaseRows rows) => rows with { Timings = [.. rows.Timings.Select(row => row with { Status = RowStatus.Timeout })] };
}
