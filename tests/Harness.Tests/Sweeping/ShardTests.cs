// Shards of a sweep: who runs which part, and that joined they are the whole.
using System.Text.Json;
using FlGpu.Harness.Recording;
using FlGpu.Harness.Sweeping;
using FlGpu.Harness.Tests.CommandLine;
using FlGpu.Kernels;

namespace FlGpu.Harness.Tests.Sweeping;

public sealed class ShardTests : IDisposable
{
    private const string Plan = """
        {
          "data": "synthetic", // small
          "clients": [3, 6], "malicious": 1, "attacks": ["none", "sign_flip"], "defenses": ["none", "krum"], "seeds": [1, 2], "rounds": 2, "backends": "simd",
        }
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("2/3", "")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=3")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=2 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=5 SLURM_ARRAY_TASK_STEP=2 SLURM_ARRAY_TASK_MAX=9")]
    [InlineData(null, "JOB_COMPLETION_INDEX=1 FLGPU_SHARD_COUNT=3")]
    [InlineData("2/3", "SLURM_ARRAY_TASK_ID=0 SLURM_ARRAY_TASK_COUNT=9")]
    public void The_second_of_three_shards_is_chosen_by_an_option_or_by_a_cluster(string? option, string variables)
    {
        Shard shard = Shard.Choose(option, Environment(variables))!;
        Assert.Equal((2, 3, "shard-2-of-3"), (shard.Number, shard.Count, shard.FolderName));
        Assert.Equal([1, 4, 7], shard.Of([.. Enumerable.Range(0, 9)]));
    }

    [Fact]
    public void Outside_of_a_cluster_there_is_no_shard() => Assert.Null(Shard.Choose(null, Environment("SLURM_JOB_ID=3")));

    [Theory]
    [InlineData("0/3", "", "--shard is '0/3'; allowed is i/n with i from 1 to n")]
    [InlineData("4/3", "", "'4/3'")]
    [InlineData("2", "", "'2'")]
    [InlineData("a/b", "", "'a/b'")]
    [InlineData("1/2/3", "", "'1/2/3'")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=3", "SLURM_ARRAY_TASK_COUNT is ''")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=7 SLURM_ARRAY_TASK_COUNT=3", "task 7 (from 0) of 3")]
    [InlineData(null, "SLURM_ARRAY_TASK_ID=4 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_STEP=2", "no multiple of SLURM_ARRAY_TASK_STEP, 2")]
    [InlineData(null, "JOB_COMPLETION_INDEX=1", "FLGPU_SHARD_COUNT is ''")]
    public void A_part_that_there_is_not_is_refused(string? option, string variables, string expected) =>
        Assert.Contains(expected, Assert.Throws<InputException>(() => Shard.Choose(option, Environment(variables))).Message, StringComparison.Ordinal);

    [Fact]
    public void Shards_in_any_order_join_to_the_rows_of_the_whole_sweep()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        Sweep("whole");
        for (int i = 1; i <= 3; i++)
        {
            Sweep("parts", "--shard", $"{i}/3");
        }

        ProgramRun run = ProgramRun.Of("merge", _folder["merged"], Part(3), Part(1), Part(2)).AssertDone();
        Assert.Equal($"Wrote 16 of 16 cases to {_folder["merged"]}.", run.OutputLines[^1]);
        SweepFiles.AssertSame(_folder["whole"], _folder["merged"]);
        Assert.Equal(
            File.ReadAllText(Path.Combine(_folder["whole"], "sweep.json")), File.ReadAllText(Path.Combine(_folder["merged"], "sweep.json")));
        using JsonDocument environment = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["merged"], "environment.json")));
        Assert.Equal("3/3", environment.RootElement.GetProperty("shard").GetString());
        Assert.Equal(["1/3", "2/3"], environment.RootElement.GetProperty("further_runs").EnumerateArray().Select(further => further.GetProperty("shard").GetString()));
    }

    [Fact]
    public void A_merge_whose_output_was_forgotten_takes_no_shard_for_it()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        Sweep("parts", "--shard", "1/2");
        Sweep("parts", "--shard", "2/2");
        string first = Path.Combine(_folder["parts"], "shard-1-of-2");
        string second = Path.Combine(_folder["parts"], "shard-2-of-2");
        string before = File.ReadAllText(Path.Combine(first, "accuracy.csv"));
        ProgramRun.Of("merge", first, second).AssertRefused(first, "8 cases that are in none of the others");
        Assert.Equal(before, File.ReadAllText(Path.Combine(first, "accuracy.csv")));
        // Named among the shards, too, it loses nothing; and a second merge replaces the first.
        ProgramRun.Of("merge", first, first, second).AssertDone();
        ProgramRun.Of("merge", first, first, second).AssertDone();
        Assert.Equal(16, SweepFiles.Accuracies(first).Select(row => row.RunId).Distinct().Count());
    }

    [Fact]
    public void Missing_shards_are_named_and_the_merged_folder_can_be_resumed()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        Sweep("whole");
        Sweep("parts", "--shard", "1/3");
        Sweep("parts", "--shard", "3/3");
        ProgramRun run = ProgramRun.Of("merge", _folder["merged"], Part(1), Part(3));
        Assert.Equal(1, run.ExitCode);
        Assert.Contains(run.ErrorLines, line => line.StartsWith("Missing: 5 of 5 cases of shard 2 of 3, the first is simd n=3 none krum seed 1", StringComparison.Ordinal));

        ProgramRun.Of("sweep", "--resume", "--out", _folder["merged"], "--threads", "1").AssertDone();
        SweepFiles.AssertSame(_folder["whole"], _folder["merged"]);
    }

    [Fact]
    public void A_case_that_is_there_twice_is_taken_once_when_both_agree_and_refused_when_they_do_not()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        Sweep("whole");
        Sweep("parts", "--shard", "1/3");
        ProgramRun.Of("merge", _folder["merged"], _folder["whole"], Part(1)).AssertDone();
        SweepFiles.AssertSame(_folder["whole"], _folder["merged"]);

        IReadOnlyList<AccuracyRow> rows = SweepFiles.Accuracies(Part(1));
        AccuracyRow other = rows.First(row => row.Status == RowStatus.Ok);
        CsvTable<AccuracyRow>.Replace(Path.Combine(Part(1), "accuracy.csv"), rows.Select(row => row == other ? row with { TestLoss = row.TestLoss + 1e-9 } : row));
        ProgramRun.Of("merge", _folder["refused"], _folder["whole"], Part(1)).AssertRefused(_folder["whole"], Part(1), "disagree about the case", other.RunId);
        Assert.False(Path.Exists(_folder["refused"]));
    }

    [Fact]
    public void Shards_of_different_sweeps_are_refused_with_what_differs()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        Sweep("parts", "--shard", "1/3");
        Sweep("parts", "--shard", "2/3", "--rounds", "3");
        ProgramRun.Of("merge", _folder["merged"], Part(1), Part(2)).AssertRefused(Part(1), Part(2), "another sweep", "rounds: 2 here, 3 there");
        Assert.False(Path.Exists(_folder["merged"]));
    }

    [Fact]
    public void A_folder_without_a_sweep_is_refused() =>
        ProgramRun.Of("merge", _folder["merged"], _folder.Path).AssertRefused(_folder.Path, "sweep.json");

    [Fact]
    public void The_Slurm_job_is_an_array_of_one_task_a_shard_that_resumes()
    {
        string config = _folder.Write("it's.json", Plan);
        string[] lines = ProgramRun.Of("cluster", "slurm", "--config", config, "--out", _folder["out"], "--tasks", "5", "--cpus", "2").AssertDone().OutputLines;
        Assert.Equal("#!/bin/bash", lines[0]);
        Assert.Contains("#SBATCH --array=1-5", lines);
        Assert.Contains("#SBATCH --cpus-per-task=2", lines);
        Assert.Contains("#SBATCH --requeue", lines);
        string command = string.Join('\n', lines[^2..]);
        Assert.Contains($"sweep --config '{_folder.Path}/it'\\''s.json' --out '{_folder["out"]}'", command, StringComparison.Ordinal);
        Assert.Contains("--shard \"$SLURM_ARRAY_TASK_ID/5\"", command, StringComparison.Ordinal);
        Assert.EndsWith("--resume", command, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("17", "1 to 16")]
    [InlineData("0", "from 1 on")]
    public void More_tasks_than_cases_or_none_are_refused(string tasks, string expected) =>
        ProgramRun.Of("cluster", "slurm", "--config", _folder.Write("plan.json", Plan), "--out", _folder["out"], "--tasks", tasks).AssertRefused("--tasks", tasks, expected);

    [Fact]
    public void A_dry_run_shows_cases_time_memory_and_what_would_be_skipped_and_writes_nothing()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        string config = _folder.Write("plan.json", Plan);
        ProgramRun run = ProgramRun.Of("sweep", "--config", config, "--out", _folder["out"], "--threads", "1", "--dry-run").AssertDone();
        Assert.Equal("16 cases.", run.OutputLines[0]);
        Assert.Contains(run.Cells, cells => cells.SequenceEqual(["defense", "8", "none; krum"]));
        Assert.Contains(run.Cells, cells => cells.SequenceEqual(["clients", "8", "3; 6"]));
        Assert.Equal(12, run.OutputLines.Count(line => System.Text.RegularExpressions.Regex.IsMatch(line, "^  [0-9a-f]{12}  simd n=")));
        Assert.Contains(run.OutputLines, line => line.StartsWith("Skipped would be 4 (the first is simd n=3 none krum seed 1): ", StringComparison.Ordinal) && line.Contains("f is 1 with n = 3", StringComparison.Ordinal));
        Assert.Contains(run.OutputLines, line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^Time: about \d+ s here, reckoned from two rounds of [1-9]\d* of the cases\.$"));
        Assert.Contains(run.OutputLines, line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^Memory: about [0-9.]*[1-9] MiB "));
        Assert.Equal(config, Assert.Single(Directory.GetFileSystemEntries(_folder.Path)));

        Sweep("out", "--shard", "1/3");
        ProgramRun rest = ProgramRun.Of("sweep", "--config", config, "--out", _folder["out"], "--threads", "1", "--dry-run", "--shard", "1/3", "--resume").AssertDone();
        Assert.Equal("6 cases of shard 1 of 3, 16 in all; 6 are done already.", rest.OutputLines[0]);
    }

    [Fact]
    public void A_dry_run_says_as_many_cases_that_would_not_fit_in_memory_as_are_then_skipped()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        string[] sweep =
        [
            "sweep", "--out", _folder["out"], "--clients", "10,100", "--attacks", "none", "--defenses", "none,krum", "--seeds", "1,2", "--rounds", "1", "--memory-limit", "1MiB",
            "--backend", "simd", "--threads", "1",
        ];
        ProgramRun dry = ProgramRun.Of([.. sweep, "--dry-run"]).AssertDone();
        string line = Assert.Single(dry.OutputLines, line => line.StartsWith("Skipped would be ", StringComparison.Ordinal));
        Assert.Matches("^Skipped would be 2 .the first is simd n=100 none krum seed 1.: it needs .* and --memory-limit allows 1.0 MiB", line);
        ProgramRun.Of(sweep).AssertDone();
        Assert.Equal(2, SweepFiles.Accuracies(_folder["out"]).Count(row => row.Status == RowStatus.Skipped));
    }

    [Fact]
    public void A_dry_run_of_timings_reckons_them_from_some()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        string config = _folder.Write(
            "plan.json", """{"parameters": [50, 60], "clients": 4, "malicious": 1, "defenses": ["none", "median", "krum", "cge", "trimmed_mean"], "quick": true, "backends": "simd"}""");
        ProgramRun run = ProgramRun.Of("sweep", "--config", config, "--threads", "1", "--dry-run").AssertDone();
        // Of five cases of a size two: every fourth one and what is left.
        Assert.Contains(run.OutputLines, line => System.Text.RegularExpressions.Regex.IsMatch(line, @"^Time: about \d+ s here, reckoned from 4 of the cases\.$"));
        Assert.Equal(config, Assert.Single(Directory.GetFileSystemEntries(_folder.Path)));
    }

    [Fact]
    public void A_case_that_needs_more_memory_than_there_is_is_skipped_with_both_numbers()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        long parameters = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / sizeof(float) / 1000;
        string config = _folder.Write(
            "plan.json", $$"""{"parameters": [100, {{parameters + 1000}}], "clients": 1000, "malicious": 1, "defenses": "none", "quick": true, "backends": "simd"}""");
        ProgramRun.Of("sweep", "--config", config, "--out", _folder["out"], "--threads", "1").AssertDone();
        TimingRow skipped = Assert.Single(SweepFiles.Timings(_folder["out"]), row => row.Status != RowStatus.Ok);
        Assert.Equal((RowStatus.Skipped, parameters + 1000), (skipped.Status, skipped.Parameters));
        Assert.Matches(@"^it needs \d+\.\d GiB of memory and this machine has \d+\.\d GiB$", skipped.Reason);
    }

    private static Func<string, string?> Environment(string variables)
    {
        Dictionary<string, string> values = variables.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);
        return name => values.GetValueOrDefault(name);
    }

    private string Part(int number) => Path.Combine(_folder["parts"], $"shard-{number}-of-3");

    private void Sweep(string name, params string[] options) =>
        ProgramRun.Of(["sweep", "--config", _folder.Write("plan.json", Plan), "--out", _folder[name], "--threads", "1", .. options]).AssertDone();
}
