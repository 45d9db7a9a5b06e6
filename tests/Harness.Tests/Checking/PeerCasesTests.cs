// `flgpu check` on the cases collected from other systems' tests: what maps passes, and what does not is told why.
using FlGpu.Harness.Tests.CommandLine;

namespace FlGpu.Harness.Tests.Checking;

public sealed class PeerCasesTests : IDisposable
{
    private const string Case = """{"source":"x","op":"OP","params":{},"input":[[1,2],[3,4]],"expected":[2,3],"tolerance":"exact"}""";

    private static readonly string[] s_backends = ["reference", "simd", "cpu"];

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_peers_test_cases_that_map_pass_on_every_CPU_backend() => AssertPassed("peer_test_vectors.json", new()
    {
        ["mean"] = 2,
        ["median"] = 6,
        ["trimmed_mean"] = 2,
        ["trimmed_mean_ratio"] = 5,
        ["fedavg"] = 2,
        ["krum_dialect"] = 4,
        ["multi_krum_dialect"] = 3,
        ["nnm"] = 1,
        ["arc"] = 1,
        ["clip_rows"] = 1,
        ["mean_of_beta_closest_to_ref"] = 4,
        ["bulyan"] = 1,
    });

    [Fact]
    public void The_dialects_that_the_discriminating_inputs_tell_apart_pass_on_every_CPU_backend() =>
        AssertPassed("discriminating_vectors.json", new() { ["krum_dialect"] = 7 });

    [Fact]
    public void Rows_of_ByzFLs_stages_pass_on_every_CPU_backend() =>
        AssertPassed("byzfl.jsonl.gz", new() { ["nnm"] = 240, ["arc"] = 240, ["clip_rows"] = 90 });

    [Theory]
    [InlineData("winsorized_mean", "Not supported, winsorized_mean: no paper on poisoning aggregates so; the catalogue has no such rule.")]
    [InlineData("sorcery", "Not supported, sorcery: nothing here does that.")]
    public void A_kind_that_cannot_be_matched_has_a_line_with_the_reason(string op, string line)
    {
        ProgramRun run = Check($"[{Case.Replace("OP", op, StringComparison.Ordinal)}]", "reference,simd").AssertDone();

        Assert.Equal(line, Assert.Single(run.OutputLines, text => text.StartsWith("Not supported", StringComparison.Ordinal)));
        Assert.Equal("0 passed, 0 failed, 2 not supported.", run.OutputLines[^1]);
    }

    [Theory]
    [InlineData("[2,3.001]", "exact", 1)]
    [InlineData("[2,3.001]", "1e-2", 0)]
    [InlineData("[2,3.001]", "rtol 1e-3", 0)]
    [InlineData("[2,3.001]", "rtol 1e-4", 1)]
    [InlineData("[2,3.00005]", "allclose", 0)]
    [InlineData("[2,3.001]", "allclose", 1)]
    [InlineData("[2,3,4]", "exact", 1)]
    [InlineData("\"throws: n<3\"", "-", 1)]
    public void A_case_has_its_own_tolerance(string expected, string tolerance, int failed)
    {
        string text = Case.Replace("OP", "average", StringComparison.Ordinal).Replace("[2,3]", expected, StringComparison.Ordinal)
            .Replace("exact", tolerance, StringComparison.Ordinal);

        ProgramRun run = Check($"[{text}]", "simd");

        Assert.Equal(failed, run.ExitCode);
        Assert.Equal(["mean", "simd", $"{1 - failed}", $"{failed}", "0"], Assert.Single(run.Cells, cells => cells[0] == "mean"));
    }

    [Theory]
    [InlineData("[]", "no cases")]
    [InlineData("[1]", "case 1")]
    [InlineData("[{}]", "case 1")]
    [InlineData("""[{"source":"x","op":"average","params":{},"input":[[1,2],[3]],"expected":[2,3],"tolerance":"exact"}]""", "case 1")]
    [InlineData("""[{"source":"x","op":"average","params":{},"input":[],"expected":[2,3],"tolerance":"exact"}]""", "case 1")]
    [InlineData("""[{"source":"x","op":"average","params":{},"input":[["y"]],"expected":[2],"tolerance":"exact"}]""", "case 1")]
    [InlineData("""[{"source":"x","op":"krum","params":{},"input":[[1],[2]],"expected":[2],"tolerance":"exact"}]""", "case 1")]
    [InlineData("""[{"source":"x","op":"ipm","params":{},"input":[[1],[2]],"expected":[2],"tolerance":"exact"}]""", "ipm needs tau")]
    [InlineData("""{"krum":{}}""", "case 1")]
    [InlineData("{\n\"alie_z\": 3\n}", "case 1")]
    [InlineData("{\n\"krum\": {", "case 1")]
    public void A_document_that_is_not_whole_is_refused_with_the_place(string text, string place) =>
        Check(text, "simd").AssertRefused("--vectors", place);

    [Fact]
    public void A_row_that_a_stage_gives_is_compared_whole()
    {
        const string Rows = """{"op":"clip_rows","params":{"c":1},"n":2,"d":2,"input":[3,4,0.5,0],"output":[0.6,0.8,0.5,X]}""";

        Assert.Equal(0, Check(Rows.Replace("X", "0", StringComparison.Ordinal), "simd").ExitCode);
        Assert.Equal(1, Check(Rows.Replace("X", "0.1", StringComparison.Ordinal), "simd").ExitCode);
        Assert.Equal(1, Check(Rows.Replace(",0.5,X", "", StringComparison.Ordinal), "simd").ExitCode);
    }

    private ProgramRun Check(string text, string backends) =>
        ProgramRun.Of("check", "--backend", backends, "--vectors", _folder.Write("cases.json", text));

    private static void AssertPassed(string file, Dictionary<string, int> kinds)
    {
        string path = Path.Combine(AppContext.BaseDirectory, "Vectors", file);
        ProgramRun run = ProgramRun.Of("check", "--backend", string.Join(',', s_backends), "--vectors", path).AssertDone();
        Assert.Contains(", 0 failed, ", run.OutputLines[^1], StringComparison.Ordinal);
        foreach ((string kind, int count) in kinds)
        {
            foreach (string backend in s_backends)
            {
                Assert.Equal([kind, backend, $"{count}", "0", "0"], Assert.Single(run.Cells, cells => cells[0] == kind && cells[1] == backend));
            }
        }

        foreach (string kind in run.Cells.Where(cells => cells.Length == 5 && s_backends.Contains(cells[1]) && cells[4] != "0").Select(cells => cells[0]))
        {
            Assert.Contains(run.OutputLines, line => line.StartsWith($"Not supported, {kind}: ", StringComparison.Ordinal));
        }
    }
}
