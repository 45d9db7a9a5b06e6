// `flgpu sweep`: client counts x attacks x defenses x backends x seeds, to CSV files.
using System.CommandLine;
using FlGpu.Harness.Sweeping;

namespace FlGpu.Harness.CommandLine;

internal static class SweepCommand
{
    private const string DefaultOutput = "results/quickstart";

    public static Command Create(Screen screen)
    {
        var config = new Option<string?>("--config") { Description = "sweep.json with the plan; options override it" };
        var output = new Option<string>("--out") { Description = "folder for the CSVs", DefaultValueFactory = _ => DefaultOutput };
        Option<string> threads = CommonOptions.Threads();
        var options = new PlanOptions(SweepPlan.Quickstart);
        var command = new Command("sweep", "Run every combination of clients, attacks, defenses, backends and seeds, and write CSVs.") { config, output, threads };
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            DebugBuild.Refuse("sweep");
            SweepPlan start = parsed.GetValue(config) is { } path ? SweepPlan.Read(path) : SweepPlan.Quickstart;
            return Sweep.Run(
                options.Override(start, parsed), parsed.GetValue(output)!, CommonOptions.ThreadsOf(parsed, threads),
                [.. parsed.Tokens.Select(token => token.Value)], TimeProvider.System, screen);
        });
        return command;
    }
}
