// longest_call_s: what is left out, by which reckoning, and that it is written down.
using FlGpu.Harness.Measuring;
using FlGpu.Harness.Recording;
using FlGpu.Harness.Sweeping;
using FlGpu.Harness.Tests.CommandLine;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Tests.Sweeping;

public sealed class CallLimitTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("10 1, 100 100", 300, null)] // 100 (300 / 100)^2 = 900 ms
    [InlineData("10 1, 100 100", 400, "about 1.6 s, reckoned from 0.1 s with 100 clients")]
    [InlineData("10 99, 100 100", 900, null)] // in proportion at least: 100 (900 / 100) = 900 ms
    [InlineData("10 99, 100 100", 1100, "about 1.1 s")]
    [InlineData("100 100", 1100, "about 1.1 s")]
    [InlineData("10 0.001, 100 100", 200, null)] // cubic at most: 100 (200 / 100)^3 = 800 ms
    [InlineData("10 1, 100 100", 50, null)] // from 10 clients alone
    [InlineData("2000 5000", 1000, null)]
    [InlineData("", 1000, null)]
    public void Times_grow_as_between_the_two_largest_that_are_known_and_in_proportion_at_least(string known, int clients, string? expected)
    {
        var limit = new CallLimit(1);
        foreach (string[] point in known.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(point => point.Split(' ')))
        {
            double ms = double.Parse(point[1], null);
            limit.Learn(Case("krum", int.Parse(point[0], null)), [Row(100 * ms) with { Phase = TimingPhase.First }, Row(ms), Row(50 * ms), Row(0.5 * ms)]);
        }

        string? reason = limit.Exceeded(Case("krum", clients));
        if (expected is null)
        {
            Assert.Null(reason);
        }
        else
        {
            Assert.Contains(expected, reason, StringComparison.Ordinal);
            Assert.EndsWith("the plan's longest_call_s is 1", reason, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Other_rules_and_sizes_and_a_plan_without_limit_are_none_of_its_business()
    {
        var limit = new CallLimit(1);
        limit.Learn(Case("krum", 10), [Row(5000)]);
        Assert.NotNull(limit.Exceeded(Case("krum", 20)));
        Assert.Null(limit.Exceeded(Case("median", 20)));
        Assert.Null(limit.Exceeded(Case("krum", 20) with { Parameters = 99 }));
        Assert.Null(limit.Exceeded(Case("krum", 20) with { Backend = "cpu" }));
        var none = new CallLimit(null);
        none.Learn(Case("krum", 10), [Row(5e9)]);
        Assert.Null(none.Exceeded(Case("krum", 20)));
    }

    [Fact]
    public void A_sweep_writes_what_it_leaves_out_with_the_status_timeout_and_so_does_one_that_goes_on()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        const string Plan = """{"parameters": 500, "clients": [5, 10, 1000], "malicious": 1, "defenses": ["none"], "operations": [], "quick": true, "backends": "simd"LIMIT}""";
        string limited = _folder.Write("limited.json", Plan.Replace("LIMIT", ", \"longest_call_s\": 1e-12", StringComparison.Ordinal));
        ProgramRun.Of("sweep", "--config", limited, "--out", _folder["out"], "--threads", "1").AssertDone();
        Assert.Equal([RowStatus.Ok, RowStatus.Timeout, RowStatus.Timeout], SweepFiles.Summary(_folder["out"]).Select(row => row.Status));
        Assert.All(SweepFiles.Summary(_folder["out"]).Skip(1), row => Assert.Matches("^a call would take about .* with 5 clients; the plan's longest_call_s is 1E-12$", row.Reason));

        // Only the first case is on disk.
        IReadOnlyList<TimingRow> rows = SweepFiles.Timings(_folder["out"]);
        CsvTable<TimingRow>.Replace(Path.Combine(_folder["out"], "timings.csv"), rows.Where(row => row.Clients == 5));
        ProgramRun.Of("sweep", "--resume", "--out", _folder["out"], "--threads", "1").AssertDone();
        Assert.Equal([RowStatus.Ok, RowStatus.Timeout, RowStatus.Timeout], SweepFiles.Summary(_folder["out"]).Select(row => row.Status));

        string unlimited = _folder.Write("unlimited.json", Plan.Replace("LIMIT", "", StringComparison.Ordinal));
        ProgramRun.Of("sweep", "--config", unlimited, "--out", _folder["all"], "--threads", "1").AssertDone();
        Assert.All(SweepFiles.Summary(_folder["all"]), row => Assert.Equal(RowStatus.Ok, row.Status));
    }

    private static TimingCase Case(string defense, int clients) =>
        new("simd", Catalogue.Parse<IDefense>("--defenses", defense), null, clients, 2, 100, Protocol.Quick);

    private static TimingRow Row(double ms) => new(
        "r", RowKind.Defense, "krum", "", "simd", "CPU", 2, 10, 2, 100, TimingScope.Compute, TimingPhase.Sample, 0, ms, null, null, null, null, null, RowStatus.Ok, "");
}
