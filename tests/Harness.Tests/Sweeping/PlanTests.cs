// sweep.json: its axes, and that the published schema and the program agree about what is one.
using System.Text.Json;
using FlGpu.Harness.Sweeping;
using FlGpu.Harness.Tests.CommandLine;
using FlGpu.Kernels;
using NJsonSchema;

namespace FlGpu.Harness.Tests.Sweeping;

public sealed class PlanTests : IDisposable
{
    private static readonly JsonDocumentOptions s_relaxed = new() { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_axis_is_multiplied_out()
    {
        SweepPlan plan = Read(
            """
            {
              "clients": [8, 10], "malicious": [1, 0.2, "n-6"], "attacks": ["none", "sign_flip"], "defenses": ["none", "median", "nnm+median"],
              "pre_aggregations": ["none", "clipping:c=1+nnm"], "data": ["synthetic", "digits"], "partition": ["iid", "dirichlet:alpha=0.5"],
              "hidden": [[], [16], [16, 8]], "local_epochs": [1, 3], "learning_rate": [0.1, 0.3], "seeds": [4, 5], "backends": ["reference", "simd"], "rounds": 1,
            }
            """);
        TrainingCase[] cases = [.. SweepCases.Of(plan).Cast<TrainingCase>()];
        // Of 8 clients 1 and 0.2 are the same number; of 10 no two are.
        Assert.Equal((2 + 3) * 2 * (3 * 2) * 2 * 2 * 3 * 2 * 2 * 2 * 2, cases.Length);
        Assert.Equal(cases.Length, cases.Select(c => c.RunId).Distinct().Count());
        Assert.Equal([(8, 1), (8, 2), (10, 1), (10, 2), (10, 4)], cases.Select(c => (c.Clients, c.Malicious)).Distinct().Order());
        Assert.Equal(
            ["none", "median", "nnm+median", "clipping:c=1+nnm+none", "clipping:c=1+nnm+median", "clipping:c=1+nnm+nnm+median"],
            cases.Select(c => c.Experiment.Defense.Text).Distinct());
        Assert.Equal(["softmax", "mlp:16", "mlp:16-8"], cases.Select(c => c.Experiment.Model.Text).Distinct());
        Assert.Equal([(1, 0.1f), (1, 0.3f), (3, 0.1f), (3, 0.3f)], cases.Select(c => (c.Experiment.Sgd.Epochs, c.Experiment.Sgd.LearningRate)).Distinct().Order());
        Assert.Equal(
            [("digits", "dirichlet:alpha=0.5"), ("digits", "iid"), ("synthetic", "dirichlet:alpha=0.5"), ("synthetic", "iid")],
            cases.Select(c => (c.Data.Text, c.Partition.Text)).Distinct().Order());
    }

    [Fact]
    public void A_value_alone_is_a_list_of_one_and_widths_alone_are_one_model()
    {
        SweepPlan plan = Read(
            """
            {"clients": 7, "malicious": 2, "attacks": "none", "defenses": "median", "pre_aggregations": "nnm", "data": "digits", "partition": "iid", "hidden": [128, 64],
             "local_epochs": 3, "learning_rate": 0.5, "seeds": 9, "backends": "simd"}
            """);
        Assert.Empty(plan.Differences(Read(
            """
            {"clients": [7], "malicious": ["2"], "attacks": ["none"], "defenses": ["median"], "pre_aggregations": ["nnm"], "data": ["digits"], "partition": ["iid"],
             "hidden": [[128, 64]], "local_epochs": [3], "learning_rate": [0.5], "seeds": [9], "backends": ["simd"]}
            """)));
        Assert.Equal("mlp:128-64", Assert.Single(plan.Models));
        Assert.Equal("softmax", Assert.Single(Read("""{"hidden": []}""").Models));
    }

    [Fact]
    public void Hidden_widths_are_an_older_spelling_of_models()
    {
        SweepPlan older = Read("""{"hidden": [[64], [128, 64], []]}""");
        SweepPlan plan = Read("""{"models": ["mlp:64", "mlp:128-64", "softmax"]}""");
        Assert.Empty(plan.Differences(older));
        Assert.Equal(SweepCases.Of(older).Select(c => c.RunId), SweepCases.Of(plan).Select(c => c.RunId));
        Assert.Equal(["cnn", "cnn:4-8-16"], Read("""{"models": ["cnn:10-20-50", "cnn:4-8-16"]}""").Models);
    }

    [Fact]
    public void Models_in_both_spellings_are_refused_by_both_names()
    {
        InputException refused = Assert.Throws<InputException>(() => Read("""{"models": "cnn", "hidden": [64]}"""));
        Assert.Contains("$.models and $.hidden are both given", refused.Message, StringComparison.Ordinal);
        ProgramRun.Of("compare", "--models", "cnn", "--hidden", "64").AssertRefused("--models and --hidden are both given");
    }

    [Fact]
    public void The_id_of_a_case_stays_the_same_from_version_to_version_so_that_old_folders_can_be_resumed()
    {
        SweepPlan plan = Read("""{"clients": 10, "attacks": "none", "defenses": "median", "seeds": 1, "backends": "simd"}""");
        Assert.Equal("cb15f5e90a4d", Assert.Single(SweepCases.Of(plan)).RunId);
    }

    [Fact]
    public void The_case_of_a_plan_has_another_id_when_anything_that_decides_its_numbers_is_changed()
    {
        string[] changes =
        [
            "{}", """{"clients": 11}""", """{"malicious": 3}""", """{"attacks": "sign_flip"}""", """{"defenses": "krum"}""", """{"pre_aggregations": "nnm"}""",
            """{"data": "synthetic"}""", """{"partition": "shards:per_client=2"}""", """{"hidden": [32]}""", """{"hidden": []}""", """{"models": "cnn"}""", """{"models": "cnn:4-8-16"}""", """{"local_epochs": 3}""",
            """{"learning_rate": 0.2}""", """{"batch_size": 9}""", """{"rounds": 31}""", """{"seeds": 2}""", """{"backends": "reference"}""", """{"f": "round"}""",
            """{"clients_per_round": 6}""", """{"preset": "tutorial"}""",
        ];
        var defaults = new SweepPlan { Attacks = ["none"], Defenses = ["median"], Seeds = [1], Backends = ["simd"] };
        string[] ids = [.. changes.Select(json => Assert.Single(SweepCases.Of(PlanFile.Read(_folder.Write("plan.json", json), defaults))).RunId)];
        Assert.Equal(ids.Length, ids.Distinct().Count());
    }

    [Fact]
    public async Task The_schema_and_the_program_accept_every_plan_of_the_repository()
    {
        JsonSchema schema = await JsonSchema.FromJsonAsync(PlanFile.Schema());
        string[] plans = [.. Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Plans"), "sweep.json", SearchOption.AllDirectories)];
        Assert.True(plans.Length >= 5, $"{plans.Length} plans");
        foreach (string plan in plans)
        {
            Assert.Empty(schema.Validate(Plain(File.ReadAllText(plan))));
            Assert.NotEmpty(SweepCases.Of(SweepPlan.Read(plan)));
            Assert.Contains("/src/Harness/Sweeping/sweep.schema.json\"", File.ReadAllText(plan), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_the_program_writes_is_accepted_by_the_schema_and_read_as_the_same_plan()
    {
        JsonSchema schema = await JsonSchema.FromJsonAsync(PlanFile.Schema());
        SweepPlan timing = new() { Parameters = [100], Operations = ["row_norms"], Quick = true };
        SweepPlan large = SweepPlan.Quickstart with { MemoryLimit = "64GiB", SeedsAtOnce = 8 };
        foreach (SweepPlan plan in (SweepPlan[])[SweepPlan.Quickstart, SweepPlan.Compare, SweepPlan.Tutorial, timing, large])
        {
            Assert.Empty(schema.Validate(plan.ToJson("somewhere/sweep.schema.json")));
            Assert.Empty(plan.Differences(Read(plan.ToJson("somewhere/sweep.schema.json"))));
        }
    }

    [Theory]
    [InlineData("""{"clients": "ten"}""")]
    [InlineData("""{"clients": 0}""")]
    [InlineData("""{"clients": []}""")]
    [InlineData("""{"clients": [10, 1.5]}""")]
    [InlineData("""{"clientes": [10]}""")]
    [InlineData("""{"attacks": []}""")]
    [InlineData("""{"attacks": [null]}""")]
    [InlineData("""{"attacks": 3}""")]
    [InlineData("""{"preset": "paper"}""")]
    [InlineData("""{"malicious": -1}""")]
    [InlineData("""{"malicious": 1.5}""")]
    [InlineData("""{"malicious": "few"}""")]
    [InlineData("""{"malicious": "1.5"}""")]
    [InlineData("""{"f": "all"}""")]
    [InlineData("""{"rounds": [3]}""")]
    [InlineData("""{"rounds": null}""")]
    [InlineData("""{"models": "lenet"}""")]
    [InlineData("""{"models": []}""")]
    [InlineData("""{"models": ["mlp"]}""")]
    [InlineData("""{"models": ["mlp:64-0"]}""")]
    [InlineData("""{"models": ["mlp:1-2-3-4-5-6-7-8"]}""")]
    [InlineData("""{"models": ["softmax:10"]}""")]
    [InlineData("""{"models": ["cnn:10-20"]}""")]
    [InlineData("""{"models": "cnn", "hidden": [64]}""")]
    [InlineData("""{"hidden": 64}""")]
    [InlineData("""{"hidden": [64, [32]]}""")]
    [InlineData("""{"hidden": [[64], [0]]}""")]
    [InlineData("""{"learning_rate": 0}""")]
    [InlineData("""{"learning_rate": "fast"}""")]
    [InlineData("""{"seeds": [-1]}""")]
    [InlineData("""{"seeds": 1.5}""")]
    [InlineData("""{"parameters": 0}""")]
    [InlineData("""{"parameters": 5, "quick": "yes"}""")]
    [InlineData("""{"$schema": 7}""")]
    [InlineData("""{"parameters": 5, "seeds": [1]}""")]
    [InlineData("""{"quick": true}""")]
    [InlineData("""{"operations": "row_norms"}""")]
    [InlineData("""{"longest_call_s": null}""")]
    [InlineData("""{"defenses": []}""")]
    [InlineData("""{"parameters": 5, "defenses": [], "operations": []}""")]
    [InlineData("""{"attacks": ""}""")]
    [InlineData("""{"backends": "gpu"}""")]
    [InlineData("""{"backends": ["simd", "cuda:x"]}""")]
    [InlineData("""{"memory_limit": "0MiB"}""")]
    [InlineData("""{"memory_limit": ".5GiB"}""")]
    [InlineData("""{"memory_limit": "99999999TiB"}""")]
    [InlineData("""{"malicious": "+2"}""")]
    [InlineData("""{"malicious": "2.0"}""")]
    [InlineData("""{"malicious": "NaN"}""")]
    [InlineData("""{"malicious": "n-99999999999"}""")]
    [InlineData("""{"hidden": [1, 2, 3, 4, 5, 6, 7, 8]}""")]
    [InlineData("""{"models": "mlp:99999999999"}""")]
    [InlineData("""{"learning_rate": 1e-46}""")]
    [InlineData("[]")]
    public async Task What_the_program_refuses_by_its_form_the_schema_refuses(string json)
    {
        Assert.Throws<InputException>(() => Read(json));
        Assert.NotEmpty((await JsonSchema.FromJsonAsync(PlanFile.Schema())).Validate(json));
    }

    [Theory]
    [InlineData("""{"malicious": ["n-3", 0, 0.25, "0.25", "3", 12]}""")]
    [InlineData("""{"clients_per_round": null, "preset": null}""")]
    [InlineData("""{"parameters": [5, 6], "defenses": [], "operations": ["all"]}""")]
    [InlineData("""{"parameters": 5, "defenses": "krum", "operations": []}""")]
    [InlineData("""{"backends": ["cuda", "cuda-tensor:1", "opencl:0", "auto"]}""")]
    [InlineData("""{"malicious": [1e-3, "1e-3", ".5"]}""")]
    [InlineData("""{"models": "mlp:064", "memory_limit": "1.5GiB"}""")]
    [InlineData("""{"seeds": [0, 9007199254740991]}""")]
    [InlineData("""{"models": ["softmax", "mlp:64", "mlp:1-2-3-4-5-6-7", "cnn", "cnn:4-8-16"]}""")]
    [InlineData("{}")]
    public async Task What_the_program_takes_the_schema_takes(string json)
    {
        Read(json);
        Assert.Empty((await JsonSchema.FromJsonAsync(PlanFile.Schema())).Validate(json));
    }

    [Fact]
    public async Task The_schema_has_the_keys_of_a_plan_each_with_a_description_and_no_others()
    {
        JsonSchema schema = await JsonSchema.FromJsonAsync(PlanFile.Schema());
        Assert.Equal(PlanFile.Keys.Order(), schema.Properties.Keys.Order());
        using JsonDocument document = JsonDocument.Parse(PlanFile.Schema());
        Assert.All(
            document.RootElement.GetProperty("properties").EnumerateObject(),
            property => Assert.False(string.IsNullOrWhiteSpace(property.Value.GetProperty("description").GetString()), property.Name));
        IEnumerable<string> keys = JsonDocument.Parse((SweepPlan.Quickstart with { Parameters = [1] }).ToJson()).RootElement.EnumerateObject().Select(p => p.Name)
            .Union(JsonDocument.Parse(SweepPlan.Quickstart.ToJson()).RootElement.EnumerateObject().Select(p => p.Name)).Append("$schema").Append("hidden");
        Assert.Equal(PlanFile.Keys.Order(), keys.Order());
    }

    [Fact]
    public void A_plan_that_is_run_where_it_lies_keeps_its_comments_and_one_that_is_changed_is_written_anew()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        const string Plan = """{"parameters": 10, "clients": 3, "malicious": 0, "defenses": "none", "quick": true, "backends": "simd", /* why */}""";
        string file = _folder.Write("sweep.json", Plan);
        ProgramRun.Of("sweep", "--config", file).AssertDone();
        Assert.Equal(Plan, File.ReadAllText(file));
        ProgramRun.Of("sweep", "--config", file, "--clients", "4").AssertDone();
        Assert.Equal([4], SweepPlan.Read(file).Clients);
    }

    [Fact]
    public void The_schema_is_printed_for_editors() => Assert.Equal(PlanFile.Schema(), ProgramRun.Of("sweep", "--schema").AssertDone().Output);

    [Theory]
    [InlineData("--hidden", "64;128,64;none", """["mlp:64","mlp:128-64","softmax"]""", "models")]
    [InlineData("--models", "mlp:8;cnn:1-2-3;softmax", """["mlp:8","cnn:1-2-3","softmax"]""", "models", "--data", "digits")]
    [InlineData("--malicious", "0.1,2,n-5", """["0.1","2","n-5"]""", "malicious")]
    [InlineData("--learning-rate", "0.1,0.25", "[0.1,0.25]", "learning_rate")]
    [InlineData("--local-epochs", "1,5", "[1,5]", "local_epochs")]
    [InlineData("--pre-aggregations", "none;clipping:c=1+nnm", """["none","clipping:c=1+nnm"]""", "pre_aggregations")]
    [InlineData("--data", "digits;synthetic", """["digits","synthetic"]""", "data")]
    [InlineData("--partition", "iid;dirichlet:0.1", """["iid","dirichlet:0.1"]""", "partition")]
    [InlineData("--memory-limit", "1.5GiB", "\"1.5GiB\"", "memory_limit")]
    [InlineData("--seeds-at-once", "4", "4", "seeds_at_once")]
    public void An_option_takes_the_list_of_its_axis(string option, string text, string expected, string key, params string[] others)
    {
        string[] malicious = option == "--malicious" ? [] : ["--malicious", "1"];
        ProgramRun.Of(
        [
            "compare", "--out", _folder["out"], "--rounds", "1", "--seeds", "1", "--attacks", "none", "--defenses", "none", "--clients", "6", "--clients-per-round", "all",
            "--backend", "simd", option, text, .. malicious, .. others,
        ]).AssertDone();
        using JsonDocument plan = JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder["out"], "sweep.json")));
        Assert.Equal(expected, string.Concat(plan.RootElement.GetProperty(key).GetRawText().Where(letter => !char.IsWhiteSpace(letter))));
    }

    [Theory]
    [InlineData("--parameters 100 --rounds 3", "--rounds is of no use with --parameters")]
    [InlineData("--operations row_norms", "--operations needs --parameters")]
    public void An_option_that_means_nothing_to_the_plan_is_refused(string options, string expected)
    {
        if (!ProgramRun.IsDebugBuild)
        {
            ProgramRun.Of(["sweep", "--out", _folder["out"], .. options.Split(' ')]).AssertRefused(expected);
            Assert.False(Path.Exists(_folder["out"]));
        }
    }

    [Fact]
    public void A_whole_number_may_be_written_as_JSON_may()
    {
        // The validator of these tests does not know that these are integers; those of later drafts do.
        Assert.Empty(Read("""{"clients": 10.0, "rounds": 3e1, "seeds": [2.0, -0]}""").Differences(Read("""{"clients": 10, "rounds": 30, "seeds": [2, 0]}""")));
        Assert.Throws<InputException>(() => Read("""{"seeds": 18446744073709551616}"""));
        Assert.Equal([ulong.MaxValue], Read("""{"seeds": 18446744073709551615}""").Seeds);
    }

    [Fact]
    public void Cases_of_a_sweep_read_differently_and_what_they_have_in_common_is_left_out()
    {
        IReadOnlyList<SweepCase> cases = SweepCases.Of(Read(
            """
            {"clients": [8, 10], "malicious": [1, 2], "attacks": "none", "defenses": ["none", "krum"], "data": ["synthetic", "digits"], "partition": ["iid", "dirichlet:0.5"],
             "models": ["softmax", "cnn"], "local_epochs": [1, 2], "learning_rate": [0.1, 0.2], "seeds": [1, 2], "backends": "simd"}
            """));
        Assert.Equal(cases.Count, cases.Select(c => c.Description).Distinct().Count());
        Assert.Contains("simd n=8 f=1 digits iid softmax epochs=1 rate=0.1 none krum seed 1", cases.Select(c => c.Description));
        IReadOnlyList<SweepCase> timings = SweepCases.Of(Read("""{"clients": 8, "malicious": [1, 2], "parameters": 5, "defenses": "krum", "operations": "row_norms", "backends": "simd"}"""));
        Assert.Equal(["simd n=8 d=5 row_norms", "simd n=8 f=1 d=5 krum", "simd n=8 f=2 d=5 krum"], timings.Select(c => c.Description));
        Assert.Equal(
            ["simd n=8 none krum seed 1"],
            SweepCases.Of(Read("""{"clients": 8, "malicious": 1, "attacks": "none", "defenses": "krum", "seeds": 1, "backends": "simd"}""")).Select(c => c.Description));
    }

    private static string Plain(string json) => JsonSerializer.Serialize(JsonDocument.Parse(json, s_relaxed).RootElement);

    private SweepPlan Read(string json) => SweepPlan.Read(_folder.Write("plan.json", json));
}
