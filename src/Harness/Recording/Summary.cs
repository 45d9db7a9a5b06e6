// Derives summary.csv from the rows of timings.csv and accuracy.csv.
using FlGpu.Harness.Measuring;

namespace FlGpu.Harness.Recording;

/// <summary>The statistics of recorded rows.</summary>
public static class Summary
{
    /// <summary>
    /// One row a configuration, in the order in which they first appear: times, then accuracies. Times on a backend and a number of threads
    /// that <paramref name="peaks"/> has are held against them.
    /// </summary>
    public static IReadOnlyList<SummaryRow> Of(IReadOnlyList<TimingRow> timings, IReadOnlyList<AccuracyRow> accuracies, IReadOnlyList<Peaks> peaks) =>
    [
        .. timings
            .GroupBy(t => new TimedSetting(t.Kind, t.Name, t.Attack, t.Backend, t.Threads, t.Clients, t.Malicious, t.Parameters, t.Dataset, t.Partition, t.Model, t.LocalEpochs, t.LearningRate))
            .Select(group => OfTimes(OneScope([.. group]), peaks.FirstOrDefault(p => p.Backend == group.Key.Backend && p.Threads == group.Key.Threads))),
        .. accuracies
            .GroupBy(a => new TrainedSetting(a.Dataset, a.Partition, a.Model, a.Parameters, a.Clients, a.Malicious, a.Attack, a.Defense, a.Backend, a.LocalEpochs, a.LearningRate))
            .Select(group => OfAccuracies([.. group])),
    ];

    // What rows of one configuration have in common.
    private sealed record TimedSetting(
        RowKind Kind, string Name, string Attack, string Backend, int Threads, int Clients, int Malicious, int Parameters, string Dataset, string Partition, string Model,
        int? LocalEpochs, double? LearningRate);

    private sealed record TrainedSetting(
        string Dataset, string Partition, string Model, int Parameters, int Clients, int Malicious, string Attack, string Defense, string Backend, int? LocalEpochs,
        double? LearningRate);

    /// <summary>Times with copies and times without do not mix: where there are both, those without are summarised.</summary>
    private static List<TimingRow> OneScope(List<TimingRow> rows)
    {
        TimingScope scope = rows.Min(row => row.Scope);
        return rows.FindAll(row => row.Scope == scope);
    }

    private static SummaryRow OfTimes(List<TimingRow> rows, Peaks? peaks)
    {
        List<TimingRow> samples = [.. rows.Where(row => row is { Phase: TimingPhase.Sample, Status: RowStatus.Ok, WallMs: not null })];
        TimingRow any = rows[0];
        SummaryRow summary = new(
            any.Kind, any.Name, any.Attack, any.Dataset, any.Partition, any.Backend, any.Threads, any.Clients, any.Malicious, any.Parameters,
            samples.Count, null, null, null, null, null, null, null, null, null, null, null, null, RowStatus.Ok, "",
            any.Model, any.LocalEpochs, any.LearningRate);
        if (samples.Count == 0)
        {
            TimingRow? problem = rows.Find(row => row.Status != RowStatus.Ok);
            return summary with { Status = problem?.Status ?? RowStatus.Failed, Reason = problem?.Reason ?? "no sample was recorded" };
        }

        Quantiles times = Quantiles.Of(samples.Select(row => row.WallMs!.Value));
        double medianNs = times.Median * 1e6;
        double? flops = samples.Average(row => (double?)row.Flops);
        double? compareExchanges = samples.Average(row => (double?)row.CompareExchanges);
        double? bytes = samples.Average(row => (double?)row.BytesRead + row.BytesWritten);
        return summary with
        {
            MinMs = times.Min,
            Q1Ms = times.Q1,
            MedianMs = times.Median,
            Q3Ms = times.Q3,
            RelativeIqr = times.RelativeIqr,
            GflopPerS = flops / medianNs,
            GbPerS = bytes / medianNs,
            PercentOfPeak = 100 * peaks?.ShortestMs(flops, compareExchanges, bytes) / times.Median,
            Reason = samples.Select(row => row.Reason).FirstOrDefault(reason => reason != "", ""),
        };
    }

    private static SummaryRow OfAccuracies(List<AccuracyRow> rows)
    {
        List<List<AccuracyRow>> seeds = [.. rows.GroupBy(row => row.Seed).Select(seed => seed.ToList())];
        // A training that broke off has an accuracy, but not the one after its last round.
        List<AccuracyRow> lastRounds = [.. seeds.Where(seed => seed[^1].Status == RowStatus.Ok).Select(Final).OfType<AccuracyRow>()];
        List<double> finals = [.. lastRounds.Select(row => row.TestAccuracy!.Value)];
        AccuracyRow? problem = rows.Find(row => row.Status != RowStatus.Ok);
        AccuracyRow any = rows[0];
        SummaryRow summary = new(
            RowKind.Accuracy, any.Defense, any.Attack, any.Dataset, any.Partition, any.Backend, null, any.Clients, any.Malicious, any.Parameters,
            null, null, null, null, null, null, null, null, finals.Count, null, null, null, null, RowStatus.Ok, "",
            any.Model, any.LocalEpochs, any.LearningRate);
        if (finals.Count == 0)
        {
            return summary with { Status = problem?.Status ?? RowStatus.Failed, Reason = problem?.Reason ?? "no accuracy was recorded" };
        }

        double mean = finals.Average();
        return summary with
        {
            FinalAccuracyMean = mean,
            FinalAccuracyDeviation = finals.Count > 1 ? Math.Sqrt(finals.Sum(final => (final - mean) * (final - mean)) / (finals.Count - 1)) : null,
            FinalAttackSuccessMean = lastRounds.Average(row => row.AttackSuccess),
            Reason = finals.Count < seeds.Count ? $"{seeds.Count - finals.Count} of {seeds.Count} seeds did not finish: {problem?.Reason}" : "",
        };
    }

    /// <summary>The accuracy after the last round that was evaluated; of a round evaluated twice, the later one.</summary>
    private static AccuracyRow? Final(List<AccuracyRow> seed) =>
        seed.Where(row => row is { Status: RowStatus.Ok, TestAccuracy: not null }).OrderBy(row => row.Round).LastOrDefault();
}
