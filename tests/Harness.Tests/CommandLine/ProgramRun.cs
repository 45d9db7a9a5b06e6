// Runs the program within the test process and keeps what it wrote.
using System.Diagnostics;
using System.Reflection;
using FlGpu.Kernels;

namespace FlGpu.Harness.Tests.CommandLine;

/// <summary>One finished run of the program.</summary>
internal sealed record ProgramRun(int ExitCode, string Output, string Error)
{
    private static readonly char[] s_cellEnds = [' ', '\r'];

    /// <summary>Whether the program was compiled without optimisation, so that it refuses to take timings.</summary>
    public static bool IsDebugBuild { get; } =
        typeof(Backend).Assembly.GetCustomAttribute<DebuggableAttribute>() is { IsJITOptimizerDisabled: true };

    public string[] OutputLines => Lines(Output);

    public string[] ErrorLines => Lines(Error);

    /// <summary>The cells of each line of a table; cells are at least two spaces apart.</summary>
    public IReadOnlyList<string[]> Cells =>
        [.. OutputLines.Select(line => line.Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).Where(cells => cells.Length > 0)];

    public static ProgramRun Of(params string[] args)
    {
        var output = new StringWriter();
        var error = new StringWriter();
        int exitCode = Program.Run(args, new Screen(output, error, outputRedirected: true, errorRedirected: true));
        return new(exitCode, output.ToString(), error.ToString());
    }

    /// <summary>Exit code 2, one line on standard error that has all of <paramref name="fragments"/>, nothing on standard output.</summary>
    public void AssertRefused(params string[] fragments)
    {
        Assert.Equal("", Output);
        string line = Assert.Single(ErrorLines);
        Assert.All(fragments, fragment => Assert.Contains(fragment, line, StringComparison.Ordinal));
        Assert.StartsWith("flgpu: ", line, StringComparison.Ordinal);
        Assert.Equal(2, ExitCode);
    }

    /// <summary>Exit code 0, with what was written in the message otherwise.</summary>
    public ProgramRun AssertDone()
    {
        Assert.True(ExitCode == 0, $"exit code {ExitCode}: {Error} {Output}");
        return this;
    }

    private static string[] Lines(string text) =>
        [.. text.Split('\n').Select(line => line.TrimEnd(s_cellEnds)).Where(line => line.Length > 0)];
}
