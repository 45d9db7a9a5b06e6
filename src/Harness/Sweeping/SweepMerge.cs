// Joins the folders of a sweep's shards into one, as if it had been run in one piece.
using FlGpu.Harness.Recording;
using FlGpu.Kernels;

namespace FlGpu.Harness.Sweeping;

/// <summary>What `flgpu merge` does.</summary>
public static class SweepMerge
{
    /// <summary>Writes the cases of <paramref name="folders"/> to <paramref name="output"/>, in the order of the whole sweep.</summary>
    /// <returns>0, or 1 when cases are missing, which are named by shard.</returns>
    /// <exception cref="InputException">The folders hold different sweeps, disagree about a case, or lack one that the output has; nothing has been written.</exception>
    public static int Run(string output, IReadOnlyList<string> folders, Screen screen)
    {
        IReadOnlyList<(string Path, SweepPlan Plan)> parts = [.. folders.Select(path => (path, PlanOf(path)))];
        SweepPlan plan = parts[0].Plan;
        foreach ((string path, SweepPlan other) in parts.Skip(1))
        {
            if (plan.Differences(other) is { Count: > 0 } differences)
            {
                throw new InputException($"{path} is a shard of another sweep than {parts[0].Path} (there and here): {string.Join("; ", differences)}");
            }
        }

        IReadOnlyList<SweepCase> cases = SweepCases.Of(plan);
        Dictionary<string, Origin> origins = [];
        Dictionary<string, SweepCase> caseOf = cases.ToDictionary(c => c.RunId);
        foreach ((string path, _) in parts)
        {
            FinishedCases finished = FinishedCases.Of(path, cases);
            ILookup<string, TimingRow> timings = finished.Timings.ToLookup(row => row.RunId);
            ILookup<string, AccuracyRow> accuracies = finished.Accuracies.ToLookup(row => row.RunId);
            foreach (string runId in finished.RunIds)
            {
                var origin = new Origin(path, [.. timings[runId]], [.. accuracies[runId]]);
                if (!origins.TryAdd(runId, origin))
                {
                    origins[runId].RequireSame(origin, caseOf[runId]);
                }
            }
        }

        if (origins.Count == 0)
        {
            throw new InputException($"there is no finished case in {string.Join(", ", folders)}");
        }

        RequireNothingLost(output, origins.Keys);
        Origin[] inOrder = [.. cases.Where(c => origins.ContainsKey(c.RunId)).Select(c => origins[c.RunId])];
        EnvironmentReport[] environments = [.. folders.Select(path => EnvironmentReport.Read(Path.Combine(path, EnvironmentReport.FileName))).OfType<EnvironmentReport>()];
        if (environments.Length == 0)
        {
            throw new InputException($"there is no environment.json in {string.Join(", ", folders)}");
        }

        SweepFolder.WriteWhole(
            output, plan, cases, new([.. inOrder.SelectMany(o => o.Timings)], [.. inOrder.SelectMany(o => o.Accuracies)], 0), environments[0].With(environments[1..]));
        screen.Out.WriteLine($"Wrote {origins.Count} of {cases.Count} cases to {output}.");
        return ReportMissing(cases, origins.Keys, environments, output, screen);
    }

    // With OUT forgotten the first shard is taken for it.
    private static void RequireNothingLost(string output, IReadOnlyCollection<string> kept)
    {
        string[] lost =
        [
            .. CsvTable<TimingRow>.ReadWhole(Path.Combine(output, SweepFolder.Timings)).Select(row => row.RunId)
                .Concat(CsvTable<AccuracyRow>.ReadWhole(Path.Combine(output, SweepFolder.Accuracies)).Select(row => row.RunId)).Distinct().Except(kept),
        ];
        if (lost.Length > 0)
        {
            throw new InputException($"{output}, the first folder, is where the joined files go, but holds {lost.Length} cases that are in none of the others; name another one, or this one twice");
        }
    }

    private static SweepPlan PlanOf(string path)
    {
        string file = Path.Combine(path, SweepPlan.FileName);
        return File.Exists(file) ? SweepPlan.Read(file) : throw new InputException($"{path} is no folder of a sweep: there is no {file}");
    }

    private static int ReportMissing(
        IReadOnlyList<SweepCase> cases, IReadOnlyCollection<string> there, IReadOnlyList<EnvironmentReport> environments, string output, Screen screen)
    {
        int[] missing = [.. Enumerable.Range(0, cases.Count).Where(i => !there.Contains(cases[i].RunId))];
        if (missing.Length == 0)
        {
            return 0;
        }

        string[] counts = [.. environments.Select(environment => environment.Shard?.Split('/')[^1] ?? "1").Distinct()];
        if (counts.Length == 1 && int.TryParse(counts[0], out int count) && count > 1)
        {
            foreach (IGrouping<int, int> shard in missing.GroupBy(i => i % count).OrderBy(group => group.Key))
            {
                int all = new Shard(shard.Key + 1, count, "").Of(cases).Count;
                screen.Error.WriteLine($"Missing: {shard.Count()} of {all} cases of shard {shard.Key + 1} of {count}, the first is {cases[shard.First()].Description}.");
            }
        }
        else
        {
            screen.Error.WriteLine($"Missing: {missing.Length} of {cases.Count} cases, the first is {cases[missing[0]].Description}.");
        }

        screen.Error.WriteLine($"Run these shards again with --resume and merge again, or run the missing cases here: flgpu sweep --resume --out {output}");
        return 1;
    }

    private sealed record Origin(string Path, IReadOnlyList<TimingRow> Timings, IReadOnlyList<AccuracyRow> Accuracies)
    {
        /// <summary>Times may differ between two runs of a case; nothing else may.</summary>
        public void RequireSame(Origin other, SweepCase sweepCase)
        {
            // Timed cases have as many samples as their spread asked for; what they must agree on is how they ended.
            IEnumerable<TimingRow> ours = sweepCase is TimingCase ? Timings.Take(1) : Timings;
            IEnumerable<TimingRow> theirs = sweepCase is TimingCase ? other.Timings.Take(1) : other.Timings;
            if (!Accuracies.Select(Timeless).SequenceEqual(other.Accuracies.Select(Timeless)) || !ours.Select(Timeless).SequenceEqual(theirs.Select(Timeless)))
            {
                throw new InputException($"{Path} and {other.Path} disagree about the case {sweepCase.Description} (run_id {sweepCase.RunId}); leave one of them out");
            }
        }

        private static AccuracyRow Timeless(AccuracyRow row) => row with { TrainMs = null, AttackMs = null, AggregateMs = null, EvaluateMs = null };

        // The same accuracy may come from two machines.
        private static TimingRow Timeless(TimingRow row) => row with { WallMs = null, GpuMs = null, Device = "", Threads = 0 };
    }
}
