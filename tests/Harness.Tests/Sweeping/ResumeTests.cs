// Sweeps that are ended by kill -9, Ctrl-C and SIGTERM in a process of their own, and what --resume makes of what is on disk.
using System.Diagnostics;
using System.Text.Json;
using FlGpu.Harness.Recording;
using FlGpu.Harness.Tests.CommandLine;

namespace FlGpu.Harness.Tests.Sweeping;

public sealed class ResumeTests : IDisposable
{
    private const int Rounds = 5;

    private static readonly string[] s_long =
    [
        "--data", "synthetic", "--clients", "3,12", "--malicious", "1", "--attacks", "none,sign_flip", "--defenses", "none,median,krum", "--seeds", "1..40",
        "--rounds", $"{Rounds}", "--backend", "simd", "--threads", "1",
    ];

    private static readonly string[] s_short =
    [
        "--data", "synthetic", "--clients", "3,8", "--malicious", "1", "--attacks", "none", "--defenses", "none,krum", "--seeds", "1..2", "--rounds", $"{Rounds}",
        "--backend", "simd", "--threads", "1",
    ];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_sweep_that_was_killed_goes_on_and_ends_with_the_rows_of_one_that_was_not()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        using (Process sweep = Start("killed", s_long))
        {
            sweep.Kill();
            Assert.True(sweep.WaitForExit(10_000));
        }

        Assert.False(File.Exists(Path.Combine(_folder["killed"], "summary.csv")));
        File.AppendAllText(Path.Combine(_folder["killed"], "accuracy.csv"), "0123456789ab,\"half a li");
        ProgramRun resumed = ProgramRun.Of("sweep", "--resume", "--out", _folder["killed"], "--threads", "1").AssertDone();
        Assert.Matches(@"^\d+ of 480 cases are done already\.$", resumed.ErrorLines[0]);
        ProgramRun.Of(["sweep", "--out", _folder["whole"], .. s_long]).AssertDone();
        SweepFiles.AssertSame(_folder["whole"], _folder["killed"]);

