// `flgpu bench`: the operations under BenchmarkDotNet, whose own options are passed on.
using System.CommandLine;
using System.Globalization;
using BenchmarkDotNet.Columns;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.ConsoleArguments;
using BenchmarkDotNet.Exporters;
using BenchmarkDotNet.Exporters.Csv;
using BenchmarkDotNet.Filters;
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
        var clients = new Option<string>("--clients") { Description = "numbers of clients", DefaultValueFactory = _ => "10,100" };
        var parameters = new Option<string>("--parameters") { Description = "numbers of parameters", DefaultValueFactory = _ => "2762" };
        var backends = new Option<string?>("--backend") { Description = $"backends beside the reference: {CommonOptions.BackendNames}; default: simd and the GPUs of this machine" };
        var passedOn = new Argument<string[]>("options") { Description = "options of BenchmarkDotNet, such as --filter '*Distance*' or --job dry", Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("bench", "Benchmark the operations with BenchmarkDotNet, a class a family, the reference as baseline.") { output, clients, parameters, backends, passedOn };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(parsed =>
        {
            DebugBuild.Refuse("bench");
            string[] names = parsed.GetValue(backends) is { } text ? OptionText.Names("--backend", text, CommonOptions.BackendNames) : [.. OperationBenchmarks.WorthTiming];
            foreach (string name in names)
            {
                Backends.Open(name, Environment.ProcessorCount).Dispose(); // what is missing is said now, not by each benchmark
            }

            OperationBenchmarks.BackendNames = names;
            OperationBenchmarks.ClientCounts = OptionText.WholeNumbers("--clients", parsed.GetValue(clients)!, 1);
            OperationBenchmarks.ParameterCounts = OptionText.WholeNumbers("--parameters", parsed.GetValue(parameters)!, 1);
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
        Check(arguments, config);
        MakeFolder(folder);
        Summary[] summaries = [.. BenchmarkSwitcher.FromTypes([.. OperationBenchmarks.Families]).Run(arguments, config)];
        foreach (Summary summary in summaries.Where(summary => summary.Reports.Length > 0))
        {
            Keep(summary, folder);
        }

        return summaries.Any(summary => summary.HasCriticalValidationErrors || summary.Reports.Any(report => !report.Success)) ? 1 : 0;
    }

    /// <summary>BenchmarkDotNet answers a mistake with its help or with all that it has, and no error.</summary>
    private static void Check(string[] arguments, IConfig config)
    {
        if (arguments is [{ } first, ..] && !first.StartsWith('-'))
        {
            throw new InputException($"bench: '{first}' is unknown; allowed are options: a part of the benchmarks is chosen with --filter '*{first}*'");
        }

        var log = new AccumulationLogger();
        (bool isSuccess, _, CommandLineOptions? options) = ConfigParser.Parse(arguments, log);
        string[] lines = log.GetLog().Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        int heading = Array.IndexOf(lines, "ERROR(S):");
        if (!isSuccess && (heading >= 0 || lines.Length == 1))
        {
            throw new InputException($"bench: {lines[heading + 1]} Allowed are options of BenchmarkDotNet: flgpu bench -- --help lists them");
        }

        string[] filters = [.. options?.Filters ?? []];
        var filter = new GlobFilter(filters);
        if (isSuccess && !OperationBenchmarks.Families.SelectMany(family => BenchmarkConverter.TypeToBenchmarks(family, config).BenchmarksCases).Any(filter.Predicate))
        {
            throw new InputException(
                $"--filter {string.Join(' ', filters)}: no benchmark has such a name; allowed are names and patterns such as {string.Join(", ", OperationBenchmarks.Families.Select(family => $"*{family.Name}*"))}");
        }
    }

    private static void MakeFolder(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new InputException($"--out '{folder}': the folder cannot be made: {e.Message}");
        }
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
