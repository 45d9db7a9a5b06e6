// `flgpu bench`: every operation is in a family, and a run leaves its tables.
using System.Globalization;
using FlGpu.Harness.Benchmarks;
using FlGpu.Harness.Tests.CommandLine;
using FlGpu.Kernels;

namespace FlGpu.Harness.Tests.Benchmarks;

public sealed class OperationBenchmarksTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_operation_is_in_one_family()
    {
        string[] all = [.. OperationBenchmarks.Families.SelectMany(family => ((OperationBenchmarks)Activator.CreateInstance(family)!).OperationNames)];
        Assert.Equal(Operations.All.Select(operation => operation.Name), all.Order(StringComparer.Ordinal));
        Assert.All(OperationBenchmarks.Families, family => Assert.NotEmpty(((OperationBenchmarks)Activator.CreateInstance(family)!).OperationNames));
    }

    [Fact]
    public void A_dry_run_leaves_a_CSV_and_a_Markdown_table_with_the_reference_as_baseline()
    {
        if (ProgramRun.IsDebugBuild)
        {
            ProgramRun.Of("bench", "--out", _folder.Path, "--job", "dry").AssertRefused("bench", "Debug");
            return;
        }

        ProgramRun.Of("bench", "--out", _folder.Path, "--job", "dry", "--filter", "*PeakBenchmarks*").AssertDone();
        string[] lines = File.ReadAllLines(_folder["peak.csv"]);
        string header = lines[0];
        Assert.All(new[] { "Operation", "Clients", "Parameters", "Backend", "Mean [ns]", "Ratio" }, column => Assert.Contains(column, header, StringComparison.Ordinal));
        string[] simd = [.. lines.Skip(1).Where(line => line.Contains("simd", StringComparison.Ordinal))];
        Assert.All(new[] { "read_all", "multiply_adds", "compare_exchanges" }, operation =>
            Assert.Equal(4, simd.Count(line => line.Contains(operation, StringComparison.Ordinal))));
        int mean = Array.IndexOf(header.Split(','), "Mean [ns]");
        Assert.All(simd, line => Assert.True(double.Parse(line.Split(',')[mean], CultureInfo.InvariantCulture) > 0));
        Assert.Matches(@"Reference.*read_all", File.ReadAllText(_folder["peak.md"]));
        Assert.False(Directory.Exists(_folder["results"]));
    }
}