        using JsonDocument environment = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["killed"], "environment.json")));
        Assert.Contains("1..40", environment.RootElement.GetProperty("argv").EnumerateArray().Select(word => word.GetString()));
        Assert.Contains(
            "--resume", environment.RootElement.GetProperty("further_runs")[0].GetProperty("argv").EnumerateArray().Select(word => word.GetString()));
    }

    [Theory]
    [InlineData("INT")]
    [InlineData("TERM")]
    public void A_signal_ends_a_sweep_with_a_summary_of_what_was_done_and_exit_code_130(string signal)
    {
        if (ProgramRun.IsDebugBuild || OperatingSystem.IsWindows())
        {
            return;
        }

        using (Process sweep = Start("ended", s_long))
        {
            using var kill = Process.Start("kill", [$"-{signal}", $"{sweep.Id}"]);
            string error = sweep.StandardError.ReadToEnd();
            Assert.True(sweep.WaitForExit(20_000));
            Assert.Equal(130, sweep.ExitCode);
            Assert.Matches(@"Interrupted: \d+ of 480 cases are done; the same command with --resume goes on\.", error);
        }

        IReadOnlyList<AccuracyRow> rows = SweepFiles.Accuracies(_folder["ended"]);
        AccuracyRow[] trained = [.. rows.Where(row => row.Status == RowStatus.Ok)];
        int cases = trained.Select(row => row.RunId).Distinct().Count();
        Assert.InRange(cases, 1, 399);
        Assert.Equal(Rounds * cases, trained.Length);
        Assert.Equal(
            cases, SweepFiles.Summary(_folder["ended"]).Where(row => row.Kind == RowKind.Accuracy).Sum(row => row.Seeds!.Value));
        using JsonDocument environment = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["ended"], "environment.json")));
        Assert.Equal(JsonValueKind.Null, environment.RootElement.GetProperty("further_runs").ValueKind);

        ProgramRun.Of(["sweep", "--resume", "--out", _folder["ended"], .. s_long]).AssertDone();
        ProgramRun.Of(["sweep", "--out", _folder["whole"], .. s_long]).AssertDone();
        SweepFiles.AssertSame(_folder["whole"], _folder["ended"]);
    }

    [Theory]
    [InlineData("accuracy.csv", 1)]
    [InlineData("accuracy.csv", Rounds)]
    [InlineData("timings.csv", 1)]
    [InlineData("timings.csv", 2 * Rounds)]
    public void A_case_that_lacks_rows_in_either_file_is_run_again_and_no_other(string file, int lacking)
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        ProgramRun.Of(["sweep", "--out", _folder["cut"], .. s_short]).AssertDone();
        ProgramRun.Of(["sweep", "--out", _folder["whole"], .. s_short]).AssertDone();
        string path = Path.Combine(_folder["cut"], file);
        string[] lines = File.ReadAllLines(path);
        File.WriteAllLines(path, lines[..^lacking]);
        AccuracyRow[] before = [.. SweepFiles.Accuracies(_folder["cut"])];

        ProgramRun resumed = ProgramRun.Of(["sweep", "--resume", "--out", _folder["cut"], .. s_short]).AssertDone();
        Assert.Equal("7 of 8 cases are done already.", resumed.ErrorLines[0]);
        SweepFiles.AssertSame(_folder["whole"], _folder["cut"]);
        // Times of the others are the old ones.
        Assert.Equal(before[0], SweepFiles.Accuracies(_folder["cut"])[0]);
    }

    [Fact]
    public void A_case_from_the_middle_comes_back_to_its_place()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        ProgramRun.Of(["sweep", "--out", _folder["gap"], .. s_short]).AssertDone();
        ProgramRun.Of(["sweep", "--out", _folder["whole"], .. s_short]).AssertDone();
        string path = Path.Combine(_folder["gap"], "accuracy.csv");
        string first = SweepFiles.Accuracies(_folder["gap"])[0].RunId;
        File.WriteAllLines(path, File.ReadAllLines(path).Where(line => !line.StartsWith(first, StringComparison.Ordinal)));

        ProgramRun.Of(["sweep", "--resume", "--out", _folder["gap"], .. s_short]).AssertDone();
        SweepFiles.AssertSame(_folder["whole"], _folder["gap"]);
    }

    [Fact]
    public void A_folder_of_another_sweep_is_refused_with_what_differs_and_left_as_it_is()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        ProgramRun.Of(["sweep", "--out", _folder["out"], .. s_short]).AssertDone();
        string before = File.ReadAllText(Path.Combine(_folder["out"], "accuracy.csv"));
        ProgramRun.Of(["sweep", "--resume", "--out", _folder["out"], .. s_short, "--batch-size", "7"])
            .AssertRefused("--resume", Path.Combine(_folder["out"], "sweep.json"), "batch_size: 7 here, 8 there");
        Assert.Equal(before, File.ReadAllText(Path.Combine(_folder["out"], "accuracy.csv")));
        Assert.True(File.Exists(Path.Combine(_folder["out"], "summary.csv")));
    }

    [Fact]
    public void A_sweep_that_has_not_come_to_its_end_is_not_begun_anew_by_repeating_its_command()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        ProgramRun.Of(["sweep", "--out", _folder["out"], .. s_short]).AssertDone();
        string path = Path.Combine(_folder["out"], "accuracy.csv");
        File.WriteAllLines(path, File.ReadAllLines(path)[..^1]);
        string before = File.ReadAllText(path);
        ProgramRun.Of(["sweep", "--out", _folder["out"], .. s_short]).AssertRefused("--out", _folder["out"], "holds 7 of 8 cases", "--resume");
        Assert.Equal(before, File.ReadAllText(path));
        ProgramRun.Of(["compare", "--out", _folder["other"], "--clients-per-round", "all", .. s_short]).AssertDone();
        string other = Path.Combine(_folder["other"], "accuracy.csv");
        File.WriteAllLines(other, File.ReadAllLines(other)[..^1]);
        ProgramRun.Of(["compare", "--out", _folder["other"], "--clients-per-round", "all", .. s_short]).AssertRefused($"flgpu sweep --resume --out {_folder["other"]} goes on");
        ProgramRun.Of("sweep", "--resume", "--out", _folder["other"]).AssertDone();
        // Another sweep, or this one when it is whole, is replaced.
        ProgramRun.Of(["sweep", "--out", _folder["out"], "--resume", .. s_short]).AssertDone();
        ProgramRun.Of(["sweep", "--out", _folder["out"], .. s_short]).AssertDone();
        ProgramRun.Of(["sweep", "--out", _folder["out"], .. s_short, "--batch-size", "7"]).AssertDone();
    }

    [Theory]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData("null")]
    [InlineData("{\"run_id\": ")]
    public void An_environment_that_cannot_be_read_is_written_anew(string text)
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        ProgramRun.Of(["sweep", "--out", _folder["out"], .. s_short]).AssertDone();
        string path = Path.Combine(_folder["out"], "environment.json");
        File.WriteAllText(path, text);
        ProgramRun.Of(["sweep", "--resume", "--out", _folder["out"], .. s_short]).AssertDone();
        Assert.NotNull(EnvironmentReport.Read(path));
    }

    [Theory]
    [InlineData("environment.json", 0)]
    [InlineData("summary.csv", 8)]
    public void A_full_disk_ends_a_sweep_with_one_line_and_it_goes_on_when_there_is_room(string file, int done)
    {
        if (ProgramRun.IsDebugBuild || !OperatingSystem.IsLinux())
        {
            return;
        }

        Directory.CreateDirectory(_folder["full"]);
        string draft = Path.Combine(_folder["full"], $"{file}.draft");
        File.CreateSymbolicLink(draft, "/dev/full");
        ProgramRun ended = ProgramRun.Of(["sweep", "--out", _folder["full"], .. s_short]);
        Assert.Equal(1, ended.ExitCode);
        Assert.Matches("^flgpu: No space left on device.*the same command with --resume goes on$", ended.ErrorLines[^1]);
        // Neither a draft nor a lock is left, which would be in the way of the next one.
        Assert.DoesNotContain(Directory.GetFiles(_folder["full"]), left => left == draft || left.EndsWith(".lock", StringComparison.Ordinal));

        ProgramRun resumed = ProgramRun.Of(["sweep", "--resume", "--out", _folder["full"], .. s_short]).AssertDone();
        Assert.Equal(done > 0, resumed.ErrorLines[0] == $"{done} of 8 cases are done already.");
        ProgramRun.Of(["sweep", "--out", _folder["whole"], .. s_short]).AssertDone();
        SweepFiles.AssertSame(_folder["whole"], _folder["full"]);
    }

    [Fact]
    public void A_folder_that_another_process_writes_to_is_refused()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        using Process sweep = Start("busy", s_long);
        ProgramRun.Of(["sweep", "--resume", "--out", _folder["busy"], .. s_long]).AssertRefused("--out", _folder["busy"], "another process");
        sweep.Kill();
        sweep.WaitForExit();
    }

    [Fact]
    public void The_last_timed_case_of_a_sweep_that_did_not_end_is_measured_again_for_nothing_says_that_it_is_whole()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        string plan = _folder.Write("plan.json", """{"parameters": [50, 60], "clients": 4, "malicious": 1, "defenses": ["none"], "operations": "row_norms", "quick": true, "backends": "simd"}""");
        ProgramRun.Of("sweep", "--config", plan, "--out", _folder["out"], "--threads", "1").AssertDone();
        IReadOnlyList<TimingRow> before = SweepFiles.Timings(_folder["out"]);
        Assert.Equal(
            [(RowKind.Operation, "row_norms", 50, 0), (RowKind.Defense, "none", 50, 1), (RowKind.Operation, "row_norms", 60, 0), (RowKind.Defense, "none", 60, 1)],
            before.Select(row => (row.Kind, row.Name, row.Parameters, row.Malicious)).Distinct());
        Assert.All(before.GroupBy(row => row.RunId), rows => Assert.Equal(Enumerable.Range(0, rows.Count() - 1), rows.Skip(1).Select(row => row.Sample)));
        Assert.Empty(SweepFiles.Accuracies(_folder["out"]));

        ProgramRun ended = ProgramRun.Of("sweep", "--resume", "--out", _folder["out"], "--threads", "1").AssertDone();
        Assert.Equal("4 of 4 cases are done already.", ended.ErrorLines[0]);
        Assert.Equal(before, SweepFiles.Timings(_folder["out"]));

        File.Delete(Path.Combine(_folder["out"], "summary.csv"));
        ProgramRun killed = ProgramRun.Of("sweep", "--resume", "--out", _folder["out"], "--threads", "1").AssertDone();
        Assert.Equal("3 of 4 cases are done already.", killed.ErrorLines[0]);
        IReadOnlyList<TimingRow> after = SweepFiles.Timings(_folder["out"]);
        Assert.Equal(before.Select(row => row.RunId).Distinct(), after.Select(row => row.RunId).Distinct());
        Assert.Equal(before.Where(row => row.RunId != before[^1].RunId), after.Where(row => row.RunId != before[^1].RunId));
        Assert.NotEqual(before.Where(row => row.RunId == before[^1].RunId), after.Where(row => row.RunId == before[^1].RunId));
    }

    /// <summary>The program in a process of its own, when it has written some cases.</summary>
    private Process Start(string name, string[] options)
    {
        // Whoever runs the tests in the background may have them ignore Ctrl-C, and a child inherits that.
        string[] command = ["dotnet", typeof(Program).Assembly.Location, "sweep", "--out", _folder[name], .. options];
        command = IgnoresInterrupts() ? ["env", "--default-signal=INT", .. command] : command;
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Process process = Process.Start(start)!;
        string rows = Path.Combine(_folder[name], "accuracy.csv");
        var waited = Stopwatch.StartNew();
        while (!File.Exists(rows) || new FileInfo(rows).Length < 20_000)
        {
            Assert.False(process.HasExited, "it ended before it could be ended");
            Assert.True(waited.Elapsed < TimeSpan.FromSeconds(60), "no cases within a minute");
            Thread.Sleep(5);
        }

        Assert.False(process.HasExited, "it ended before it could be ended");
        return process;
    }

    private static bool IgnoresInterrupts()
    {
        const string Status = "/proc/self/status";
        const string Ignored = "SigIgn:";
        const ulong Interrupt = 1 << (2 - 1);
        return File.Exists(Status)
            && (Convert.ToUInt64(File.ReadLines(Status).Single(line => line.StartsWith(Ignored, StringComparison.Ordinal))[Ignored.Length..].Trim(), 16) & Interrupt) != 0;
    }
}
