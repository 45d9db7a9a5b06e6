// The names of backends: which exist on this machine, why others do not, and how to open one.
namespace FlGpu.Kernels;

/// <summary>A backend of this machine, or the reason why there is none of that kind.</summary>
/// <param name="Name">As in options: reference, simd, cpu, cuda:0, opencl:0.</param>
/// <param name="Device">The hardware; null when missing.</param>
/// <param name="Missing">Why it is missing; null when it is there.</param>
/// <param name="Open">Opens the device runtime of a GPU.</param>
/// <param name="Facts">What its driver says of a GPU.</param>
public sealed record DeviceListing(string Name, string? Device, string? Missing, Func<object>? Open, DeviceFacts? Facts = null);

/// <summary>What the driver says of a GPU. What it does not say is null.</summary>
/// <param name="Driver">The version of its interface: CUDA's.</param>
/// <param name="Multiprocessors">Multiprocessors or compute units.</param>
/// <param name="WarpSize">Threads that run in step.</param>
/// <param name="Capability">The architecture that kernels are compiled for: SM_90; OpenCL C's version.</param>
/// <param name="ClockMhz">Its highest clock in MHz.</param>
/// <param name="MemoryBytes">Bytes of its memory.</param>
/// <param name="L2Bytes">Bytes of its level 2 cache.</param>
public sealed record DeviceFacts(
    string? Driver, int Multiprocessors, int WarpSize, string? Capability, int? ClockMhz, long MemoryBytes, long? L2Bytes);

/// <summary>Finds and opens backends by name.</summary>
public static class Backends
{
    /// <summary>What the kernels were compiled against: "ILGPU" or "stand-in".</summary>
    public static string KernelRuntimeName => DeviceRuntime.Name;

    /// <summary>The names of backends, for messages.</summary>
    public const string Names = "reference, simd, cpu, cuda[:i], cuda-tensor[:i], opencl[:i] and auto";

    private const string TensorKind = "cuda-tensor";

    private const int GpuGroupSize = 256;

    // Enough groups to fill any GPU many times over; kernels stride over what is left.
    private const int GpuMaxGroups = 1 << 16;
    private const int CpuGroupsPerThread = 4;

    /// <summary>Every kind of backend, present or missing.</summary>
    public static IReadOnlyList<DeviceListing> List() =>
    [
        new("reference", Processor.Name, null, null),
        new("simd", $"{Processor.Name} ({Processor.VectorInstructions})", null, null),
        new("cpu", $"{Processor.Name} ({(KernelRuntimeName == "ILGPU" ? "ILGPU CPU accelerator" : "stand-in for ILGPU")})", null, null),
        .. DeviceRuntime.Gpus(),
    ];

    /// <summary>Whether <paramref name="name"/> is written as a backend's is; this machine need not have it.</summary>
    public static bool IsName(string name) =>
        name is "reference" or "simd" or "cpu" or "auto"
        || (name.Split(':') is [_, ..] parts && IsGpuKind(parts[0]) && (parts.Length == 1 || (parts.Length == 2 && parts[1].Length > 0 && parts[1].All(char.IsAsciiDigit))));

    /// <summary>Opens a backend.</summary>
    /// <param name="name">
    /// reference, simd, cpu, cuda[:i], cuda-tensor[:i] (the same device; products of rows on its tensor cores), opencl[:i] or auto (CUDA, else
    /// OpenCL, else simd).
    /// </param>
    /// <param name="threads">CPU threads for simd and cpu.</param>
    /// <exception cref="InputException">The name is unknown or there is no such device.</exception>
    public static Backend Open(string name, int threads)
    {
        switch (name)
        {
            case "reference": return new ReferenceBackend();
            case "simd": return new SimdBackend(threads);
            case "cpu": return OpenCpu(threads, groupSize: 1);
            case "auto":
                DeviceListing? gpu = DeviceRuntime.Gpus().FirstOrDefault(g => g.Open is not null);
                return gpu is null ? new SimdBackend(threads) : OpenGpu(gpu);
        }

        string kind = name.Split(':')[0];
        if (!IsGpuKind(kind))
        {
            throw new InputException($"--backend: '{name}' is unknown; allowed are {Names}");
        }

        string listed = kind == TensorKind ? "cuda" : kind;
        IReadOnlyList<DeviceListing> gpus = [.. DeviceRuntime.Gpus().Where(g => g.Name.StartsWith(listed, StringComparison.Ordinal))];
        string wanted = name.Contains(':') ? listed + name[kind.Length..] : $"{listed}:0";
        DeviceListing found = gpus.FirstOrDefault(g => g.Name == wanted && g.Open is not null)
            ?? throw new InputException($"--backend: there is no '{name}' on this machine: {gpus[0].Missing ?? $"allowed are {string.Join(", ", gpus.Select(g => kind + g.Name[listed.Length..]))}"}");
        return kind == TensorKind ? OpenTensorCores(found) : OpenGpu(found);
    }

    /// <summary>The kernels on the CPU, in groups of <paramref name="groupSize"/> threads.</summary>
    /// <param name="threads">CPU threads.</param>
    /// <param name="groupSize">Threads of a group.</param>
    /// <param name="likeTensorCores">Whether products of rows are taken from halves of their digits, as tensor cores do.</param>
    public static GpuBackend OpenCpu(int threads, int groupSize, bool likeTensorCores = false) =>
        new("cpu", DeviceRuntime.OpenCpu(threads, groupSize), groupSize, groupSize == 1 ? threads * CpuGroupsPerThread : 3) { UsesTensorCores = likeTensorCores };

    private static bool IsGpuKind(string kind) => kind is "cuda" or TensorKind or "opencl";

    private static GpuBackend OpenGpu(DeviceListing gpu) => new(gpu.Name, (DeviceRuntime)gpu.Open!(), GpuGroupSize, GpuMaxGroups);

    /// <summary>What the tensor cores are used for is held against the reference first: a device on which it is wrong is refused.</summary>
    private static GpuBackend OpenTensorCores(DeviceListing gpu)
    {
        const int Clients = 130;
        const int Parameters = 1001;
        var runtime = (DeviceRuntime)gpu.Open!();
        if (!runtime.HasTensorCores)
        {
            runtime.Dispose();
            throw new InputException($"--backend {TensorKind}: {gpu.Name}, {gpu.Device}, has no tensor cores of compute capability 8.0 or more; use {gpu.Name}");
        }

        var backend = new GpuBackend(TensorKind + gpu.Name["cuda".Length..], runtime, GpuGroupSize, GpuMaxGroups) { UsesTensorCores = true };
        foreach (string name in (string[])[Operations.NameOf(typeof(PairwiseSquaredDistances)), Operations.NameOf(typeof(GramMatrix))])
        {
            Agreement agreement = Conformance.Compare(Operations.All.Single(o => o.Name == name), backend, Clients, Parameters, RngKey.FromSeed(1));
            if (!agreement.Passed)
            {
                backend.Dispose();
                throw new InputException($"--backend {TensorKind}: {name} is wrong on the tensor cores of {gpu.Name}, {gpu.Device} (error {agreement.Error:E1}); use {gpu.Name}");
            }
        }

        return backend;
    }
}

