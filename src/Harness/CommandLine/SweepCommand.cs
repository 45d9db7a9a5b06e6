// `flgpu sweep`: every combination of its axes, to CSV files.
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
        var resume = new Option<bool>("--resume") { Description = "go on with the sweep that --out holds; without --config its plan is taken from there" };
        var shard = new Option<string?>("--shard")
        {
            Description = "run part i of n, every n-th case, to DIR/shard-i-of-n; i counts from 1 [default: the task of a Slurm array or Kubernetes Indexed Job, or everything]",
            HelpName = "i/n",
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "show the cases, an estimate of time and memory and what would be skipped; write nothing" };
        var schema = new Option<bool>("--schema") { Description = "print the JSON schema of sweep.json, for editors, and end" };
        Option<string> threads = CommonOptions.Threads();
        var options = new PlanOptions(SweepPlan.Quickstart, withTimings: true);
        var command = new Command("sweep", "Run every combination of clients, attacks, defenses, backends, seeds and other axes, and write CSVs.")
        {
            config, output, resume, shard, dryRun, schema, threads,
        };
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(schema))
            {
                screen.Out.Write(PlanFile.Schema());
                return 0;
            }

            DebugBuild.Refuse("sweep");
            string? path = parsed.GetValue(config);
            string folder = parsed.GetValue(output) ?? (path is null ? DefaultOutput : Path.GetDirectoryName(Path.GetFullPath(path))!);
            var part = Shard.Choose(parsed.GetValue(shard), Environment.GetEnvironmentVariable);
            var request = new SweepRequest(
                SweepPlan.Quickstart, folder, CommonOptions.ThreadsOf(parsed, threads), [.. parsed.Tokens.Select(token => token.Value)], part, parsed.GetValue(resume));
            string resumed = Path.Combine(request.Folder!, SweepPlan.FileName);
            if (request.Resume && !File.Exists(resumed))
            {
                screen.Error.WriteLine($"There is no {resumed} to go on with: starting from the first case.");
            }

            path ??= request.Resume && File.Exists(resumed) ? resumed : null;
            request = request with { Plan = options.Override(path is null ? SweepPlan.Quickstart : SweepPlan.Read(path), parsed) };
            if (parsed.GetValue(dryRun))
            {
                return DryRun.Show(request, screen);
            }

            using var interruption = new Interruption(screen);
            return Sweep.Run(request, TimeProvider.System, screen, interruption.Token);
        });
        return command;
    }
}
