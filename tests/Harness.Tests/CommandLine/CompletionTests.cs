// Tab completion: what the program answers when a shell asks how a line may go on.
namespace FlGpu.Harness.Tests.CommandLine;

public sealed class CompletionTests
{
    [Theory]
    [InlineData("agg", "aggregate")]
    [InlineData("flgpu swe", "sweep")]
    [InlineData("aggregate --def", "--defense")]
    [InlineData("aggregate --input a.npy --ba", "--backend")]
    [InlineData("aggregate --defense mult", "multi_krum")]
    [InlineData("aggregate --defense nnm+mult", "nnm+multi_krum")]
    [InlineData("compare --defenses none,bucketing+med", "none,bucketing+median")]
    [InlineData("sweep --attacks label", "label_flip")]
    [InlineData("compare --partition dir", "dirichlet")]
    [InlineData("compare --preset t", "tutorial")]
    [InlineData("time --operations weighted_s", "weighted_sum")]
    [InlineData("time --backend si", "simd")]
    public void A_line_is_completed(string line, string expected) => Assert.Equal([expected], Suggestions(line));

    [Theory]
    [InlineData("", "aggregate", "compare", "list")]
    [InlineData("aggregate ", "--defense", "--input", "--scores")]
    [InlineData("compare --data ", "digits", "idx", "synthetic")]
    public void Where_several_things_may_follow_all_are_offered(string line, params string[] expected) =>
        Assert.Empty(expected.Except(Suggestions(line)));

    [Fact]
    public void What_nothing_can_follow_gets_no_suggestion_and_no_error() => Assert.Empty(Suggestions("aggregate --defense nonsens"));

    private static string[] Suggestions(string line)
    {
        ProgramRun run = ProgramRun.Of($"[suggest:{line.Length}]", line).AssertDone();
        Assert.Equal("", run.Error);
        return run.OutputLines;
    }
}
