// `flgpu time`: how long operations and whole defenses take on random updates.
using System.CommandLine;
using FlGpu.Harness.Measuring;
using FlGpu.Harness.Timing;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.CommandLine;

internal static class TimeCommand
{
    public static Command Create(Screen screen)
    {
        var operations = new Option<string?>("--operations") { Description = "operations, or all; default all unless --defenses is given" };
        var defenses = new Option<string?>("--defenses") { Description = "whole defenses, or all; parameters as in 'krum:f=4'" };
        var clients = new Option<string>("--clients") { Description = "numbers of clients", DefaultValueFactory = _ => "10,100,1000" };
        var parameters = new Option<string>("--parameters") { Description = "numbers of parameters", DefaultValueFactory = _ => "2762,101770" };
        var malicious = new Option<string>("--malicious") { Description = "malicious clients that defenses reckon with: a count, or a share below 1", DefaultValueFactory = _ => "0.2" };
        var backends = new Option<string>("--backend") { Description = $"backends: {CommonOptions.BackendNames}", DefaultValueFactory = _ => "auto" };
        var csv = new Option<string?>("--csv") { Description = "file for the samples; - for standard output and nothing else there", HelpName = "FILE" };
        var output = new Option<string?>("--out") { Description = "folder for timings.csv, summary.csv, environment.json and a report", HelpName = "DIR" };
        var quick = new Option<bool>("--quick") { Description = "fewer samples: enough to see a factor of two" };
        Option<string> threads = CommonOptions.Threads();
        var command = new Command("time", "Time operations and whole defenses on random updates, each compared with the reference first.")
        {
            operations, defenses, clients, parameters, malicious, backends, threads, csv, output, quick,
        };
        command.SetAction(parsed =>
        {
            DebugBuild.Refuse("time");
            var plan = new TimingPlan(
                parsed.GetValue(operations) is null && parsed.GetValue(defenses) is not null ? [] : OperationsOf(parsed.GetValue(operations) ?? "all"),
                parsed.GetValue(defenses) is { } text ? Catalogue.ParseList<IDefense>("--defenses", text) : [],
                OptionText.WholeNumbers("--clients", parsed.GetValue(clients)!, 1),
                OptionText.WholeNumbers("--parameters", parsed.GetValue(parameters)!, 1),
                parsed.GetValue(defenses)?.Trim() == Catalogue.Everything,
                parsed.GetValue(malicious)!,
                OptionText.Names("--backend", parsed.GetValue(backends)!, CommonOptions.BackendNames),
                CommonOptions.ThreadsOf(parsed, threads),
                parsed.GetValue(quick) ? Protocol.Quick : new Protocol());
            return TimingRun.Run(plan, parsed.GetValue(csv), parsed.GetValue(output), [.. parsed.Tokens.Select(token => token.Value)], TimeProvider.System, screen);
        });
        return command;
    }

    private static IReadOnlyList<OperationListing> OperationsOf(string text) =>
        text == "all" ? Operations.All :
        [
            .. OptionText.Names("--operations", text, OperationNames).Select(name => Operations.All.FirstOrDefault(operation => operation.Name == name)
                ?? throw new InputException($"--operations: '{name}' is unknown; allowed are {OperationNames}")),
        ];

    private static string OperationNames => string.Join(", ", Operations.All.Select(operation => operation.Name));
}
