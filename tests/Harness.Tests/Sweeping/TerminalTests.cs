// A sweep on a terminal, where it shows a progress bar instead of lines.
namespace FlGpu.Harness.Tests.Sweeping;

public class TerminalTests
{
    [Fact]
    public void On_a_terminal_a_comparison_shows_a_bar_on_standard_error_and_its_table_on_standard_output()
    {
        var output = new StringWriter();
        var error = new StringWriter();
        var screen = new Screen(output, error, outputRedirected: false, errorRedirected: false);

        int exitCode = Program.Run(["compare", "--rounds", "1", "--seeds", "1", "--attacks", "none", "--defenses", "none,krum", "--backend", "simd"], screen);

        Assert.Equal(0, exitCode);
        Assert.Contains("100%", error.ToString(), StringComparison.Ordinal);
        Assert.Matches(@"2/2, about \d+ s left: simd n=10 none krum seed 1", error.ToString());
        Assert.Matches(@"simd n=10 none none seed 1: accuracy 0\.\d{3}", error.ToString());
        Assert.Contains("krum", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("100%", output.ToString(), StringComparison.Ordinal);
    }
}
