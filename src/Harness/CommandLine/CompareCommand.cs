// `flgpu compare`: the tutorial's compare_defenses, as a table of attack by defense.
using System.CommandLine;
using FlGpu.Harness.Sweeping;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.CommandLine;

internal static class CompareCommand
{
    public static Command Create(Screen screen)
    {
        var preset = new Option<string?>("--preset") { Description = $"a named setting to start from: {TutorialPreset.Name} (whole states, as the tutorial's code has it)", HelpName = "NAME" };
        var output = new Option<string?>("--out") { Description = "folder for the CSVs; none are written without it", HelpName = "DIR" };
        Option<string> threads = CommonOptions.Threads();
        var options = new PlanOptions(SweepPlan.Compare, withTimings: false);
        var command = new Command("compare", "Compare defenses under attacks: mean and deviation of the test accuracy over seeds.") { preset, output, threads };
        options.AddTo(command);
        command.SetAction(parsed =>
        {
            SweepPlan start = parsed.GetValue(preset) switch
            {
                null => SweepPlan.Compare,
                TutorialPreset.Name => SweepPlan.Tutorial,
                string unknown => throw new InputException($"--preset is '{unknown}'; allowed is {TutorialPreset.Name}"),
            };
            string? folder = parsed.GetValue(output);
            var request = new SweepRequest(
                options.Override(start, parsed), folder, CommonOptions.ThreadsOf(parsed, threads), [.. parsed.Tokens.Select(token => token.Value)])
            {
                ToGoOn = $"flgpu sweep --resume --out {folder}",
            };
            using var interruption = new Interruption(screen);
            return Sweep.Run(request, TimeProvider.System, screen, interruption.Token);
        });
        return command;
    }
}
