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
/// <param name="WarpSize">Threads that run in step.</param>
/// <param name="Capability">The architecture that kernels are compiled for: SM_90.</param>
/// <param name="ClockMhz">Its clock in MHz.</param>
/// <param name="MemoryBytes">Bytes of its memory.</param>
/// <param name="L2Bytes">Bytes of its level 2 cache.</param>
public sealed record GpuState(
    string Name, string? Device, string? Driver, int? Multiprocessors, int? WarpSize, string? Capability, int? ClockMhz, long? MemoryBytes, long? L2Bytes)
{
    /// <summary>A device as it is listed.</summary>
    public static GpuState Of(DeviceListing gpu) => new(
        gpu.Name, gpu.Device, gpu.Facts?.Driver, gpu.Facts?.Multiprocessors, gpu.Facts?.WarpSize, gpu.Facts?.Capability, gpu.Facts?.ClockMhz,
        gpu.Facts?.MemoryBytes, gpu.Facts?.L2Bytes);
}

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
/// <param name="Peaks">What the backends reached at most, measured in this run; null in files from before it was.</param>
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
    IReadOnlyList<Peaks>? Peaks = null,
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
            [.. Backends.List().Where(listing => listing.Open is not null).Select(GpuState.Of)],
            protocol,
            data);

    /// <summary>Writes it as JSON; a file of that name is replaced, at once and as a whole.</summary>
    public void WriteTo(string path) => WholeFile.Write(path, draft => File.WriteAllText(draft, JsonSerializer.Serialize(this, s_format) + "\n"));

    /// <summary>Reads what <see cref="WriteTo"/> wrote; null where there is no such file or one that somebody else wrote.</summary>
    public static EnvironmentReport? Read(string path)
    {
        try
        {
            EnvironmentReport? read = File.Exists(path) ? JsonSerializer.Deserialize<EnvironmentReport>(File.ReadAllText(path), s_format) : null;
            return read is { Argv: not null, Build: not null, Host: not null, Gpus: not null, Data: not null } ? read : null;
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

    /// <summary>The latest of these runs with what it measured.</summary>
    public EnvironmentReport WithPeaksOfLatest(IReadOnlyList<Peaks> peaks) => FurtherRuns is { Count: > 0 } further
        ? this with { FurtherRuns = [.. further.SkipLast(1), further[^1] with { Peaks = peaks }] }
        : this with { Peaks = peaks };

    /// <summary>
    /// The peaks behind the rows of the folder: what a backend reached in any of the runs. None when these were on different machines,
    /// because a row does not say on which.
    /// </summary>
    [JsonIgnore]
    public IReadOnlyList<Peaks> PeaksOfRuns => Runs.Select(run => (run.Host.CpuModel, string.Join(',', run.Gpus))).Distinct().Count() > 1 ? [] :
    [
        .. Runs.SelectMany(run => run.Peaks ?? []).GroupBy(peaks => (peaks.Backend, peaks.Threads)).Select(same => new Peaks(
            same.Key.Backend, same.Key.Threads, same.Max(peaks => peaks.ReadGbPerS), same.Max(peaks => peaks.MultiplyAddGflopPerS),
            same.Max(peaks => peaks.CompareExchangeGPerS))),
    ];

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
