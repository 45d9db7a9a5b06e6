// `flgpu time`: rows of the measuring protocol on standard output, in a file or as a table.
using System.Globalization;
using System.Text.Json;
using FlGpu.Harness.Measuring;
using FlGpu.Harness.Recording;
using FlGpu.Harness.Tests.CommandLine;
using FlGpu.Kernels;

namespace FlGpu.Harness.Tests.Timing;

public sealed class TimeTests : IDisposable
{
    private const string Header =
        "run_id,kind,name,attack,backend,device,threads,clients,malicious,parameters,scope,phase,sample,wall_ms,gpu_ms,flops,compare_exchanges,bytes_read,bytes_written,status,reason,dataset,partition,model,local_epochs,learning_rate";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_dash_sends_only_rows_to_standard_output()
    {
        if (Time("--operations", "row_norms", "--csv", "-") is not { } run)
        {
            return;
        }

        Assert.StartsWith(Header + "\n", run.Output, StringComparison.Ordinal);
        Assert.EndsWith("\n", run.Output, StringComparison.Ordinal);
        File.WriteAllText(_folder["rows.csv"], run.Output);
        IReadOnlyList<TimingRow> rows = CsvTable<TimingRow>.Read(_folder["rows.csv"]);
        Assert.Equal(run.OutputLines.Length - 1, rows.Count);
        AssertCases(rows, RowKind.Operation, ["row_norms"], malicious: 0);
    }

    [Fact]
    public void Every_operation_is_timed_on_every_backend_that_is_asked_for()
    {
        string file = _folder["all.csv"];
        if (Time("--operations", "all", "--backend", "reference,simd", "--csv", file) is null)
        {
            return;
        }

        IReadOnlyList<TimingRow> rows = CsvTable<TimingRow>.Read(file);
        Assert.Equal(["reference", "simd"], rows.Select(row => row.Backend).Distinct());
        foreach (IGrouping<string, TimingRow> backend in rows.GroupBy(row => row.Backend))
        {
            Assert.Equal(Operations.All.Select(operation => operation.Name), backend.Select(row => row.Name).Distinct());
            Assert.All(backend.GroupBy(row => row.Name), AssertProtocol);
        }
    }

    [Fact]
    public void A_file_gets_the_rows_and_standard_output_the_table()
    {
        string file = _folder["rows.csv"];
        if (Time("--operations", "row_norms,scale_rows", "--csv", file) is not { } run)
        {
            return;
        }

        Assert.StartsWith(Header + "\n", File.ReadAllText(file), StringComparison.Ordinal);
        AssertCases(CsvTable<TimingRow>.Read(file), RowKind.Operation, ["row_norms", "scale_rows"], malicious: 0);
        AssertTable(run, "row_norms", "scale_rows");
    }

