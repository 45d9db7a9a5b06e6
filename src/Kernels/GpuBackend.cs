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

    /// <summary>Compiles and launches kernels on this device.</summary>
    internal DeviceRuntime Runtime => _runtime;

    /// <inheritdoc/>
    public override Buffer<T> Allocate<T>(long length) => new DeviceBuffer<T>(_runtime, length);

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

    /// <summary>A launch with about one thread for each of <paramref name="items"/>.</summary>
    internal KernelConfig ThreadEach(long items) => new((int)Math.Clamp((items + _groupSize - 1) / _groupSize, 1, _maxGroups), _groupSize);

    /// <summary>A launch with about one group for each of <paramref name="items"/>.</summary>
    internal KernelConfig GroupEach(long items) => new((int)Math.Clamp(items, 1, _maxGroups), _groupSize);

    /// <summary>The number of groups that <see cref="GroupEach"/> gives.</summary>
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

    /// <summary>What a kernel sees of a matrix.</summary>
    internal static ArrayView<float> View(Matrix matrix) => View(matrix.Elements);

    /// <summary>What a kernel sees of a buffer.</summary>
    internal static ArrayView<T> View<T>(Buffer<T> buffer) where T : unmanaged => ((DeviceBuffer<T>)buffer).View;
}
