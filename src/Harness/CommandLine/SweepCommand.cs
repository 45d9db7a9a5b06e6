// `flgpu sweep`: client counts x attacks x defenses x backends x seeds, to CSV files.
using System.CommandLine;
using FlGpu.Harness.Sweeping;

namespace FlGpu.Harness.CommandLine;

internal static class SweepCommand
{
    private const string DefaultOutput = "results/quickstart";

    public static Command Create(Screen screen)
    {
        var config = new Option<string?>("--config") { Description = "sweep.json with the plan; options override it", HelpName = "FILE" };
        var output = new Option<string?>("--out") { Description = $"folder for the CSVs [default: that of --config, or {DefaultOutput}]", HelpName = "DIR" };
        Option<string> threads = CommonOptions.Threads();
        var options = new PlanOptions(SweepPlan.Quickstart);
        var command = new Command("sweep", "Run every combination of clients, attacks, defenses, backends and seeds, and write CSVs.") { config, output, threads };
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            DebugBuild.Refuse("sweep");
            string? path = parsed.GetValue(config);
            SweepPlan start = path is null ? SweepPlan.Quickstart : SweepPlan.Read(path);
            string folder = parsed.GetValue(output) ?? (path is null ? DefaultOutput : Path.GetDirectoryName(Path.GetFullPath(path))!);
            return Sweep.Run(
                options.Override(start, parsed), folder, CommonOptions.ThreadsOf(parsed, threads),
                [.. parsed.Tokens.Select(token => token.Value)], TimeProvider.System, screen);
        });
        return command;
    }
}
