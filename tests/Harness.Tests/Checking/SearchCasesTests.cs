// `flgpu check` on attacks that search against a defense: ByzFL's own numbers, and what cannot be set up.
using FlGpu.Harness.Tests.CommandLine;

namespace FlGpu.Harness.Tests.Checking;

public sealed class SearchCasesTests : IDisposable
{
    // From the tests of ByzFL.
    private const string Case =
        """{"op":"OP","params":{"agg":"TrMean(f=1)","pre":["NNM(1)","Clipping(c=2.0)"],"f":1,"evals":20,"start":0.0,"delta":10.0,"ratio":0.8},"n":3,"d":3,"input":[1,2,3,4,5,6,7,8,9],"output":[OUT]}""";

    private const string Ipm = "-2.74877907,-3.43597384,-4.1231686";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("opt_ipm", Ipm)]
    [InlineData("attack_opt_ipm", Ipm)]
    [InlineData("opt_alie", "12.91985116,13.91985116,14.91985116")]
    public void ByzFLs_searches_are_met_and_a_wrong_number_is_not(string op, string output)
    {
        string right = Case.Replace("OP", op, StringComparison.Ordinal).Replace("OUT", output, StringComparison.Ordinal);

        Assert.Equal("3 passed, 0 failed, 0 not supported.", Check(right, "reference,simd,cpu").OutputLines[^1]);
        Assert.Equal(1, Check(right.Replace("12.9", "12.8", StringComparison.Ordinal).Replace("-2.7", "-2.6", StringComparison.Ordinal), "simd").ExitCode);
        Assert.Equal(1, Check(right.Replace("\"evals\":20", "\"evals\":4", StringComparison.Ordinal), "simd").ExitCode);
        Assert.Equal(1, Check(right.Replace("\"pre\":[\"NNM(1)\",", "\"pre\":[", StringComparison.Ordinal), "simd").ExitCode);
    }

    [Theory]
    [InlineData("CenteredClipping(L=1, tau=2.0)", "remembers each trial")]
    [InlineData("SMEA(f=1)", "random vectors")]
    [InlineData("Sorcery", "nothing here is")]
    [InlineData("Krum(g=1)", "g=1 cannot be set here")]
    public void A_search_against_a_rule_that_cannot_be_set_up_is_told_why(string rule, string why)
    {
        ProgramRun run = Check(Case.Replace("OP", "opt_ipm", StringComparison.Ordinal).Replace("OUT", Ipm, StringComparison.Ordinal)
            .Replace("TrMean(f=1)", rule, StringComparison.Ordinal), "simd").AssertDone();

        Assert.Contains(why, Assert.Single(run.OutputLines, line => line.StartsWith("Not supported, opt_ipm", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"agg\":\"TrMean(f=1)\",", "")]
    [InlineData("TrMean(f=1)", "TrMean(f=1")]
    public void A_search_whose_rule_cannot_be_read_is_refused(string part, string instead) =>
        Check(Case.Replace("OP", "opt_ipm", StringComparison.Ordinal).Replace("OUT", Ipm, StringComparison.Ordinal).Replace(part, instead, StringComparison.Ordinal), "simd")
            .AssertRefused("--vectors");

    [Theory]
    [InlineData("\"median\",\"params\":{}", "2,3", "1 passed, 0 failed, 0 not supported.")]
    [InlineData("\"median\",\"params\":{\"even\":\"upper\"}", "3,4", "1 passed, 0 failed, 0 not supported.")]
    [InlineData("\"trimmed_mean\",\"params\":{\"f\":0.0}", "2,3", "1 passed, 0 failed, 0 not supported.")]
    [InlineData("\"mean\",\"params\":{\"sorcery\":1}", "2,3", "0 passed, 0 failed, 1 not supported.")]
    [InlineData("\"attack_alie\",\"params\":{\"z\":0,\"ddof\":1}", "2,3", "1 passed, 0 failed, 0 not supported.")]
    [InlineData("\"attack_alie\",\"params\":{\"z\":0,\"ddof\":0}", "2,3", "0 passed, 0 failed, 1 not supported.")]
    [InlineData("\"attack_inf\",\"params\":{}", "Infinity, Infinity", "1 passed, 0 failed, 0 not supported.")]
    [InlineData("\"attack_inf\",\"params\":{}", "Infinity,-Infinity", "0 passed, 1 failed, 0 not supported.")]
    [InlineData("\"attack_inf\",\"params\":{}", "Infinity,NaN", "0 passed, 1 failed, 0 not supported.")]
    public void Parameters_are_read_as_the_format_may_write_them(string opAndParameters, string output, string summary) =>
        Assert.Equal(summary, Check($$"""{"op":{{opAndParameters}},"n":2,"d":2,"input":[1,2,3,4],"output":[{{output}}]}""", "simd").OutputLines[^1]);

    private ProgramRun Check(string text, string backends) =>
        ProgramRun.Of("check", "--backend", backends, "--vectors", _folder.Write("cases.jsonl", text));
}
