// The rows of a sweep's folder without what is a time or follows from one, so that two runs can be compared.
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Tests.Sweeping;

internal static class SweepFiles
{
    public static IReadOnlyList<AccuracyRow> Accuracies(string folder) => CsvTable<AccuracyRow>.Read(Path.Combine(folder, "accuracy.csv"));

    public static IReadOnlyList<TimingRow> Timings(string folder) => CsvTable<TimingRow>.Read(Path.Combine(folder, "timings.csv"));

    public static IReadOnlyList<SummaryRow> Summary(string folder) => CsvTable<SummaryRow>.Read(Path.Combine(folder, "summary.csv"));

    /// <summary>All three CSVs have the same rows in the same order, but for times.</summary>
    public static void AssertSame(string expected, string actual)
    {
        Assert.NotEmpty(Accuracies(expected));
        Assert.Equal(Accuracies(expected).Select(Timeless), Accuracies(actual).Select(Timeless));
        Assert.Equal(Timings(expected).Select(Timeless), Timings(actual).Select(Timeless));
        Assert.Equal(Summary(expected).Select(Timeless), Summary(actual).Select(Timeless));
    }

    private static AccuracyRow Timeless(AccuracyRow row) => row with { TrainMs = 0, AttackMs = 0, AggregateMs = 0, EvaluateMs = 0 };

    private static TimingRow Timeless(TimingRow row) => row with { WallMs = 0 };

    private static SummaryRow Timeless(SummaryRow row) => row with { MinMs = 0, Q1Ms = 0, MedianMs = 0, Q3Ms = 0, RelativeIqr = 0, GflopPerS = 0, GbPerS = 0 };
}
