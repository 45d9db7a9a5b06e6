// environment.json: everything about a run that its numbers depend on.
using System.Diagnostics;
using System.Reflection;
using System.Runtime;
using System.Text.Json;
using System.Text.Json.Serialization;
using FlGpu.Harness.Measuring;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Recording;

/// <summary>How the program was built and how its runtime is set.</summary>
/// <param name="ProgramVersion">The program's version with the commit it was built from: what an installed tool ran, wherever it was started.</param>
/// <param name="Configuration">Release or Debug.</param>
/// <param name="SdkVersion">The .NET SDK that built it; null unless the build left it as the assembly metadata "SdkVersion".</param>
/// <param name="RuntimeVersion">The .NET runtime.</param>
/// <param name="KernelRuntime">What the kernels were compiled against: ILGPU with its version, or "stand-in".</param>
/// <param name="TieredCompilation">Whether code is compiled quickly first and well later.</param>
/// <param name="ServerGc">Whether the garbage collector uses a heap a core.</param>
/// <param name="ConcurrentGc">Whether the garbage collector works beside the program.</param>
/// <param name="DebuggerAttached">Whether a debugger looks on.</param>
public sealed record BuildState(
    string? ProgramVersion,
    string? Configuration,
    string? SdkVersion,
    string RuntimeVersion,
    string KernelRuntime,
    bool TieredCompilation,
    bool ServerGc,
    bool ConcurrentGc,
    bool DebuggerAttached);

/// <summary>A GPU. What is not known is null.</summary>
/// <param name="Name">The backend: cuda:0, opencl:0.</param>
/// <param name="Device">The name of the product.</param>
/// <param name="Driver">The version of its driver.</param>
/// <param name="Multiprocessors">Multiprocessors or compute units.</param>
/// <param name="ClockMhz">Its clock in MHz.</param>
/// <param name="MemoryBytes">Bytes of its memory.</param>
/// <param name="L2Bytes">Bytes of its level 2 cache.</param>
public sealed record GpuState(
    string Name, string? Device, string? Driver, int? Multiprocessors, int? ClockMhz, long? MemoryBytes, long? L2Bytes);

/// <summary>The circumstances of a run.</summary>
/// <param name="SchemaVersion">Grows when the meaning of a key changes.</param>
/// <param name="RunId">The run of the program: the time it began.</param>
/// <param name="Utc">When it began.</param>
/// <param name="Argv">Its command line.</param>
/// <param name="Git">The sources; null when the program did not run in a repository.</param>
/// <param name="Build">The program.</param>
/// <param name="Host">The machine.</param>
/// <param name="Gpus">The GPUs that the program can use.</param>
/// <param name="Protocol">How it measured; null when every round was timed once, as in a sweep.</param>
/// <param name="Data">The data files that it read.</param>
/// <param name="Shard">Which part of the sweep it ran, as in 2/4; null when all of it.</param>
/// <param name="FurtherRuns">The other runs that rows in this folder come from, after --resume or a merge; null when there are none.</param>
public sealed record EnvironmentReport(
    int SchemaVersion,
    string RunId,
    DateTimeOffset Utc,
    IReadOnlyList<string> Argv,
    GitState? Git,
    BuildState Build,
    HostState Host,
    IReadOnlyList<GpuState> Gpus,
    Protocol? Protocol,
    IReadOnlyList<DataFile> Data,
    string? Shard = null,
    IReadOnlyList<EnvironmentReport>? FurtherRuns = null)
{
    /// <summary>The file's name in a folder of results.</summary>
    public const string FileName = "environment.json";

    private const int CurrentSchema = 1;

    private static readonly JsonSerializerOptions s_format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.Never,
        WriteIndented = true,
        NewLine = "\n",
    };

    /// <summary>Looks at this process, its machine and the repository in the current directory.</summary>
    public static EnvironmentReport Create(
        string runId, DateTimeOffset utc, IReadOnlyList<string> argv, Protocol? protocol, IReadOnlyList<DataFile> data) =>
        new(
            CurrentSchema,
            runId,
            utc.ToUniversalTime(),
            argv,
            GitState.Of(Environment.CurrentDirectory),
            ReadBuild(),
            HostState.Read(),
            [.. Backends.List().Where(listing => listing.Open is not null).Select(gpu => new GpuState(gpu.Name, gpu.Device, null, null, null, null, null))],
            protocol,
            data);

    /// <summary>Writes it as JSON; a file of that name is replaced, at once and as a whole.</summary>
    public void WriteTo(string path)
    {
        string draft = $"{path}.draft";
        File.WriteAllText(draft, JsonSerializer.Serialize(this, s_format) + "\n");
        File.Move(draft, path, overwrite: true);
    }

    /// <summary>Reads what <see cref="WriteTo"/> wrote; null where there is no such file or another version's.</summary>
    public static EnvironmentReport? Read(string path)
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize<EnvironmentReport>(File.ReadAllText(path), s_format) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>This run and those after it as one report: the first one's, the others within.</summary>
    public EnvironmentReport With(IEnumerable<EnvironmentReport> later)
    {
        EnvironmentReport[] further = [.. FurtherRuns ?? [], .. later.SelectMany(run => run.Runs)];
        return this with { FurtherRuns = further.Length == 0 ? null : further };
    }

    private IEnumerable<EnvironmentReport> Runs => [this with { FurtherRuns = null }, .. FurtherRuns ?? []];

    private static BuildState ReadBuild()
    {
        Assembly program = typeof(EnvironmentReport).Assembly;
        Version? ilgpu = typeof(Backends).Assembly.GetReferencedAssemblies().FirstOrDefault(assembly => assembly.Name == "ILGPU")?.Version;
        return new(
            program.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion,
            program.GetCustomAttribute<AssemblyConfigurationAttribute>()?.Configuration,
            program.GetCustomAttributes<AssemblyMetadataAttribute>().FirstOrDefault(metadata => metadata.Key == "SdkVersion")?.Value,
            Environment.Version.ToString(),
            $"{Backends.KernelRuntimeName} {ilgpu?.ToString(3)}".TrimEnd(),
            IsTiered(),
            GCSettings.IsServerGC,
            GCSettings.LatencyMode != GCLatencyMode.Batch,
            Debugger.IsAttached);
    }

    /// <summary>The environment variable wins over the program's settings; .NET tiers when neither says anything.</summary>
    private static bool IsTiered() =>
        Environment.GetEnvironmentVariable("DOTNET_TieredCompilation") is { Length: > 0 } variable ? variable.Trim() != "0"
        : !AppContext.TryGetSwitch("System.Runtime.TieredCompilation", out bool tiered) || tiered;
}
