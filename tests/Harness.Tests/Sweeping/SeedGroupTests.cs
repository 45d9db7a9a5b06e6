// `--seeds-at-once`: seeds that share launches give the rows that they give one after another, also when a sweep is resumed or in shards.
using FlGpu.Harness.Recording;
using FlGpu.Harness.Sweeping;
using FlGpu.Harness.Tests.CommandLine;

namespace FlGpu.Harness.Tests.Sweeping;

public sealed class SeedGroupTests : IDisposable
{
    // krum with f = 3 cannot run with 5 clients.
    private const string Plan = """
        {
          "data": ["digits", "synthetic"], "clients": [5, 8], "malicious": 1, "rounds": 2, "seeds": [1, 2, 3], "backends": "simd",
          "attacks": ["none", "label_flip"], "defenses": ["median", "krum:f=3"]
        }
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void They_give_the_same_rows_as_one_after_another()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        Sweep("alone");
        Sweep("together", "--seeds-at-once", "3");
        Sweep("in_twos", "--seeds-at-once", "2");

        SweepFiles.AssertSame(_folder["alone"], _folder["together"]);
        SweepFiles.AssertSame(_folder["alone"], _folder["in_twos"]);
        foreach (IGrouping<object, AccuracyRow> group in SweepFiles.Accuracies(_folder["together"])
            .Where(row => row.Status == RowStatus.Ok).GroupBy<AccuracyRow, object>(row => (row.Dataset, row.Clients, row.Attack, row.Defense, row.Round)))
        {
            Assert.Equal(3, group.Count());
            Assert.Single(group.Select(row => row.TrainMs).Distinct());
        }
    }

    [Fact]
    public void A_sweep_that_was_killed_goes_on_and_shards_have_groups_of_their_own()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        Sweep("whole", "--seeds-at-once", "3");
        Sweep("killed", "--seeds-at-once", "3");
        foreach (string file in (string[])["timings.csv", "accuracy.csv"])
        {
            // Somewhere in the midst of a group.
            string[] lines = File.ReadAllLines(Path.Combine(_folder["killed"], file));
            File.WriteAllText(Path.Combine(_folder["killed"], file), string.Join('\n', lines[..(lines.Length / 3)]) + "\n");
        }

        Sweep("killed", "--seeds-at-once", "3", "--resume");
        SweepFiles.AssertSame(_folder["whole"], _folder["killed"]);

        Sweep("parts", "--seeds-at-once", "3", "--shard", "1/2");
        Sweep("parts", "--seeds-at-once", "3", "--shard", "2/2");
        ProgramRun.Of("merge", _folder["merged"], Path.Combine(_folder["parts"], "shard-1-of-2"), Path.Combine(_folder["parts"], "shard-2-of-2")).AssertDone();
        SweepFiles.AssertSame(_folder["whole"], _folder["merged"]);
    }

    [Fact]
    public void Only_cases_that_differ_in_nothing_but_their_seeds_are_grouped()
    {
        SweepPlan plan = SweepPlan.Read(_folder.Write("plan.json", Plan));
        IReadOnlyList<SweepCase> cases = SweepCases.Checked(plan, SweepCases.Of(plan));

        IReadOnlyList<IReadOnlyList<SweepCase>> groups = SeedGroups.Of(cases, 3);

        Assert.Equal(cases.Select(c => c.RunId).Order(), groups.SelectMany(group => group).Select(c => c.RunId).Order());
        Assert.All(groups, group => Assert.Single(group.Cast<TrainingCase>().Select(c => (c.Data.Text, c.Clients, c.Experiment.Attack.Text, c.Experiment.Defense.Text)).Distinct()));
        // Of 2 data sets, 2 numbers of clients, 2 attacks and 2 defenses, a quarter cannot run, each seed of it by itself.
        Assert.Equal(12, groups.Count(group => group.Count == 3));
        Assert.Equal(12, groups.Count(group => group.Count == 1));
        Assert.Equal(cases.Select(c => c.RunId), SeedGroups.Of(cases, 1).Select(group => Assert.Single(group).RunId));
    }

    [Fact]
    public void Where_seeds_do_not_fit_in_memory_together_they_run_one_by_one_and_it_is_said_once()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        // As in MemoryLimitTests one run needs 1.4 MiB; two defenses are two groups.
        const string Large = """
            {"data": "synthetic", "clients": 40, "malicious": 10, "rounds": 1, "seeds": [1, 2], "backends": "simd", "attacks": "none", "defenses": ["none", "median"]}
            """;
        string[] sweep = ["sweep", "--config", _folder.Write("large.json", Large), "--threads", "1", "--memory-limit", "2MiB", "--out"];
        ProgramRun.Of([.. sweep, _folder["alone"]]).AssertDone();

        ProgramRun together = ProgramRun.Of([.. sweep, _folder["together"], "--seeds-at-once", "2"]).AssertDone();

        Assert.Single(together.ErrorLines, line => line == "Seeds run one by one: they do not fit in memory together");
        Assert.All(SweepFiles.Accuracies(_folder["together"]), row => Assert.Equal(RowStatus.Ok, row.Status));
        SweepFiles.AssertSame(_folder["alone"], _folder["together"]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void What_keeps_seeds_from_sharing_launches_is_told_with_or_without_a_terminal(bool redirected)
    {
        SweepPlan plan = SweepPlan.Read(_folder.Write("plan.json", Plan));
        TrainingCase first = SweepCases.Of(plan).OfType<TrainingCase>().First(c => c.Impossible is null);
        TrainingCase longer = first with { Experiment = first.Experiment with { Seed = 2, Rounds = 3 } };
        var error = new StringWriter();
        using var run = new SweepRun(threads: 1, new Screen(TextWriter.Null, error, outputRedirected: true, redirected));

        IReadOnlyList<CaseRows> rows = run.RunTogether([first, longer], CancellationToken.None);

        Assert.Contains("Seeds run one by one: ArgumentException: runs that share launches have", error.ToString(), StringComparison.Ordinal);
        Assert.Equal([(RowStatus.Ok, 2), (RowStatus.Ok, 3)], rows.Select(of => (of.Status, of.Accuracies.Count)));
    }

    private void Sweep(string name, params string[] options) =>
        ProgramRun.Of(["sweep", "--config", _folder.Write("plan.json", Plan), "--out", _folder[name], "--threads", "1", .. options]).AssertDone();
}
