// `flgpu bench`: the operations under BenchmarkDotNet, whose own options are passed on.
using System.CommandLine;
using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Exporters.Csv;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Loggers;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using FlGpu.Harness.Benchmarks;
using FlGpu.Kernels;
using Perfolizer.Horology;
using Perfolizer.Metrology;

namespace FlGpu.Harness.CommandLine;

internal static class BenchCommand
{
    private const string DefaultOutput = "results/benchmarks";

    // One unit, in the header, and 1234.5 rather than 1,234.5: the CSV is read by programs.
    private static readonly SummaryStyle s_nanoseconds = new(
        new CultureInfo("") { NumberFormat = { NumberGroupSeparator = "" } },
        printUnitsInHeader: true, SizeUnit.B, TimeUnit.Nanosecond, printUnitsInContent: false);

    public static Command Create()
    {
        var output = new Option<string>("--out") { Description = "folder for a CSV and a Markdown table of each family", HelpName = "DIR", DefaultValueFactory = _ => DefaultOutput };
        var passedOn = new Argument<string[]>("options") { Description = "options of BenchmarkDotNet, such as --filter '*Distance*' or --job dry", Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("bench", "Benchmark the operations with BenchmarkDotNet, a class a family, the reference as baseline.") { output, passedOn };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(parsed =>
        {
            DebugBuild.Refuse("bench");
            string[] options = [.. parsed.GetValue(passedOn) ?? [], .. parsed.UnmatchedTokens];
            // Without a filter it asks which classes to run.
            return Run(parsed.GetValue(output)!, options.Any(option => option is "-f" or "--filter") ? options : [.. options, "--filter", "*"]);
        });
        return command;
    }

    private static int Run(string folder, string[] options)
    {
        bool ownJob = options.Any(option => option is "-j" or "--job");
        ManualConfig config = ManualConfig.CreateEmpty()
            .AddLogger(ConsoleLogger.Default)
            .AddColumnProvider(DefaultColumnProviders.Instance)
            .AddExporter(new CsvExporter(CsvSeparator.Comma, s_nanoseconds), MarkdownExporter.GitHub)
            .WithArtifactsPath(folder)
            .WithUnionRule(ConfigUnionRule.AlwaysUseLocal);
        if (!ownJob)
        {
            // In this process: a benchmark project of its own would have to find the sources, which a published program lacks.
            config.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance));
        }

        string[] arguments = ownJob ? [.. options, "--inProcess"] : options;
        Summary[] summaries = [.. BenchmarkSwitcher.FromTypes([.. OperationBenchmarks.Families]).Run(arguments, config)];
        foreach (Summary summary in summaries.Where(summary => summary.Reports.Length > 0))
        {
            Keep(summary, folder);
        }

        return summaries.Any(summary => summary.HasCriticalValidationErrors || summary.Reports.Any(report => !report.Success)) ? 1 : 0;
    }

    /// <summary>BenchmarkDotNet's files lie in a folder of their own and are named after classes; here they are training.csv and training.md.</summary>
    private static void Keep(Summary summary, string folder)
    {
        Type family = summary.BenchmarksCases[0].Descriptor.Type;
        string name = Operations.SnakeCase(family.Name[..^"Benchmarks".Length]);
        foreach ((string ending, string extension) in new[] { ("-report.csv", ".csv"), ("-report-github.md", ".md") })
        {
            string written = Path.Combine(summary.ResultsDirectoryPath, family.FullName + ending);
            if (File.Exists(written))
            {
                File.Move(written, Path.Combine(folder, name + extension), overwrite: true);
            }
        }

        if (Directory.Exists(summary.ResultsDirectoryPath) && !Directory.EnumerateFileSystemEntries(summary.ResultsDirectoryPath).Any())
        {
            Directory.Delete(summary.ResultsDirectoryPath);
        }
    }
}
