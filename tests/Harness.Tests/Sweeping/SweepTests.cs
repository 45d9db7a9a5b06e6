// `flgpu sweep`: its files, its configuration, cases that cannot run, and what is shown meanwhile.
using System.Text.Json;
using FlGpu.Harness.Recording;
using FlGpu.Harness.Tests.CommandLine;

namespace FlGpu.Harness.Tests.Sweeping;

public sealed class SweepTests : IDisposable
{
    private const string TimingsHeader =
        "run_id,kind,name,attack,backend,device,threads,clients,malicious,parameters,scope,phase,sample,wall_ms,gpu_ms,flops,compare_exchanges,bytes_read,bytes_written,status,reason,"
        + "dataset,partition,model,local_epochs,learning_rate";

    private const string AccuracyHeader =
        "run_id,dataset,partition,model,parameters,clients,malicious,attack,defense,backend,seed,round,test_accuracy,test_loss,attack_success,"
        + "kept_honest,kept_malicious,detection_precision,detection_recall,detection_f1,detection_false_positive_rate,reckoned_f,aggregate_cosine,aggregate_distance,train_ms,attack_ms,aggregate_ms,evaluate_ms,status,reason,local_epochs,learning_rate";

    private const string SummaryHeader =
        "kind,name,attack,dataset,partition,backend,threads,clients,malicious,parameters,samples,min_ms,q1_ms,median_ms,q3_ms,relative_iqr,"
        + "gflop_per_s,gb_per_s,seeds,final_accuracy_mean,final_accuracy_deviation,final_attack_success_mean,percent_of_peak,status,reason,model,local_epochs,learning_rate";

