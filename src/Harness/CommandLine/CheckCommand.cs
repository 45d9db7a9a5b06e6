// `flgpu check`: is what this machine's devices compute right? What a user runs before trusting a new GPU.
using System.CommandLine;
using System.Globalization;
using FlGpu.Harness.Checking;
using FlGpu.Harness.Sweeping;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.CommandLine;

internal static class CheckCommand
{
    public static Command Create(Screen screen)
    {
        var backends = new Option<string>("--backend") { Description = "backends to check, or all that this machine has", DefaultValueFactory = _ => "all" };
        var vectors = new Option<string[]>("--vectors")
        {
            Description = "files of cases that other systems computed (.jsonl or .jsonl.gz), checked instead of the operations",
            HelpName = "FILE",
            AllowMultipleArgumentsPerToken = true,
        };
        var endToEnd = new Option<bool>("--end-to-end")
        {
            Description = string.Create(
                CultureInfo.InvariantCulture,
                $"train with every defense under every attack of the tutorial and hold each round against the reference: the test accuracy must be the same to four digits but for samples that rounding tips over (the reference's two largest logits within {RoundComparison.NearTie:0E+0} of the largest), and the parameters within {RoundComparison.AllowedDistance:0E+0} of the way that they have come"),
        };
        SweepPlan defaults = SweepPlan.Tutorial with { Preset = null };
        var preset = new Option<string?>("--preset") { Description = $"with --end-to-end: {TutorialPreset.Name} (whole states, as the tutorial's code has it) instead of updates", HelpName = "NAME" };
        var rounds = new Option<string>("--rounds") { Description = "with --end-to-end: rounds a run", DefaultValueFactory = _ => defaults.Rounds.ToString(CultureInfo.InvariantCulture) };
        var seed = new Option<string>("--seed") { Description = "with --end-to-end: the seed of all runs", DefaultValueFactory = _ => "1" };
        var data = new Option<string>("--data") { Description = "with --end-to-end: the data set: synthetic, digits or idx:DIR", DefaultValueFactory = _ => defaults.Data[0] };
        Option<string> threads = CommonOptions.Threads();
        var command = new Command("check", "Check every operation of this machine's backends against the reference; or whole runs; or rules and training against vectors of other systems.")
        {
            backends, vectors, endToEnd, preset, rounds, seed, data, threads,
        };
        command.SetAction(parsed =>
        {
            int count = CommonOptions.ThreadsOf(parsed, threads);
            string names = parsed.GetValue(backends)!;
            string[] chosen = names == "all" ? [.. Backends.List().Where(b => b.Missing is null).Select(b => b.Name)] : OptionText.Names("--backend", names, CommonOptions.BackendNames);
            IReadOnlyList<string> files = parsed.GetValue(vectors) ?? [];
            Option[] ofEndToEnd = [preset, rounds, seed, data];
            if (!parsed.GetValue(endToEnd) && ofEndToEnd.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is { } useless)
            {
                throw new InputException($"{useless.Name} needs --end-to-end");
            }

            if (parsed.GetValue(endToEnd) && files.Count > 0)
            {
                throw new InputException("--vectors and --end-to-end: only one of them is allowed");
            }

            foreach (string backend in chosen)
            {
                Backends.Open(backend, count).Dispose();
            }

            if (!parsed.GetValue(endToEnd))
            {
                return files.Count > 0 ? VectorCheck.Run(files, chosen, count, screen) : OperationCheck.Run(chosen, count, screen);
            }

            string[] besideReference = [.. chosen.Where(backend => backend != "reference")];
            SweepPlan plan = defaults with
            {
                Preset = parsed.GetValue(preset),
                Rounds = OptionText.WholeNumber("--rounds", parsed.GetValue(rounds)!, 1),
                Seeds = OptionText.Seeds("--seed", parsed.GetValue(seed)!),
                Data = [parsed.GetValue(data)!],
            };
            return plan.Seeds.Count > 1 ? throw new InputException($"--seed is '{parsed.GetValue(seed)}'; allowed is one seed")
                : besideReference.Length == 0 ? throw new InputException($"--backend is '{names}'; --end-to-end holds others against the reference: {CommonOptions.BackendNames}")
                : EndToEndCheck.Run(plan, besideReference, count, screen);
        });
        return command;
    }
}
