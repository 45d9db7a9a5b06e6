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
        var command = new Command("kubernetes", "An Indexed Job for kubectl apply, with the plan in it.") { image, claim };
        common.AddTo(command);
        command.SetAction(parsed =>
        {
            screen.Out.Write(ClusterJob.Kubernetes(common.Read(parsed), parsed.GetValue(image)!, parsed.GetValue(claim)!));
            return 0;
        });
        return command;
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