    private const string Small = """
        {
          // a comment, and a comma too many
          "attacks": ["none", "sign_flip"],
          "defenses": ["none", "median"],
          "data": "synthetic",
          "clients": [5],
          "malicious": "1",
          "rounds": 2,
          "seeds": [7],
          "backends": ["simd"],
        }
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Many_defenses_are_lines_of_the_tables_that_are_shown_and_few_are_columns()
    {
        string[] many = ["none", "median", "trimmed_mean", "krum", "multi_krum", "norm_clip", "geometric_median", "centered_clipping", "fl_trust"];
        if (Sweep("many", "--data", "synthetic", "--clients", "5,8", "--malicious", "1", "--attacks", "none", "--defenses", string.Join(',', many),
                "--backend", "simd", "--seeds", "1", "--rounds", "2") is not { } run)
        {
            return;
        }

        Assert.All(many, defense => Assert.Equal(2, run.OutputLines.Count(line => line.TrimStart().StartsWith($"{defense} ", StringComparison.Ordinal))));
        ProgramRun few = Sweep("few", "--data", "synthetic", "--clients", "5,8", "--malicious", "1", "--attacks", "none", "--defenses", string.Join(',', many[..4]),
            "--backend", "simd", "--seeds", "1", "--rounds", "2")!;
        Assert.DoesNotContain(few.OutputLines, line => line.TrimStart().StartsWith("median ", StringComparison.Ordinal));
        Assert.Contains(few.OutputLines, line => line.TrimStart().StartsWith("clients ", StringComparison.Ordinal) && line.Contains("median", StringComparison.Ordinal));
    }

    [Fact]
    public void A_sweep_writes_its_files_with_a_row_for_every_round_of_every_case()
    {
        const int Cases = 2 * 2 * 3 * 2 * 2; // clients, attacks, defenses, backends, seeds
        const int Rounds = 3;
        if (Sweep(
            "out", "--data", "synthetic", "--clients", "5,8", "--malicious", "0.2", "--attacks", "none,sign_flip", "--defenses", "none,median,norm_clip",
            "--backend", "reference,simd", "--seeds", "1..2", "--rounds", $"{Rounds}") is null)
        {
            return;
        }

        Assert.Equal(
            ["accuracy.csv", "environment.json", "report.html", "summary.csv", "sweep.json", "timings.csv"],
            Directory.GetFiles(_folder["out"]).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(AccuracyHeader, FirstLine("accuracy.csv"));
        Assert.Equal(TimingsHeader, FirstLine("timings.csv"));
        Assert.Equal(SummaryHeader, FirstLine("summary.csv"));

        IReadOnlyList<AccuracyRow> accuracies = Accuracies("out");
        Assert.Equal(Cases * Rounds, accuracies.Count);
        Assert.Equal(
            Cases, accuracies.Select(row => (row.Clients, row.Attack, row.Defense, row.Backend, row.Seed)).Distinct().Count());
        Assert.All(
            accuracies.Chunk(Rounds), rounds => Assert.Equal(Enumerable.Range(1, Rounds), rounds.Select(row => row.Round!.Value)));
        Assert.All(accuracies, row => Assert.Equal(row.Clients == 5 ? 1 : (int)(0.2 * 8), row.Malicious));

        IReadOnlyList<TimingRow> timings = CsvTable<TimingRow>.Read(Path.Combine(_folder["out"], "timings.csv"));
        Assert.Equal(Cases * Rounds, timings.Count(row => row.Kind == RowKind.Defense));
        Assert.Equal(Cases * Rounds, timings.Count(row => row.Kind == RowKind.Round));
        Assert.Equal(Cases * 2, timings.Count(row => row.Phase == TimingPhase.First));

        IReadOnlyList<SummaryRow> summary = CsvTable<SummaryRow>.Read(Path.Combine(_folder["out"], "summary.csv"));
        SummaryRow[] means = [.. summary.Where(row => row.Kind == RowKind.Accuracy)];
        Assert.Equal(Cases / 2, means.Length);
        foreach (SummaryRow mean in means)
        {
            double[] last = [.. accuracies
                .Where(row => row.Round == Rounds && (row.Clients, row.Attack, row.Defense, row.Backend) == (mean.Clients, mean.Attack, mean.Name, mean.Backend))
                .Select(row => row.TestAccuracy!.Value)];
            Assert.Equal((2, 2), (last.Length, mean.Seeds!.Value));
            Assert.Equal(last.Average(), mean.FinalAccuracyMean!.Value, 1e-12);
        }

        using JsonDocument environment = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], "environment.json")));
        Assert.Equal(Cases, accuracies.Select(row => row.RunId).Distinct().Count());
        Assert.Equal(accuracies.Select(row => row.RunId).Distinct(), timings.Select(row => row.RunId).Distinct());
        Assert.Equal("sweep", environment.RootElement.GetProperty("argv")[0].GetString());
        JsonElement peaks = Assert.Single(environment.RootElement.GetProperty("peaks").EnumerateArray());
        Assert.Equal(("simd", 1), (peaks.GetProperty("backend").GetString(), peaks.GetProperty("threads").GetInt32()));
        Assert.All(summary, row => Assert.Equal(row.Backend == "simd" && row.Kind != RowKind.Accuracy, row.PercentOfPeak > 0));
    }

    [Fact]
    public void Progress_is_plain_lines_on_standard_error_with_the_time_left_and_the_table_is_on_standard_output()
    {
        if (Sweep("out", "--config", _folder.Write("small.json", Small)) is not { } run)
        {
            return;
        }

        Assert.All(run.ErrorLines, line => Assert.Matches(@"^\d+/4 cases, about \d+ s left: simd n=5 ", line));
        Assert.StartsWith("4/4 cases, about 0 s left", run.ErrorLines[^1], StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', run.Error + run.Output);
        Assert.DoesNotContain("left", run.Output, StringComparison.Ordinal);
        Assert.Equal(["attack", "none", "median"], run.Cells[0][^3..]);
        Assert.Single(run.Cells, cells => cells.Length >= 3 && cells[^3] == "sign_flip");
        Assert.Contains(_folder["out"], run.OutputLines[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void A_case_that_cannot_run_keeps_its_row_with_the_reason_while_the_others_run()
    {
        if (Sweep("out", "--data", "synthetic", "--clients", "3,10", "--malicious", "1", "--attacks", "none", "--defenses", "none,krum", "--seeds", "1", "--rounds", "2") is not { } run)
        {
            return;
        }

        IReadOnlyList<AccuracyRow> rows = Accuracies("out");
        Assert.Equal((3 * 2) + 1, rows.Count);
        AccuracyRow skipped = Assert.Single(rows, row => row.Status != RowStatus.Ok);
        Assert.Equal((RowStatus.Skipped, "krum", 3), (skipped.Status, skipped.Defense, skipped.Clients));
        Assert.Contains("f is 1 with n = 3", skipped.Reason, StringComparison.Ordinal);
        Assert.Null(skipped.TestAccuracy);
        Assert.Single(CsvTable<TimingRow>.Read(Path.Combine(_folder["out"], "timings.csv")), row => row.Status == RowStatus.Skipped && row.Reason == skipped.Reason);
        Assert.Single(CsvTable<SummaryRow>.Read(Path.Combine(_folder["out"], "summary.csv")), row => row.Kind == RowKind.Accuracy && row.Status == RowStatus.Skipped);
        Assert.Contains($"skipped: {skipped.Reason}", run.OutputLines);
    }

    [Fact]
    public void The_plan_that_a_sweep_writes_gives_the_same_accuracies_again()
    {
        if (Sweep("first", "--config", _folder.Write("small.json", Small), "--partition", "shards:per_client=3", "--hidden", "none", "--learning-rate", "0.05", "--seeds", "3,9") is null)
        {
            return;
        }

        Assert.NotNull(Sweep("second", "--config", Path.Combine(_folder["first"], "sweep.json")));
        IReadOnlyList<AccuracyRow> first = Accuracies("first");
        Assert.Equal(2 * 2 * 2 * 2, first.Count);
        Assert.Equal(first.Select(Timeless), Accuracies("second").Select(Timeless));
        Assert.Equal(File.ReadAllText(Path.Combine(_folder["first"], "sweep.json")), File.ReadAllText(Path.Combine(_folder["second"], "sweep.json")));
    }

    [Fact]
    public void A_plan_of_the_tutorial_preset_stays_one()
    {
        ProgramRun.Of(
            "compare", "--preset", "tutorial", "--attacks", "sign_flip", "--defenses", "krum", "--rounds", "2", "--seeds", "4", "--backend", "simd", "--out", _folder["compare"])
            .AssertDone();
        if (Sweep("sweep", "--config", Path.Combine(_folder["compare"], "sweep.json")) is null)
        {
            return;
        }

        Assert.Equal(Accuracies("compare").Select(Timeless), Accuracies("sweep").Select(Timeless));
        Assert.All(Accuracies("sweep"), row => Assert.Equal("krum:distance=euclidean", row.Defense));
    }

    [Fact]
    public void A_model_that_a_data_set_has_no_images_for_is_skipped_there_and_trained_elsewhere()
    {
        if (Sweep(
            "out", "--config", _folder.Write("small.json", Small), "--data", "synthetic;digits", "--models", "cnn:2-3-4;mlp:8", "--attacks", "none", "--defenses", "none",
            "--rounds", "1") is null)
        {
            return;
        }

        IReadOnlyList<AccuracyRow> rows = Accuracies("out");
        Assert.Equal(
            [("digits", "cnn:8x8-2-3-4-10", 179), ("digits", "mlp:64-8-10", 610), ("synthetic", "", 0), ("synthetic", "mlp:32-8-10", 354)],
            rows.Select(row => (row.Dataset, row.Model, row.Parameters)).Order());
        AccuracyRow skipped = Assert.Single(rows, row => row.Status == RowStatus.Skipped);
        Assert.Contains("--models: a cnn needs square grey images of 4 x 4 pixels and more, and these samples have 32 features", skipped.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_override_the_plan_of_the_file()
    {
        if (Sweep("out", "--config", _folder.Write("small.json", Small), "--rounds", "1", "--attacks", "gradient_scale", "--clients", "6") is null)
        {
            return;
        }

        Assert.Equal(
            [("gradient_scale", "none", 6, 1), ("gradient_scale", "median", 6, 1)],
            Accuracies("out").Select(row => (row.Attack, row.Defense, row.Clients, row.Round!.Value)));
        Assert.Equal([7UL], Accuracies("out").Select(row => row.Seed).Distinct());
    }

    [Theory]
    [InlineData("""{"attack": ["none"]}""", "attack")]
    [InlineData("""{"rounds": "many"}""", "rounds")]
    [InlineData("""{"clients": "10"}""", "$.clients is \"10\"; allowed is a whole number from 1 on")]
    [InlineData("""{"clients": [10, 2.5]}""", "$.clients[1] is 2.5; allowed is a whole number from 1 on")]
    [InlineData("""{"malicous": 2}""", "$.malicous is unknown; did you mean malicious?")]
    [InlineData("""{"learning_rates": 0.1}""", "did you mean learning_rate?")]
    [InlineData("""{"malicious": [0.2, 1.5]}""", "$.malicious[1] is 1.5; allowed is a count such as 2, a share")]
    [InlineData("""{"hidden": [[64], 32]}""", "$.hidden[1] is 32")]
    [InlineData("""{"hidden": [[64], [32, 0]]}""", "$.hidden[1][1] is 0")]
    [InlineData("""{"hidden": 64}""", "$.hidden is 64")]
    [InlineData("""{"models": ["mlp:64", "cnn:0-1-2"]}""", "$.models[1] is 'cnn:0-1-2'; allowed are softmax, mlp with 1 to 7 hidden widths as in mlp:128-64, and cnn")]
    [InlineData("""{"learning_rate": [0.1, 0]}""", "$.learning_rate[1] is 0; allowed is a number above 0")]
    [InlineData("""{"seeds": [-1]}""", "$.seeds[0] is -1; allowed is a whole number from 0 on")]
    [InlineData("""{"attacks": ["none", "sign_flipp"]}""", "$.attacks[1]: 'sign_flipp' is unknown")]
    [InlineData("""{"defenses": ["krum:g=2"]}""", "$.defenses[0] krum:g=2: krum has no parameter 'g'")]
    [InlineData("""{"pre_aggregations": ["nnm", "median"]}""", "$.pre_aggregations[1]: 'median' is unknown")]
    [InlineData("""{"data": ["digits", "mnist"]}""", "$.data[1]: 'mnist' is unknown")]
    [InlineData("""{"f": "all"}""", "$.f is \"all\"; allowed is \"config\" or \"round\"")]
    [InlineData("""{"quick": true}""", "$.quick needs $.parameters")]
    [InlineData("""{"parameters": 1000, "rounds": 5}""", "$.rounds is of no use with $.parameters")]
    [InlineData("""{"parameters": 1000, "operations": "sort"}""", "$.operations: 'sort' is unknown")]
    [InlineData("""{"rounds": null}""", "rounds")]
    [InlineData("""{"rounds": 2, "rounds": 3}""", "rounds")]
    [InlineData("""{"attacks": null}""", "attacks")]
    [InlineData("""{"attacks": [null]}""", "attacks")]
    [InlineData("""{"attacks": []}""", "$.attacks is []; allowed is at least one value")]
    [InlineData("""{"seeds": []}""", "$.seeds is []")]
    [InlineData("""{"seeds": null}""", "seeds")]
    [InlineData("""{"backends": null}""", "backend")]
    [InlineData("""{"hidden": null}""", "hidden")]
    [InlineData("""{"data": null}""", "data")]
    [InlineData("""{"malicious": null}""", "malicious")]
    [InlineData("""{"hidden": [0]}""", "hidden")]
    [InlineData("""{"rounds": 0}""", "$.rounds is 0")]
    [InlineData("""{"clients": [0]}""", "$.clients[0] is 0")]
    [InlineData("""{"preset": "paper"}""", "preset")]
    [InlineData("""{"defenses": ["trimmed_mean:trim=0.5"]}""", "trim is 0.5")]
    [InlineData("""{"memory_limit": 5}""", "$.memory_limit is '5'; allowed is a size such as 512MiB or 1.5GiB")]
    [InlineData("""{"seeds_at_once": 0}""", "$.seeds_at_once is 0")]
    [InlineData("""{"rounds": 2""", "--config")]
    [InlineData("[1, 2]", "--config")]
    [InlineData("null", "--config")]
    [InlineData("", "--config")]
    public void A_plan_that_cannot_be_used_is_refused_and_nothing_is_written(string json, string named)
    {
        string file = _folder.Write("bad.json", json);
        AssertRefused(file, named);
    }

    [Fact]
    public void A_plan_that_is_missing_or_a_directory_is_refused()
    {
        AssertRefused(_folder["nowhere.json"], _folder["nowhere.json"]);
        AssertRefused(_folder.Path, _folder.Path);
    }

    private static AccuracyRow Timeless(AccuracyRow row) => row with { RunId = "", TrainMs = 0, AttackMs = 0, AggregateMs = 0, EvaluateMs = 0 };

    private void AssertRefused(string config, string named)
    {
        ProgramRun run = ProgramRun.Of("sweep", "--config", config, "--out", _folder["out"]);
        if (ProgramRun.IsDebugBuild)
        {
            run.AssertRefused("sweep", "Debug build");
        }
        else
        {
            run.AssertRefused(named);
        }

        Assert.False(Path.Exists(_folder["out"]));
    }

    /// <summary>A sweep to a folder of this test on one simd thread; null, with the refusal asserted, in a Debug build.</summary>
    private ProgramRun? Sweep(string name, params string[] options)
    {
        ProgramRun run = ProgramRun.Of(["sweep", "--out", _folder[name], "--threads", "1", .. options]);
        if (ProgramRun.IsDebugBuild)
        {
            run.AssertRefused("sweep", "Debug build");
            Assert.False(Path.Exists(_folder[name]));
            return null;
        }

        return run.AssertDone();
    }

    private string FirstLine(string file) => File.ReadLines(Path.Combine(_folder["out"], file)).First();

    private IReadOnlyList<AccuracyRow> Accuracies(string name) => CsvTable<AccuracyRow>.Read(Path.Combine(_folder[name], "accuracy.csv"));
}
