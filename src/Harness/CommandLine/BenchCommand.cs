// `flgpu bench`: the operations under BenchmarkDotNet, whose own options are passed on.
using System.CommandLine;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;
using FlGpu.Harness.Benchmarks;

namespace FlGpu.Harness.CommandLine;

internal static class BenchCommand
{
    private const string Artifacts = "results/benchmarks";

    public static Command Create()
    {
        var passedOn = new Argument<string[]>("options") { Description = "options of BenchmarkDotNet, such as --filter or --exporters", Arity = ArgumentArity.ZeroOrMore };
        var command = new Command("bench", $"Benchmark the operations with BenchmarkDotNet; its reports go to {Artifacts}.") { passedOn };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(parsed =>
        {
            DebugBuild.Refuse("bench");
            // In this process: a benchmark project of its own would have to find the sources, which a published program lacks.
            IConfig config = DefaultConfig.Instance
                .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance))
                .WithArtifactsPath(Artifacts);
            string[] options = [.. parsed.GetValue(passedOn) ?? [], .. parsed.UnmatchedTokens];
            string[] arguments = options.Length > 0 ? options : ["--filter", "*"];
            return BenchmarkSwitcher.FromTypes([typeof(OperationBenchmarks)]).Run(arguments, config).Any(summary => summary.HasCriticalValidationErrors) ? 1 : 0;
        });
        return command;
    }
}
