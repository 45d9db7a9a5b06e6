// Which part of a sweep this process runs: every n-th case, as an option or the task of a cluster's job array says.
using System.Globalization;
using FlGpu.Kernels;

namespace FlGpu.Harness.Sweeping;

/// <summary>Part <paramref name="Number"/> of <paramref name="Count"/>, counted from 1.</summary>
/// <param name="Number">1 to <paramref name="Count"/>.</param>
/// <param name="Count">How many parts there are.</param>
/// <param name="Origin">The option or the environment variables that said so.</param>
public sealed record Shard(int Number, int Count, string Origin)
{
    /// <summary>The environment variable that a Kubernetes job file gives beside JOB_COMPLETION_INDEX: how many indices there are.</summary>
    public const string CountVariable = "FLGPU_SHARD_COUNT";

    /// <summary>The folder of this part, below that of the sweep.</summary>
    public string FolderName => $"shard-{Number}-of-{Count}";

    /// <summary>2/4.</summary>
    public string Text => $"{Number}/{Count}";

    /// <summary>
    /// The part that <paramref name="option"/> says, as in 2/4; without it the task of a Slurm job array or the index of a Kubernetes Indexed
    /// Job that this process is; null outside of both.
    /// </summary>
    /// <param name="option">The text of --shard, or null.</param>
    /// <param name="variable">Gives the value of an environment variable, or null.</param>
    /// <exception cref="InputException">There is no such part.</exception>
    public static Shard? Choose(string? option, Func<string, string?> variable)
    {
        if (option is not null)
        {
            string[] sides = option.Split('/');
            return sides.Length == 2 && Whole(sides[0]) is { } number && Whole(sides[1]) is { } count && number >= 1 && number <= count
                ? new((int)number, (int)count, "--shard")
                : throw new InputException($"--shard is '{option}'; allowed is i/n with i from 1 to n, as in 2/4");
        }

        if (variable("SLURM_ARRAY_TASK_ID") is { } task)
        {
            long id = Variable("SLURM_ARRAY_TASK_ID", task);
            long first = Variable("SLURM_ARRAY_TASK_MIN", variable("SLURM_ARRAY_TASK_MIN") ?? "0");
            long step = Math.Max(1, Variable("SLURM_ARRAY_TASK_STEP", variable("SLURM_ARRAY_TASK_STEP") ?? "1"));
            long count = Variable("SLURM_ARRAY_TASK_COUNT", variable("SLURM_ARRAY_TASK_COUNT"));
            if ((id - first) % step != 0)
            {
                throw new InputException($"SLURM_ARRAY_TASK_ID is {id}, which is no multiple of SLURM_ARRAY_TASK_STEP, {step}, above SLURM_ARRAY_TASK_MIN, {first}; give the part with --shard i/n");
            }

            return Of((id - first) / step, count, "SLURM_ARRAY_TASK_ID and SLURM_ARRAY_TASK_COUNT");
        }

        return variable("JOB_COMPLETION_INDEX") is { } index
            ? Of(Variable("JOB_COMPLETION_INDEX", index), Variable(CountVariable, variable(CountVariable)), $"JOB_COMPLETION_INDEX and {CountVariable}")
            : null;
    }

    /// <summary>The cases of this part: every n-th one.</summary>
    public IReadOnlyList<T> Of<T>(IReadOnlyList<T> cases) => [.. cases.Where((_, i) => Holds(i))];

    /// <summary>Whether the case at <paramref name="index"/>, from 0, belongs to this part.</summary>
    public bool Holds(int index) => index % Count == Number - 1;

    private static Shard Of(long index, long count, string origin) =>
        index >= 0 && index < count && count <= int.MaxValue
            ? new((int)index + 1, (int)count, origin)
            : throw new InputException($"{origin} say task {index} (from 0) of {count}; give the part with --shard i/n");

    private static long Variable(string name, string? text) =>
        Whole(text ?? "") ?? throw new InputException($"{name} is '{text}'; expected is a whole number; give the part with --shard i/n");

    private static int? Whole(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int value) ? value : null;
}
