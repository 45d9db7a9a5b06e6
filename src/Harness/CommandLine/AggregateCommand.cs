// `flgpu aggregate`: a rule on updates of one's own, from files that NumPy, PyTorch and others write.
using System.CommandLine;
using System.Globalization;
using FlGpu.Harness.Updates;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.CommandLine;

internal static class AggregateCommand
{
    private const string DefaultMalicious = "0.2";
    private const string OutputEnding = ".npy";
    private const string StandardOutput = "-";

    public static Command Create(Screen screen)
    {
        var defense = new Option<string>("--defense") { Description = "the rule, with stages and parameters as in 'nnm+krum:f=3'", Required = true };
        var input = new Option<string[]>("--input")
        {
            Description = $"updates, a row a client: one file of {UpdateInput.Allowed}; or .safetensors files, a folder or a pattern of them, one a client",
            HelpName = "FILE",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        var array = new Option<string?>("--array") { Description = "which array of an .npz, or tensor of a single .safetensors; default: its only one", HelpName = "NAME" };
        var output = new Option<string?>("--output") { Description = "file for the aggregate: .npy, float32, d numbers", HelpName = "FILE" };
        var scores = new Option<string?>("--scores") { Description = "file for a CSV row a client: kept, weight, norm, cosine and distance to the aggregate, the rule's own scores; - for standard output and nothing else there", HelpName = "FILE" };
        var malicious = new Option<string?>("--malicious")
        {
            Description = $"malicious clients that the rule reckons with: a count, or a share below 1; default: the f that --defense gives, else {DefaultMalicious}",
        };
        var seed = new Option<string>("--seed") { Description = "seed of rules that draw random numbers", DefaultValueFactory = _ => "1" };
        var backend = new Option<string>("--backend") { Description = $"backend: {CommonOptions.BackendNames}", DefaultValueFactory = _ => "auto" };
        Option<string> threads = CommonOptions.Threads();
        var command = new Command("aggregate", "Aggregate updates of your own with a defense, and show whom it keeps and why.")
        {
            defense, input, array, output, scores, malicious, seed, backend, threads,
        };
        command.SetAction(parsed =>
        {
            Choice<IDefense> choice = Catalogue.Parse<IDefense>("--defense", parsed.GetValue(defense)!);
            IReadOnlyList<string> files = UpdateInput.Files(parsed.GetValue(input)!);
            CheckOutputs(parsed.GetValue(output), parsed.GetValue(scores), files);
            using IUpdateSource source = UpdateInput.Open(files, parsed.GetValue(array));
            int reckonedF = ReckonedF(parsed.GetValue(malicious), choice, source.Clients);
            using Backend opened = Backends.Open(parsed.GetValue(backend)!, CommonOptions.ThreadsOf(parsed, threads));
            AggregatedRound round = AggregatedRound.Of(choice, source, opened, reckonedF, SeedOf(parsed.GetValue(seed)!));
            if (parsed.GetValue(output) is { } outputFile)
            {
                NewFile.Write("--output", outputFile, stream => NpyVector.Write(stream, round.Aggregate));
            }

            if (parsed.GetValue(scores) == StandardOutput)
            {
                ScoresTable.Write(screen.Out, round);
                return 0;
            }

            if (parsed.GetValue(scores) is { } scoresFile)
            {
                NewFile.Write("--scores", scoresFile, stream =>
                {
                    using var writer = new StreamWriter(stream, leaveOpen: true);
                    ScoresTable.Write(writer, round);
                });
            }

            string from = Screen.OneLine(files.Count == 1 ? files[0] : $"{files.Count} files from {files[0]} on");
            screen.Out.WriteLine($"{source.Clients} clients x {source.Parameters} parameters from {from} ({source.Format}), on {opened.Name} ({opened.Device}).");
            screen.Out.WriteLine($"f = {reckonedF}: {RuleWords.Of(choice, reckonedF)}.");
            RoundScreen.Show(round, screen);
            return 0;
        });
        return command;
    }

    private static void CheckOutputs(string? output, string? scores, IReadOnlyList<string> inputs)
    {
        List<string> taken = [.. inputs.Select(Path.GetFullPath)];
        foreach ((string option, string? path) in new[] { ("--output", output), ("--scores", scores) })
        {
            if (path is null || (path == StandardOutput && option == "--scores"))
            {
                continue;
            }

            NewFile.Check(option, path);
            if (taken.Contains(Path.GetFullPath(path)))
            {
                throw new InputException($"{option} {path}: the same file is read or written already; allowed is another name");
            }

            taken.Add(Path.GetFullPath(path));
        }

        if (output is not null && !output.EndsWith(OutputEnding, StringComparison.OrdinalIgnoreCase))
        {
            throw new InputException($"--output {output}: the aggregate is written as {OutputEnding}; allowed is a file name that ends so");
        }
    }

    private static int ReckonedF(string? text, Choice<IDefense> choice, int clients)
    {
        int reckoned = text is null && RuleWords.GivenF(choice) is { } given ? given : OptionText.CountOrShare("--malicious", text ?? DefaultMalicious, clients);
        return reckoned >= 0 && reckoned < clients
            ? reckoned
            : throw new InputException($"{(text is null ? $"--defense {choice.Text}: f" : "--malicious")} is {reckoned}; allowed is 0 to {clients - 1} of {clients} clients");
    }

    private static ulong SeedOf(string text) =>
        ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed)
            ? seed
            : throw new InputException($"--seed is '{text}'; allowed is a whole number from 0 on");
}