    [Fact]
    public void Without_a_file_there_is_a_table_with_a_line_for_each_case()
    {
        if (Time("--operations", "row_norms", "--clients", "5,7", "--parameters", "33,65") is not { } run)
        {
            return;
        }

        string[][] lines = [.. run.Cells.Where(cells => cells[0] == "row_norms")];
        Assert.Equal(["5 33", "7 33", "5 65", "7 65"], lines.Select(cells => $"{cells[3]} {cells[4]}"));
        Assert.All(lines, cells => Assert.True(double.Parse(cells[5], CultureInfo.InvariantCulture) >= 0));
        Assert.DoesNotContain("run_id", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_gets_rows_summary_and_environment_with_the_peaks_that_the_percentages_are_of()
    {
        if (Time("--operations", "row_norms,coordinate_median", "--backend", "reference,simd", "--out", _folder["out"]) is not { } run)
        {
            return;
        }

        Assert.Contains("% of peak", run.Cells[0]);
        Assert.Equal(["environment.json", "report.html", "summary.csv", "timings.csv"], Directory.GetFiles(_folder["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        IReadOnlyList<TimingRow> timings = CsvTable<TimingRow>.Read(_folder["out/timings.csv"]);
        Assert.All(timings, row => Assert.Equal(row.Name == "coordinate_median" ? row.Flops : 0, row.CompareExchanges));
        using JsonDocument environment = JsonDocument.Parse(File.ReadAllText(_folder["out/environment.json"]));
        Peaks peaks = Assert.Single(environment.RootElement.GetProperty("peaks").Deserialize<Peaks[]>(
            new JsonSerializerOptions { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower })!);
        Assert.Equal(("simd", 1), (peaks.Backend, peaks.Threads));
        Assert.Equal(3, environment.RootElement.GetProperty("protocol").GetProperty("min_samples").GetInt32());
        foreach (SummaryRow row in CsvTable<SummaryRow>.Read(_folder["out/summary.csv"]))
        {
            TimingRow of = timings.First(t => (t.Name, t.Backend) == (row.Name, row.Backend));
            double? percent = row.Backend == "reference" ? null : 100 * peaks.ShortestMs(of.Flops, of.CompareExchanges, of.BytesRead + of.BytesWritten) / row.MedianMs;
            Assert.Equal(percent, row.PercentOfPeak);
        }
    }

    [Fact]
    public void A_folder_and_a_file_at_once_are_refused_and_neither_is_written()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        ProgramRun.Of("time", "--quick", "--csv", _folder["rows.csv"], "--out", _folder["out"]).AssertRefused("--csv", "--out", "only one");
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Whole_defenses_are_timed_with_their_parameters_and_the_malicious_share()
    {
        if (Time("--defenses", "none;krum:f=1,distance=euclidean", "--malicious", "0.4", "--csv", "-") is not { } run)
        {
            return;
        }

        File.WriteAllText(_folder["rows.csv"], run.Output);
        IReadOnlyList<TimingRow> rows = CsvTable<TimingRow>.Read(_folder["rows.csv"]);
        AssertCases(rows, RowKind.Defense, ["none", "krum:f=1,distance=euclidean"], malicious: 2);
    }

    [Fact]
    public void The_table_says_how_often_a_defense_reads_the_updates()
    {
        if (Time("--defenses", "krum:f=1;median;fools_gold", "--clients", "20") is not { } run)
        {
            return;
        }

        int reads = Array.IndexOf(run.Cells[0], "reads");
        double Of(string name) => double.Parse(run.Cells.Single(cells => cells[0] == name)[reads], CultureInfo.InvariantCulture);
        Assert.Equal(1, Of("median"));
        Assert.Equal(2, Of("krum:f=1"), 0.1);
        Assert.Equal(4, Of("fools_gold"), 0.1); // two of them its history's
    }

    [Fact]
    public void A_defense_that_cannot_run_with_some_clients_keeps_its_row_with_the_reason()
    {
        string file = _folder["rows.csv"];
        if (Time("--defenses", "krum:f=2", "--clients", "4,6", "--malicious", "0", "--csv", file) is null)
        {
            return;
        }

        IReadOnlyList<TimingRow> rows = CsvTable<TimingRow>.Read(file);
        TimingRow skipped = Assert.Single(rows, row => row.Clients == 4);
        Assert.Equal(RowStatus.Skipped, skipped.Status);
        Assert.Contains("f is 2", skipped.Reason, StringComparison.Ordinal);
        Assert.Null(skipped.WallMs);
        AssertProtocol(rows.Where(row => row.Clients == 6));
    }

    [Fact]
    public void An_unknown_operation_is_refused_with_those_that_are_known()
    {
        if (ProgramRun.IsDebugBuild)
        {
            ProgramRun.Of("time", "--operations", "sort").AssertRefused("time", "Debug build");
            return;
        }

        ProgramRun.Of("time", "--operations", "row_norms,sort", "--csv", "-")
            .AssertRefused(["--operations", "'sort'", .. Operations.All.Select(operation => operation.Name)]);
    }

    [Fact]
    public void A_file_that_cannot_be_written_is_refused()
    {
        string file = _folder["no/such/folder/rows.csv"];
        if (ProgramRun.IsDebugBuild)
        {
            ProgramRun.Of("time", "--csv", file).AssertRefused("time", "Debug build");
            return;
        }

        ProgramRun.Of("time", "--quick", "--operations", "row_norms", "--csv", file).AssertRefused("--csv", file);
    }

    /// <summary>A quick run on few updates; null, with the refusal asserted, in a Debug build.</summary>
    private static ProgramRun? Time(params string[] options)
    {
        List<string> args = ["time", "--quick", "--threads", "1", .. options];
        foreach ((string option, string value) in new[] { ("--clients", "5"), ("--parameters", "257"), ("--backend", "simd") })
        {
            if (!options.Contains(option))
            {
                args.AddRange([option, value]);
            }
        }

        ProgramRun run = ProgramRun.Of([.. args]);
        if (ProgramRun.IsDebugBuild)
        {
            run.AssertRefused("time", "Debug build");
            return null;
        }

        return run.AssertDone();
    }

    private static void AssertCases(IReadOnlyList<TimingRow> rows, RowKind kind, string[] names, int malicious)
    {
        Assert.Equal(names, rows.Select(row => row.Name).Distinct());
        Assert.All(rows.GroupBy(row => row.Name), AssertProtocol);
        Assert.Single(rows.Select(row => row.RunId).Distinct());
        Assert.All(rows, row =>
        {
            Assert.Equal((kind, "simd", 1, 5, malicious, 257), (row.Kind, row.Backend, row.Threads, row.Clients, row.Malicious, row.Parameters));
            Assert.Equal(TimingScope.Compute, row.Scope);
            Assert.True(row.Flops > 0 && row.BytesRead > 0 && row.BytesWritten > 0);
            Assert.NotEqual("", row.Device);
        });
    }

    // One first call, then at least three samples, counted from 0.
    private static void AssertProtocol(IEnumerable<TimingRow> rows)
    {
        TimingRow[] all = [.. rows];
        Assert.Equal(TimingPhase.First, all[0].Phase);
        TimingRow[] samples = all[1..];
        Assert.True(samples.Length >= 3, $"{samples.Length} samples");
        Assert.All(samples, row => Assert.Equal(TimingPhase.Sample, row.Phase));
        Assert.Equal(Enumerable.Range(0, samples.Length), samples.Select(row => row.Sample));
        Assert.All(all, row => Assert.True(row is { Status: RowStatus.Ok, WallMs: > 0 }, $"{row}"));
    }

    private static void AssertTable(ProgramRun run, params string[] names)
    {
        Assert.Equal(["name", "backend", "threads", "clients", "parameters", "median ms"], run.Cells[0][..6]);
        Assert.All(names, name => Assert.Single(run.Cells, cells => cells[0] == name));
        Assert.DoesNotContain("run_id", run.Output, StringComparison.Ordinal);
    }
}
