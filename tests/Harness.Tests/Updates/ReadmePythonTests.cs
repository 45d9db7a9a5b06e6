// The lines of Python with which the README saves a round give files that `flgpu aggregate` reads.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using FlGpu.Harness.Tests.CommandLine;

namespace FlGpu.Harness.Tests.Updates;

public sealed partial class ReadmePythonTests : IDisposable
{
    private const string Torch = """
        import numpy as np, torch
        server, *clients = [torch.nn.Linear(4, 3) for _ in range(8)]
        """;

    // Flower's own types are a few names here: pairs of a proxy and a result, whose parameters are turned into a list of arrays.
    private const string Flower = """
        import numpy as np
        from types import SimpleNamespace
        parameters_to_ndarrays = lambda parameters: parameters
        sent = [np.ones((4, 3), "f4"), np.zeros(3, "f4")]
        results = [(None, SimpleNamespace(parameters=[sent[0] + k, sent[1] - k])) for k in range(7)]
        """;

    private const string ByzFl = """
        import numpy as np
        vectors = [np.full(15, k, "f4") for k in range(7)]
        """;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_round_that_the_README_saves_is_aggregated()
    {
        string[] lines = [.. PythonBlock().Matches(Section()).Select(match => match.Groups[1].Value)];
        Assert.Equal(3, lines.Length);
        foreach ((string before, string line) in new[] { Torch, Flower, ByzFl }.Zip(lines))
        {
            if (RunPython($"{before}\n{line}") is not { } problem)
            {
                continue; // no Python here has the modules
            }

            Assert.Equal("", problem);
            ProgramRun run = ProgramRun.Of("aggregate", "--defense", "none", "--input", _folder["updates.npy"], "--backend", "simd").AssertDone();
            Assert.Contains("7 clients x 15 parameters", run.Output, StringComparison.Ordinal);
            File.Delete(_folder["updates.npy"]);
        }
    }

    /// <summary>What Python complained of; null where there is no Python or it lacks NumPy or PyTorch.</summary>
    private string? RunPython(string program)
    {
        foreach (string python in new[] { "python3", "/usr/bin/python3" })
        {
            try
            {
                using Process process = Process.Start(new ProcessStartInfo(python, ["-c", program]) { WorkingDirectory = _folder.Path, RedirectStandardError = true })!;
                string error = process.StandardError.ReadToEnd();
                process.WaitForExit();
                if (!error.Contains("ModuleNotFoundError", StringComparison.Ordinal))
                {
                    return process.ExitCode == 0 ? "" : error;
                }
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // Not here; the next one may be.
            }
        }

        return null;
    }

    private static string Section([CallerFilePath] string here = "")
    {
        string readme = File.ReadAllText(Path.Combine(Path.GetDirectoryName(here)!, "..", "..", "..", "README.md"));
        return readme[readme.IndexOf("## Your own updates", StringComparison.Ordinal)..readme.IndexOf("## Report", StringComparison.Ordinal)];
    }

    [GeneratedRegex("```python\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex PythonBlock();
}
