// `--memory-limit`: rounds that do not fit are taken in slices, or skipped with the bytes that they need.
using FlGpu.Harness.Recording;
using FlGpu.Harness.Tests.CommandLine;

namespace FlGpu.Harness.Tests.Sweeping;

public sealed class MemoryLimitTests : IDisposable
{
    // 40 clients with about 100 samples of 32 values and 2,762 parameters: 0.6 MiB of data and 0.4 MiB of updates.
    private const string Plan = """
        {
          "data": "synthetic", "clients": 40, "malicious": 10, "rounds": 2, "seeds": 3, "backends": "simd",
          "attacks": ["none", "random_noise:deviation=0.1", "alie"], "defenses": ["none", "norm_clip:clip=1", "median"]
        }
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Where_a_round_does_not_fit_it_is_taken_in_slices_or_skipped_with_the_bytes_that_it_needs()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        Sweep("whole");
        Sweep("sliced", "--memory-limit", "0.9MiB");
        Sweep("small", "--memory-limit", "100KiB");

        AccuracyRow[] whole = [.. SweepFiles.Accuracies(_folder["whole"])];
        AccuracyRow[] sliced = [.. SweepFiles.Accuracies(_folder["sliced"])];
        Assert.All(whole, row => Assert.Equal((RowStatus.Ok, ""), (row.Status, row.Reason)));
        AccuracyRow[] ok = [.. sliced.Where(row => row.Status == RowStatus.Ok)];
        Assert.Equal(2 * 2 * 2, ok.Length); // attacks, defenses, rounds
        Assert.All(ok, row =>
        {
            AccuracyRow other = whole.Single(w => (w.RunId, w.Round) == (row.RunId, row.Round));
            Assert.Matches("^updates in [2-9] slices, for memory$", row.Reason);
            Assert.Equal(other.TestAccuracy!.Value, row.TestAccuracy!.Value, 0.005);
            Assert.Equal(other.TestLoss!.Value, row.TestLoss!.Value, 1e-4);
            Assert.Equal((other.KeptHonest, other.KeptMalicious), (row.KeptHonest, row.KeptMalicious));
        });
        Assert.All(
            SweepFiles.Timings(_folder["sliced"]).Where(row => row.Status == RowStatus.Ok), row => Assert.Matches("^updates in [2-9] slices, for memory$", row.Reason));
        Assert.All(sliced.Except(ok), row =>
        {
            string needs = row.Defense.StartsWith("median", StringComparison.Ordinal) ? "median" : "alie";
            Assert.Equal(RowStatus.Skipped, row.Status);
            Assert.Matches($@"^it needs 1\.\d MiB of memory and --memory-limit allows 0\.9 MiB; {needs}\S* needs all updates of a round at once$", row.Reason);
        });
        Assert.Equal(5, sliced.Except(ok).Count());

        AccuracyRow[] small = [.. SweepFiles.Accuracies(_folder["small"]).Where(row => row is { Defense: not ['m', ..], Attack: not ['a', ..] })];
        Assert.Equal(4, small.Length);
        Assert.All(small, row => Assert.Matches(
            @"^it needs 1\.\d MiB of memory and --memory-limit allows 0\.1 MiB; with one update at a time it still needs 0\.\d MiB$", row.Reason));
    }

    [Fact]
    public void Timings_that_do_not_fit_are_skipped_with_the_bytes_that_they_need()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        string config = _folder.Write(
            "times.json", """{"parameters": [100, 30000], "clients": 10, "malicious": 1, "defenses": "none", "quick": true, "backends": "simd", "memory_limit": "1MiB"}""");
        ProgramRun.Of("sweep", "--config", config, "--out", _folder["out"], "--threads", "1").AssertDone();

        TimingRow skipped = Assert.Single(SweepFiles.Timings(_folder["out"]), row => row.Status != RowStatus.Ok);
        Assert.Equal((RowStatus.Skipped, 30_000), (skipped.Status, skipped.Parameters));
        Assert.Equal("it needs 1.4 MiB of memory and --memory-limit allows 1.0 MiB", skipped.Reason);
    }

    private void Sweep(string name, params string[] options) =>
        ProgramRun.Of(["sweep", "--config", _folder.Write("plan.json", Plan), "--out", _folder[name], "--threads", "1", .. options]).AssertDone();
}
