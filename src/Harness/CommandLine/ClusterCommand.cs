// `flgpu cluster`: job files that run a sweep on many machines.
using System.CommandLine;
using FlGpu.Harness.Sweeping;
using FlGpu.Kernels;

namespace FlGpu.Harness.CommandLine;

internal static class ClusterCommand
{
    public static Command Create(Screen screen) => new("cluster", "Print a job file that runs a sweep in shards, one a task of a cluster's job array.")
    {
        Slurm(screen),
        Kubernetes(screen),
    };

    private static Command Slurm(Screen screen)
    {
        var common = new JobOptions();
        var command = new Command("slurm", "A job array for sbatch.");
        common.AddTo(command);
        command.SetAction(parsed =>
        {
            screen.Out.Write(ClusterJob.Slurm(common.Read(parsed)));
            return 0;
        });
        return command;
    }

    private static Command Kubernetes(Screen screen)
    {
        var common = new JobOptions();
        var image = new Option<string>("--image") { Description = "container image with flgpu on its path", DefaultValueFactory = _ => "flgpu:latest" };
        var claim = new Option<string>("--claim") { Description = "persistent volume claim that --out lies in", DefaultValueFactory = _ => "flgpu-results" };
        var name = new Option<string>("--name") { Description = "name of the job and of the ConfigMap with its plan; two sweeps in a namespace need two", DefaultValueFactory = _ => "flgpu-sweep" };
        var command = new Command("kubernetes", "An Indexed Job for kubectl apply, with the plan in it.") { image, claim, name };
        common.AddTo(command);
        command.SetAction(parsed =>
        {
            screen.Out.Write(ClusterJob.Kubernetes(common.Read(parsed), NameOf(parsed.GetValue(name)!), parsed.GetValue(image)!, parsed.GetValue(claim)!));
            return 0;
        });
        return command;
    }

    // Kubernetes adds the index and five characters of its own to a pod's name, which may have 63.
    private static string NameOf(string text)
    {
        const int MostLetters = 48;
        const string Allowed = "abcdefghijklmnopqrstuvwxyz0123456789-";
        return text.Length is > 0 and <= MostLetters && !text.AsSpan().ContainsAnyExcept(Allowed) && char.IsAsciiLetterLower(text[0]) && text[^1] != '-'
            ? text
            : throw new InputException($"--name is '{text}'; allowed are up to {MostLetters} small letters, digits and hyphens, a letter first and no hyphen last");
    }

    private sealed class JobOptions
    {
        private readonly Option<string> _config = new("--config") { Description = "sweep.json with the plan", HelpName = "FILE", Required = true };
        private readonly Option<string> _output = new("--out") { Description = "folder that the shards' folders go to", HelpName = "DIR", Required = true };
        private readonly Option<string> _tasks = new("--tasks") { Description = "tasks of the job array, a shard each", HelpName = "N", Required = true };
        private readonly Option<string> _cpus = new("--cpus") { Description = "CPU cores a task", DefaultValueFactory = _ => "4" };

        public void AddTo(Command command)
        {
            foreach (Option option in (Option[])[_config, _output, _tasks, _cpus])
            {
                command.Options.Add(option);
            }
        }

        /// <exception cref="InputException">The plan cannot be used, or there are more tasks than cases.</exception>
        public ClusterJob.Request Read(ParseResult parsed)
        {
            string config = Path.GetFullPath(parsed.GetValue(_config)!);
            int cases = SweepCases.Of(SweepPlan.Read(config)).Count;
            int tasks = OptionText.WholeNumber("--tasks", parsed.GetValue(_tasks)!, 1);
            return tasks <= cases
                ? new(config, Path.GetFullPath(parsed.GetValue(_output)!), tasks, cases, OptionText.WholeNumber("--cpus", parsed.GetValue(_cpus)!, 1))
                : throw new InputException($"--tasks is {tasks}; allowed is 1 to {cases}, the cases of the sweep");
        }
    }
}
