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
        Assert.Equal([_folder["peak.csv"], _folder["peak.md"]], Directory.GetFiles(_folder.Path).Where(file => !file.EndsWith(".log", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        Assert.Matches(@"Reference.*read_all", File.ReadAllText(_folder["peak.md"]));
        Assert.False(Directory.Exists(_folder["results"]));
    }

    [Fact]
    public void Clients_parameters_and_backends_are_those_that_were_asked_for()
    {
        if (ProgramRun.IsDebugBuild)
        {
            return;
        }

        ProgramRun.Of(
            "bench", "--out", _folder.Path, "--clients", "3,5", "--parameters", "70", "--backend", "cpu,simd", "--job", "dry", "--filter", "*OrderStatistic*").AssertDone();
        string[] lines = File.ReadAllLines(_folder["order_statistic.csv"]);
        string[] header = lines[0].Split(',');
        string[][] rows = [.. lines.Skip(1).Select(line => line.Split(','))];
        Assert.Equal(3 * 2 * 2 * 2, rows.Length); // operations, clients, backends, each beside the reference
        Assert.Equal(["3", "5"], Values("Clients"));
        Assert.Equal(["70"], Values("Parameters"));
        Assert.Equal(["cpu", "simd"], Values("Backend"));

        string[] Values(string column) => [.. rows.Select(row => row[Array.IndexOf(header, column)]).Distinct().Order(StringComparer.Ordinal)];
    }

    [Theory]
    [InlineData("--nonsense", "'nonsense' is unknown", "-- --help")]
    [InlineData("--job slowish", "slowish", "dry, short, medium, long, verylong")]
    [InlineData("--filter *Nothing*", "--filter *Nothing*", "*DistanceBenchmarks*")]
    [InlineData("stray", "'stray' is unknown", "--filter '*stray*'")]
    [InlineData("--clients 0", "--clients")]
    [InlineData("--parameters few", "--parameters", "'few'")]
    [InlineData("--backend tpu", "--backend", "'tpu'")]
    public void What_cannot_be_run_is_refused_and_nothing_is_written(string options, params string[] fragments)
    {
        ProgramRun.Of(["bench", "--out", _folder["never"], .. options.Split(' ')]).AssertRefused(ProgramRun.IsDebugBuild ? ["Debug"] : fragments);
        Assert.False(Directory.Exists(_folder["never"]));
    }

    [Fact]
    public void A_folder_that_cannot_be_made_is_refused() =>
        ProgramRun.Of("bench", "--out", Path.Combine(_folder.Write("file", ""), "below"), "--job", "dry", "--filter", "*Peak*").AssertRefused(ProgramRun.IsDebugBuild ? "Debug" : "--out");
}
