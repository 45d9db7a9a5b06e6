// Job files for clusters: a task is a shard, and a task that is started again goes on where it was.
using System.Globalization;

namespace FlGpu.Harness.Sweeping;

/// <summary>Writes job files.</summary>
internal static class ClusterJob
{
    /// <summary>Slurm: the seconds between its SIGTERM and the time limit, enough to end a round and write the summary.</summary>
    private const int SecondsToEnd = 60;

    /// <summary>A job.</summary>
    /// <param name="Config">The plan's file, a full path.</param>
    /// <param name="Output">The folder of the shards' folders, a full path.</param>
    /// <param name="Tasks">Tasks, a shard each.</param>
    /// <param name="Cases">Cases of the whole sweep.</param>
    /// <param name="Cpus">CPU cores a task.</param>
    public sealed record Request(string Config, string Output, int Tasks, int Cases, int Cpus);

    /// <summary>A batch script for sbatch.</summary>
    public static string Slurm(Request job) => Lines(
    [
        "#!/bin/bash",
        $"# {job.Cases} cases in {job.Tasks} tasks. Submit this file with sbatch; add what your cluster wants, as --partition, --time or --gres=gpu:1.",
        $"# When all tasks have ended: {Program} merge {Quote(job.Output)} {Quote(job.Output)}/shard-*-of-{job.Tasks}",
        "#SBATCH --job-name=flgpu",
        $"#SBATCH --array=1-{job.Tasks}",
        $"#SBATCH --cpus-per-task={job.Cpus}",
        "# A task that lost its machine starts again and goes on with the cases that are not on disk yet (--resume).",
        "#SBATCH --requeue",
        "#SBATCH --open-mode=append",
        $"#SBATCH --signal=B:TERM@{SecondsToEnd}",
        "",
        $"exec {Program} sweep --config {Quote(job.Config)} --out {Quote(job.Output)} \\",
        $"    --shard \"$SLURM_ARRAY_TASK_ID/{job.Tasks}\" --threads \"${{SLURM_CPUS_PER_TASK:-{job.Cpus}}}\" --resume",
    ]);

    /// <summary>A ConfigMap with the plan and an Indexed Job, as YAML.</summary>
    public static string Kubernetes(Request job, string name, string image, string claim) => Lines(
    [
        $"# {job.Cases} cases in {job.Tasks} indices: kubectl apply -f THIS_FILE, from Kubernetes 1.29 on (backoffLimitPerIndex). The plan is in it.",
        $"# {job.Output} is where the volume behind the claim {claim} is mounted; many pods write to it, a folder each, so that it must be ReadWriteMany.",
        $"# The image {image} has flgpu on its path. Fewer pods at once: a smaller parallelism. A GPU each: limits: {{ nvidia.com/gpu: 1 }} beside the requests.",
        $"# When the job is complete: flgpu merge {Quote(job.Output)} {Quote(job.Output)}/shard-*-of-{job.Tasks}",
        "apiVersion: v1",
        "kind: ConfigMap",
        "metadata:",
        $"  name: {YamlText(name)}",
        "data:",
        // The indentation is said, or the first line's own would count as it.
        "  sweep.json: |2",
        .. File.ReadAllText(job.Config).ReplaceLineEndings("\n").TrimEnd('\n').Split('\n').Select(line => $"    {line}"),
        "---",
        "apiVersion: batch/v1",
        "kind: Job",
        "metadata:",
        $"  name: {YamlText(name)}",
        "spec:",
        "  completionMode: Indexed",
        $"  completions: {job.Tasks}",
        $"  parallelism: {job.Tasks}",
        "  # An index that lost its machine starts again and goes on where it was, as often as that happens; one that ends with a wrong plan or a failed case does not.",
        "  backoffLimitPerIndex: 10",
        "  podFailurePolicy:",
        "    rules:",
        "      - action: Ignore",
        "        onPodConditions: [{ type: DisruptionTarget, status: \"True\" }]",
        "      - action: FailIndex",
        "        onExitCodes: { containerName: flgpu, operator: In, values: [1, 2] }",
        "  template:",
        "    spec:",
        "      restartPolicy: Never",
        $"      terminationGracePeriodSeconds: {SecondsToEnd}",
        "      containers:",
        "        - name: flgpu",
        $"          image: {YamlText(image)}",
        $"          command: [flgpu, sweep, --config, /plan/sweep.json, --out, {YamlText(job.Output)}, --threads, {YamlText(Text(job.Cpus))}, --resume]",
        "          env:",
        "            # Beside JOB_COMPLETION_INDEX, which Kubernetes sets: both choose the shard.",
        $"            - {{ name: {Shard.CountVariable}, value: {YamlText(Text(job.Tasks))} }}",
        "          resources:",
        $"            requests: {{ cpu: {YamlText(Text(job.Cpus))} }}",
        "          volumeMounts:",
        "            - { name: plan, mountPath: /plan }",
        $"            - {{ name: results, mountPath: {YamlText(job.Output)} }}",
        "      volumes:",
        "        - name: plan",
        $"          configMap: {{ name: {YamlText(name)} }}",
        "        - name: results",
        $"          persistentVolumeClaim: {{ claimName: {YamlText(claim)} }}",
    ]);

    /// <summary>How to start this program again: the executable, or dotnet with the assembly.</summary>
    private static string Program =>
        Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "flgpu"
            ? Quote(path)
            : $"dotnet {Quote(Path.Combine(AppContext.BaseDirectory, "flgpu.dll"))}";

    private static string Lines(IEnumerable<string> lines) => string.Join('\n', lines) + "\n";

    private static string Quote(string text) => $"'{text.Replace("'", @"'\''", StringComparison.Ordinal)}'";

    private static string YamlText(string text) => $"\"{text.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);
}
