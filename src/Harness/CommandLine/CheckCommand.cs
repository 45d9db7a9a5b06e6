// `flgpu check`: is what this machine's devices compute right? What a user runs before trusting a new GPU.
using System.CommandLine;
using FlGpu.Harness.Checking;
using FlGpu.Kernels;

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
        Option<string> threads = CommonOptions.Threads();
        var command = new Command("check", "Check every operation of this machine's backends against the reference, or against vectors of other systems.") { backends, vectors, threads };
        command.SetAction(parsed =>
        {
            int count = CommonOptions.ThreadsOf(parsed, threads);
            string names = parsed.GetValue(backends)!;
            string[] chosen = names == "all" ? [.. Backends.List().Where(b => b.Missing is null).Select(b => b.Name)] : OptionText.Names("--backend", names, CommonOptions.BackendNames);
            IReadOnlyList<string> files = parsed.GetValue(vectors) ?? [];
            foreach (string backend in chosen)
            {
                Backends.Open(backend, count).Dispose();
            }

            return files.Count > 0 ? VectorCheck.Run(files, chosen, count, screen) : OperationCheck.Run(chosen, count, screen);
        });
        return command;
    }
}
