// `flgpu merge`: the shards of a sweep as one.
using System.CommandLine;
using FlGpu.Harness.Sweeping;

namespace FlGpu.Harness.CommandLine;

internal static class MergeCommand
{
    public static Command Create(Screen screen)
    {
        var output = new Argument<string>("OUT") { Description = "folder for the joined files" };
        var folders = new Argument<string[]>("DIR") { Description = "folders of shards, as in results/mine/shard-*", Arity = ArgumentArity.OneOrMore };
        var command = new Command("merge", "Join the shards of a sweep; refuses those of different sweeps and doubles that disagree, and says what is missing.")
        {
            output, folders,
        };
        command.SetAction(parsed => SweepMerge.Run(parsed.GetValue(output)!, parsed.GetValue(folders)!, screen));
        return command;
    }
}
