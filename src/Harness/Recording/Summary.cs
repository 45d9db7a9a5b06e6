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

        Quantiles times = Quantiles.Of(ValuesOf(samples, row => row.WallMs));
        double medianNs = times.Median * 1e6;
        double? flops = Mean(samples, row => row.Flops);
        double? compareExchanges = Mean(samples, row => row.CompareExchanges);
        double? bytes = Mean(samples, row => (double?)row.BytesRead + row.BytesWritten);
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
        List<List<AccuracyRow>> seeds = [.. rows.GroupBy(row => (object)row.Seed).Select(seed => seed.ToList())];
        // A training that broke off has an accuracy, but not the one after its last round.
        List<AccuracyRow> lastRounds = [.. seeds.Where(seed => seed[^1].Status == RowStatus.Ok).Select(Final).OfType<AccuracyRow>()];
        double[] finals = ValuesOf(lastRounds, row => row.TestAccuracy);
        AccuracyRow? problem = rows.Find(row => row.Status != RowStatus.Ok);
        AccuracyRow any = rows[0];
        SummaryRow summary = new(
            RowKind.Accuracy, any.Defense, any.Attack, any.Dataset, any.Partition, any.Backend, null, any.Clients, any.Malicious, any.Parameters,
            null, null, null, null, null, null, null, null, finals.Length, null, null, null, null, RowStatus.Ok, "",
            any.Model, any.LocalEpochs, any.LearningRate);
        if (finals.Length == 0)
        {
            return summary with { Status = problem?.Status ?? RowStatus.Failed, Reason = problem?.Reason ?? "no accuracy was recorded" };
        }

        double mean = Mean(finals)!.Value;
        return summary with
        {
            FinalAccuracyMean = mean,
            FinalAccuracyDeviation = finals.Length > 1 ? Math.Sqrt(finals.Sum(final => (final - mean) * (final - mean)) / (finals.Length - 1)) : null,
            FinalAttackSuccessMean = Mean(lastRounds, row => row.AttackSuccess),
            Reason = finals.Length < seeds.Count ? $"{seeds.Count - finals.Length} of {seeds.Count} seeds did not finish: {problem?.Reason}" : "",
        };
    }

    /// <summary>The accuracy after the last round that was evaluated; of a round evaluated twice, the later one.</summary>
    private static AccuracyRow? Final(List<AccuracyRow> seed)
    {
        AccuracyRow? last = null;
        foreach (AccuracyRow row in seed)
        {
            if (row is { Status: RowStatus.Ok, TestAccuracy: not null } && !(row.Round < last?.Round))
            {
                last = row;
            }
        }

        return last;
    }

    /// <summary>The mean of what rows know; null where none knows anything.</summary>
    private static double? Mean<T>(List<T> rows, Func<T, double?> of) where T : class => Mean(ValuesOf(rows, of));

    // Loops, and not the queries that would say the same: those over numbers are compiled when they first run, which takes longer than the rest.
    private static double? Mean(double[] values)
    {
        double sum = 0;
        foreach (double value in values)
        {
            sum += value;
        }

        return values.Length > 0 ? sum / values.Length : null;
    }

    private static double[] ValuesOf<T>(List<T> rows, Func<T, double?> of) where T : class
    {
        double[] values = new double[rows.Count];
        int count = 0;
        foreach (T row in rows)
        {
            if (of(row) is { } value)
            {
                values[count++] = value;
            }
        }

        Array.Resize(ref values, count);
        return values;
    }
}
