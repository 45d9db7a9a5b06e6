// `flgpu check`: every operation, the cases of other systems, and cases that are wrong or unreadable.
using System.IO.Compression;
using System.Text.Json.Nodes;
using FlGpu.Harness.Tests.CommandLine;
using FlGpu.Kernels;

namespace FlGpu.Harness.Tests.Checking;

public sealed class CheckTests : IDisposable
{
    private const string Mean = """{"op":"mean","params":{},"n":2,"d":2,"input":[1,2,3,4],"output":[2,3]}""";

    private static readonly string[] s_backends = ["reference", "simd", "cpu"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void All_cases_of_the_tutorial_aggregators_pass_on_every_CPU_backend() =>
        AssertPassed("tutorial-aggregators.jsonl.gz", 264, 0, new()
        {
            ["fedavg"] = 18,
            ["median_lower"] = 18,
            ["trimmed_mean_ratio"] = 72,
            ["krum_euclidean"] = 51,
            ["multi_krum_euclidean"] = 51,
            ["norm_clip_mean"] = 54,
        });

    [Fact]
    public void All_cases_of_training_in_PyTorch_pass_on_every_CPU_backend() => AssertPassed("tutorial-training.jsonl.gz", 5, 0, new() { ["training"] = 5 });

    [Fact]
    public void Every_operation_has_a_passing_line()
    {
        ProgramRun run = ProgramRun.Of("check", "--backend", "simd").AssertDone();
        string[][] lines = [.. run.Cells.Where(cells => cells.Length == 5 && cells[1] == "simd")];
        Assert.Equal(Operations.All.Select(operation => operation.Name), lines.Select(cells => cells[0]));
        Assert.All(lines, cells => Assert.Equal("passed", cells[^1]));
        Assert.Contains(" 0 failed.", run.Output, StringComparison.Ordinal);
        Assert.Equal("", run.Error);
    }

    [Fact]
    public void Without_backends_all_of_this_machine_are_checked()
    {
        string file = _folder.Write("mean.jsonl", Mean);
        ProgramRun run = ProgramRun.Of("check", "--vectors", file).AssertDone();
        Assert.Equal(
            Backends.List().Where(listing => listing.Missing is null).Select(listing => listing.Name),
            run.Cells.Where(cells => cells[0] == "mean").Select(cells => cells[1]));
    }

    [Theory]
    [InlineData("fedavg")]
    [InlineData("median_lower")]
    [InlineData("trimmed_mean_ratio")]
    [InlineData("krum_euclidean")]
    [InlineData("multi_krum_euclidean")]
    [InlineData("norm_clip_mean")]
    public void An_aggregate_that_is_one_per_cent_off_fails(string op)
    {
        JsonNode vector = Vectors("tutorial-aggregators.jsonl.gz").First(v => (string)v["op"]! == op);
        JsonArray output = vector["output"]!.AsArray();
        int largest = Enumerable.Range(0, output.Count).MaxBy(k => Math.Abs((double)output[k]!));
        AssertDone(vector);
        output[largest] = (double)output[largest]! * 1.01;
        AssertOneFailed(vector, op);
    }

    [Fact]
    public void A_training_step_whose_loss_is_one_per_cent_off_fails()
    {
        JsonNode vector = Vectors("tutorial-training.jsonl.gz").First();
        AssertDone(vector);
        JsonArray losses = vector["step_losses"]!.AsArray();
        losses[^1] = (double)losses[^1]! * 1.01;
        AssertOneFailed(vector, "training");
    }

    [Fact]
    public void A_training_whose_last_bias_is_off_fails()
    {
        JsonNode vector = Vectors("tutorial-training.jsonl.gz").First();
        string last = vector["final"]!.AsObject().Select(pair => pair.Key).Last(key => key.EndsWith(".bias", StringComparison.Ordinal));
        JsonArray bias = vector["final"]![last]!.AsArray();
        bias[^1] = (double)bias[^1]! + 0.001;
        AssertOneFailed(vector, "training");
    }

    [Fact]
    public void Cases_that_fail_are_counted_beside_those_that_pass_and_those_without_a_rule()
    {
        string file = _folder.Write("cases.jsonl", string.Join('\n', Mean, Mean.Replace("[2,3]", "[2,3.1]", StringComparison.Ordinal), Mean.Replace("mean", "sorcery", StringComparison.Ordinal)));
        ProgramRun run = ProgramRun.Of("check", "--backend", "simd", "--vectors", file);
        Assert.Equal(1, run.ExitCode);
        Assert.Equal(["mean", "simd", "1", "1", "0"], Assert.Single(run.Cells, cells => cells[0] == "mean"));
        Assert.Equal(["sorcery", "simd", "0", "0", "1"], Assert.Single(run.Cells, cells => cells[0] == "sorcery"));
        Assert.Equal("1 passed, 1 failed, 1 not supported.", run.OutputLines[^1]);
    }

    [Fact]
    public void Cases_of_several_files_are_added_up()
    {
        string plain = _folder.Write("plain.jsonl", Mean + "\n\n" + Mean + "\n");
        string packed = _folder["packed.jsonl.gz"];
        File.WriteAllBytes(packed, Packed(Mean));
        ProgramRun run = ProgramRun.Of("check", "--backend", "reference", "--vectors", plain, packed).AssertDone();
        Assert.Equal(["mean", "reference", "3", "0", "0"], Assert.Single(run.Cells, cells => cells[0] == "mean"));
    }

    [Fact]
    public void Krum_where_its_condition_does_not_hold_is_not_supported_and_no_failure()
    {
        string file = _folder.Write("krum.jsonl", Mean.Replace("\"mean\",\"params\":{}", "\"krum\",\"params\":{\"f\":1}", StringComparison.Ordinal));
        Assert.Equal("0 passed, 0 failed, 1 not supported.", ProgramRun.Of("check", "--backend", "simd", "--vectors", file).AssertDone().OutputLines[^1]);
    }

    [Theory]
    [InlineData("", "no cases")]
    [InlineData("\n\n", "no cases")]
    [InlineData("hello", "case 1")]
    [InlineData("[1,2]", "case 1")]
    [InlineData("null", "case 1")]
    [InlineData("{}", "case 1")]
    [InlineData(Mean + "\n{\"op\":\"mean\",", "case 2")]
    [InlineData("""{"op":"mean","params":{},"n":2,"d":2,"input":[1,2,3],"output":[2,3]}""", "case 1")]
    [InlineData("""{"op":"mean","params":{},"n":2,"d":2,"input":[1,2,3,"x"],"output":[2,3]}""", "case 1")]
    [InlineData("""{"op":7,"params":{},"n":2,"d":2,"input":[1,2,3,4],"output":[2,3]}""", "case 1")]
    public void A_file_that_holds_no_cases_is_refused_with_the_place(string text, string place)
    {
        string file = _folder.Write("cases.jsonl", text);
        ProgramRun.Of("check", "--backend", "simd", "--vectors", file).AssertRefused("--vectors", file, place);
    }

    [Theory]
    [InlineData("""{"op":"mean","params":{},"n":2,"d":2,"input":[1,2,3,4],"output":[2]}""")]
    [InlineData("""{"op":"fedavg","params":{},"n":2,"d":2,"input":[1,2,3,4],"num_samples":[1],"output":[2,3]}""")]
    [InlineData("""{"op":"trimmed_mean","params":{},"n":2,"d":2,"input":[1,2,3,4],"output":[2,3]}""")]
    [InlineData("""{"layers":[2,3]}""")]
    [InlineData("""{"layers":null}""")]
    public void A_case_that_lacks_what_it_needs_is_refused(string text)
    {
        string file = _folder.Write("cases.jsonl", text);
        ProgramRun.Of("check", "--backend", "simd", "--vectors", file).AssertRefused("--vectors");
    }

    [Fact]
    public void A_training_case_without_its_weights_is_refused()
    {
        JsonNode vector = Vectors("tutorial-training.jsonl.gz").First();
        vector["initial"]!.AsObject().Remove("network.0.weight");
        ProgramRun.Of("check", "--backend", "simd", "--vectors", _folder.Write("cases.jsonl", vector.ToJsonString())).AssertRefused("--vectors");
    }

    [Fact]
    public void A_file_that_is_missing_or_a_directory_is_refused()
    {
        ProgramRun.Of("check", "--backend", "simd", "--vectors", _folder["nowhere.jsonl"]).AssertRefused("--vectors", _folder["nowhere.jsonl"]);
        ProgramRun.Of("check", "--backend", "simd", "--vectors", _folder.Path).AssertRefused("--vectors", _folder.Path);
    }

    [Fact]
    public void A_packed_file_that_is_cut_off_or_not_packed_is_refused()
    {
        byte[] whole = File.ReadAllBytes(PathOf("tutorial-training.jsonl.gz"));
        string file = _folder["cut.jsonl.gz"];
        File.WriteAllBytes(file, whole[..(whole.Length / 2)]);
        ProgramRun.Of("check", "--backend", "simd", "--vectors", file).AssertRefused("--vectors", file);
        File.WriteAllText(file, Mean);
        ProgramRun.Of("check", "--backend", "simd", "--vectors", file).AssertRefused("--vectors", file);
    }

    private static void AssertPassed(string file, int passed, int unsupported, Dictionary<string, int> kinds)
    {
        ProgramRun run = ProgramRun.Of("check", "--backend", string.Join(',', s_backends), "--vectors", PathOf(file)).AssertDone();
        Assert.Equal($"{3 * passed} passed, 0 failed, {3 * unsupported} not supported.", run.OutputLines[^1]);
        foreach (string backend in s_backends)
        {
            foreach ((string kind, int count) in Vectors(file).Select(v => (string?)v["op"] ?? "training").CountBy(kind => kind))
            {
                string[] expected = kinds.TryGetValue(kind, out int supported) ? [$"{supported}", "0", "0"] : ["0", "0", $"{count}"];
                Assert.Equal([kind, backend, .. expected], Assert.Single(run.Cells, cells => cells[0] == kind && cells[1] == backend));
            }
        }
    }

    private static string PathOf(string file) => Path.Combine(AppContext.BaseDirectory, "Vectors", file);

    private static IEnumerable<JsonNode> Vectors(string file)
    {
        using var text = new StreamReader(new GZipStream(File.OpenRead(PathOf(file)), CompressionMode.Decompress));
        while (text.ReadLine() is { } line)
        {
            yield return JsonNode.Parse(line)!;
        }
    }

    private static byte[] Packed(string text)
    {
        using var bytes = new MemoryStream();
        using (var writer = new StreamWriter(new GZipStream(bytes, CompressionMode.Compress)))
        {
            writer.Write(text);
        }

        return bytes.ToArray();
    }

    private void AssertDone(JsonNode vector) =>
        Assert.Equal(0, ProgramRun.Of("check", "--backend", "simd", "--vectors", _folder.Write("right.jsonl", vector.ToJsonString())).AssertDone().ExitCode);

    private void AssertOneFailed(JsonNode vector, string kind)
    {
        ProgramRun run = ProgramRun.Of("check", "--backend", "reference,simd", "--vectors", _folder.Write("wrong.jsonl", vector.ToJsonString()));
        Assert.Equal(1, run.ExitCode);
        Assert.Equal([kind, "reference", "0", "1", "0"], Assert.Single(run.Cells, cells => cells[0] == kind && cells[1] == "reference"));
        Assert.Equal([kind, "simd", "0", "1", "0"], Assert.Single(run.Cells, cells => cells[0] == kind && cells[1] == "simd"));
    }
}
