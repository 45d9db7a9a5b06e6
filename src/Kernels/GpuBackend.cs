// Runs the kernels: on CUDA, on OpenCL and on a CPU, through ILGPU or its stand-in.
namespace FlGpu.Kernels;

/// <summary>
/// One device that runs kernels. Kernels stride by the size of the launch, so any number of groups of any number of
/// threads gives a right result; the shape is only a matter of speed.
/// </summary>
public sealed class GpuBackend : Backend
{
    /// <summary>The largest group that a kernel reserves shared memory for.</summary>
    public const int MaxGroupSize = 1024;

    private readonly DeviceRuntime _runtime;
    private readonly int _groupSize;
    private readonly int _maxGroups;
    private Buffer<float>? _scratch;

    internal GpuBackend(string name, DeviceRuntime runtime, int groupSize, int maxGroups) : base(name, runtime.DeviceName, runtime.Multiprocessors)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(groupSize, MaxGroupSize);
        (_runtime, _groupSize, _maxGroups) = (runtime, groupSize, maxGroups);
    }

    /// <summary>What the kernels were compiled against.</summary>
    public static string RuntimeName => DeviceRuntime.Name;

    /// <inheritdoc/>
    public override Traffic Copied => _runtime.Copied;

    /// <inheritdoc/>
    public override long? MemoryBytes => _runtime.MemoryBytes;

    /// <summary>
    /// Whether products of rows are taken on tensor cores, from halves of the factors' digits; where the device has none, the same halves are
    /// multiplied without.
    /// </summary>
    internal bool UsesTensorCores { get; init; }

    /// <summary>Compiles and launches kernels on this device.</summary>
    internal DeviceRuntime Runtime => _runtime;

    /// <inheritdoc/>
    public override Buffer<T> Allocate<T>(long length) => new DeviceBuffer<T>(_runtime, length);

    /// <inheritdoc/>
    public override IDeviceTimer? CreateDeviceTimer() => _runtime.IsGpu ? _runtime.CreateTimer() : null;

    /// <inheritdoc/>
    public override void Synchronize() => _runtime.Synchronize();

    /// <inheritdoc/>
    public override void Dispose()
    {
        _scratch?.Dispose();
        _runtime.Dispose();
    }

    /// <inheritdoc/>
    protected override void Execute<TOperation>(in TOperation operation) => operation.Gpu(this);

    /// <summary>
    /// Threads a group of a launch whose kernel is best off with <paramref name="preferred"/>: as many on a GPU that can, else what the backend
    /// was opened with, so that a check on a CPU runs every kernel in the groups it asked for.
    /// </summary>
    internal int GroupSize(int preferred) => _runtime.IsGpu ? Math.Min(preferred, _runtime.MaxGroupSize) : _groupSize;

    /// <summary>A launch with about one thread for each of <paramref name="items"/>.</summary>
    internal KernelConfig ThreadEach(long items) => ThreadEach(items, _groupSize);

    /// <summary>The same in groups of a size of its own.</summary>
    internal KernelConfig ThreadEach(long items, int preferredGroupSize)
    {
        int groupSize = GroupSize(preferredGroupSize);
        return new((int)Math.Clamp((items + groupSize - 1) / groupSize, 1, _maxGroups), groupSize);
    }

    /// <summary>A launch with about one group for each of <paramref name="items"/>.</summary>
    internal KernelConfig GroupEach(long items) => GroupEach(items, _groupSize);

    /// <summary>The same in groups of a size of its own.</summary>
    internal KernelConfig GroupEach(long items, int preferredGroupSize) => new(GroupsFor(items), GroupSize(preferredGroupSize));

    /// <summary>The number of groups that <see cref="GroupEach(long)"/> gives.</summary>
    internal int GroupsFor(long items) => (int)Math.Clamp(items, 1, _maxGroups);

    /// <summary>Device memory for the length of one operation; the next one may be given the same.</summary>
    internal ArrayView<float> Scratch(long length)
    {
        if (_scratch is null || _scratch.Length < length)
        {
            Synchronize();
            _scratch?.Dispose();
            _scratch = Allocate<float>(length);
        }

        return View(_scratch).SubView(0, length);
    }

    /// <summary>The same in double precision.</summary>
    internal ArrayView<double> DoubleScratch(long length) => Scratch(2 * length).Cast<double>();

    /// <summary>What a kernel sees of a matrix.</summary>
    internal static ArrayView<float> View(Matrix matrix) => View(matrix.Elements);

    /// <summary>The same, so many floats at once.</summary>
    internal static ArrayView<T> Lanes<T>(Matrix matrix) where T : unmanaged, ILanes<T> => View(matrix).Cast<T>();

    /// <summary>What a kernel sees of a buffer.</summary>
    internal static ArrayView<T> View<T>(Buffer<T> buffer) where T : unmanaged => ((DeviceBuffer<T>)buffer).View;
}
