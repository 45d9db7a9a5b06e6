// The cases of a folder that are whole: what a sweep goes on from, and what is merged.
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Sweeping;

/// <summary>Rows on disk, without half-written lines and without the rows of half-finished cases.</summary>
/// <param name="Timings">Rows of timings.csv, in their order.</param>
/// <param name="Accuracies">Rows of accuracy.csv, in their order.</param>
/// <param name="Dropped">How many rows were left out.</param>
internal sealed record FinishedCases(IReadOnlyList<TimingRow> Timings, IReadOnlyList<AccuracyRow> Accuracies, int Dropped)
{
    /// <summary>The cases, by RunId.</summary>
    public IReadOnlySet<string> RunIds { get; } = Timings.Select(row => row.RunId).Concat(Accuracies.Select(row => row.RunId)).ToHashSet();

    /// <summary>Reads a folder; rows of cases other than <paramref name="cases"/> are left out.</summary>
    /// <exception cref="FlGpu.Kernels.InputException">A whole line cannot be read.</exception>
    public static FinishedCases Of(string folder, IReadOnlyList<SweepCase> cases)
    {
        IReadOnlyList<TimingRow> timings = CsvTable<TimingRow>.ReadWhole(Path.Combine(folder, SweepFolder.Timings));
        IReadOnlyList<AccuracyRow> accuracies = CsvTable<AccuracyRow>.ReadWhole(Path.Combine(folder, SweepFolder.Accuracies));
        ILookup<string, TimingRow> timingsOf = timings.ToLookup(row => row.RunId);
        ILookup<string, AccuracyRow> accuraciesOf = accuracies.ToLookup(row => row.RunId);
        // A timed case may have any number of samples. Nothing says that the last one has all of its own, unless the sweep came to its end.
        string? uncertain = File.Exists(Path.Combine(folder, SweepFolder.Summary)) ? null : timings.LastOrDefault()?.RunId;
        HashSet<string> whole =
        [
            .. cases
                .Where(c => c is TrainingCase training
                    ? IsWhole(training, [.. timingsOf[c.RunId]], [.. accuraciesOf[c.RunId]])
                    : c.RunId != uncertain && timingsOf[c.RunId].Any(row => row.Status != RowStatus.Ok || row.Phase == TimingPhase.Sample))
                .Select(c => c.RunId),
        ];
        List<TimingRow> wholeTimings = [.. timings.Where(row => whole.Contains(row.RunId))];
        List<AccuracyRow> wholeAccuracies = [.. accuracies.Where(row => whole.Contains(row.RunId))];
        return new(wholeTimings, wholeAccuracies, timings.Count - wholeTimings.Count + accuracies.Count - wholeAccuracies.Count);
    }

    // A row and two timings a round, up to the last one or to the row that says why there are no more, which has one timing.
    private static bool IsWhole(TrainingCase training, List<TimingRow> timings, List<AccuracyRow> accuracies)
    {
        bool broken = accuracies.Count > 0 && accuracies[^1].Status != RowStatus.Ok;
        int rounds = accuracies.Count - (broken ? 1 : 0);
        return (broken || rounds == training.Experiment.Rounds) && timings.Count == (2 * rounds) + (broken ? 1 : 0);
    }
}
