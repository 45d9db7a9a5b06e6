// Whether a folder of results/ comes out again from its plan.
using FlGpu.Harness.Recording;
using FlGpu.Harness.Sweeping;
using FlGpu.Harness.Tests.CommandLine;

namespace FlGpu.Harness.Tests.Sweeping;

public sealed class ResultsTests : IDisposable
{
    private static readonly string s_committed = Path.Combine(AppContext.BaseDirectory, "Plans", "tutorial");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_results_of_the_tutorial_are_those_that_are_in_the_repository()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        ProgramRun.Of("sweep", "--config", Path.Combine(s_committed, SweepPlan.FileName), "--out", _folder["again"]).AssertDone();

        IReadOnlyList<AccuracyRow> expected = SweepFiles.Accuracies(s_committed);
        IReadOnlyList<AccuracyRow> actual = SweepFiles.Accuracies(_folder["again"]);
        Assert.Equal(SweepCases.Of(SweepPlan.Read(Path.Combine(s_committed, SweepPlan.FileName))).Count * 30, expected.Count);
        Assert.Equal(expected.Select(WithoutMeasures), actual.Select(WithoutMeasures));
        Assert.All(expected.Zip(actual), pair =>
        {
            (AccuracyRow was, AccuracyRow row) = pair;
            // Other instruction sets round differently: accuracies to four digits, and what has no bounds in proportion.
            AssertNear(was.TestAccuracy, row.TestAccuracy, 5e-5, $"test_accuracy of {row}");
            AssertNear(was.AttackSuccess, row.AttackSuccess, 5e-5, $"attack_success of {row}");
            AssertNear(was.AggregateCosine, row.AggregateCosine, 5e-5, $"aggregate_cosine of {row}");
            AssertNear(was.TestLoss, row.TestLoss, 1e-3 * was.TestLoss!.Value, $"test_loss of {row}");
            AssertNear(was.AggregateDistance, row.AggregateDistance, 1e-6 + (1e-3 * was.AggregateDistance!.Value), $"aggregate_distance of {row}");
            Assert.All((double?[])[row.TrainMs, row.AttackMs, row.AggregateMs, row.EvaluateMs, was.TrainMs, was.AttackMs, was.AggregateMs, was.EvaluateMs], ms => Assert.True(ms >= 0));
        });

        // Of times there are as many, of the same things.
        Assert.Equal(SweepFiles.Timings(s_committed).Select(WithoutTimes), SweepFiles.Timings(_folder["again"]).Select(WithoutTimes));
        Assert.Equal(SweepFiles.Summary(s_committed).Select(WithoutTimes), SweepFiles.Summary(_folder["again"]).Select(WithoutTimes));
        Assert.Equal(
            SweepFiles.Summary(s_committed).Select(row => row.FinalAccuracyMean), SweepFiles.Summary(_folder["again"]).Select(row => row.FinalAccuracyMean),
            (was, mean) => was.HasValue == mean.HasValue && !(Math.Abs(was.GetValueOrDefault() - mean.GetValueOrDefault()) > 5e-5));
    }

    private static void AssertNear(double? expected, double? actual, double tolerance, string what) => Assert.True(
        expected.HasValue == actual.HasValue && !(Math.Abs(expected.GetValueOrDefault() - actual.GetValueOrDefault()) > tolerance), $"{what}: {actual} instead of {expected}");

    private static AccuracyRow WithoutMeasures(AccuracyRow row) => row with
    {
        TestAccuracy = 0, TestLoss = 0, AttackSuccess = 0, AggregateCosine = 0, AggregateDistance = 0, TrainMs = 0, AttackMs = 0, AggregateMs = 0, EvaluateMs = 0,
    };

    // The device and its threads are the machine's, and what work a rule declares may be told better one day.
    private static TimingRow WithoutTimes(TimingRow row) => row with
    {
        WallMs = 0, GpuMs = null, Device = "", Threads = 0, Flops = 0, CompareExchanges = 0, BytesRead = 0, BytesWritten = 0,
    };

    private static SummaryRow WithoutTimes(SummaryRow row) => row with
    {
        Threads = 0, MinMs = 0, Q1Ms = 0, MedianMs = 0, Q3Ms = 0, RelativeIqr = 0, GflopPerS = 0, GbPerS = 0, PercentOfPeak = 0, FinalAccuracyMean = 0,
        FinalAccuracyDeviation = 0, FinalAttackSuccessMean = 0,
    };
}
