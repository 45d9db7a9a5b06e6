// The device runtime of the stand-in build: one CPU device, no GPUs.
using System.Runtime.InteropServices;

namespace FlGpu.Kernels;

/// <summary>The stand-in's only device: this machine's CPU.</summary>
internal sealed class DeviceRuntime(int threads) : IDisposable
{
    public const string Name = "stand-in";
    public const string NoGpu = "this build runs kernels on its CPU stand-in; CUDA and OpenCL need a build against ILGPU";

    private readonly CpuAccelerator _accelerator = new(threads);

    public string DeviceName => Processor.Name;

    public int Multiprocessors => threads;

    public bool IsGpu => false;

    public bool HasTensorCores => false;

    public long? MemoryBytes => null;

    /// <summary>What its buffers have copied so far: on a GPU it would have crossed from one memory to another.</summary>
    public Traffic Copied { get; set; }

    public int MaxGroupSize => GpuBackend.MaxGroupSize;

    public static DeviceRuntime OpenCpu(int threads, int groupSize) => new(threads);

    public static IReadOnlyList<DeviceListing> Gpus() => [new("cuda", null, NoGpu, null), new("opencl", null, NoGpu, null)];

    public IDeviceTimer? CreateTimer() => null;

    public void Synchronize()
    {
    }

    public void Launch<A, B>(Action<A, B> kernel, KernelConfig config, A a, B b) => _accelerator.Launch(config, () => kernel(a, b));

    public void Launch<A, B, C>(Action<A, B, C> kernel, KernelConfig config, A a, B b, C c) => _accelerator.Launch(config, () => kernel(a, b, c));

    public void Launch<A, B, C, D>(Action<A, B, C, D> kernel, KernelConfig config, A a, B b, C c, D d) => _accelerator.Launch(config, () => kernel(a, b, c, d));

    public void Launch<A, B, C, D, E>(Action<A, B, C, D, E> kernel, KernelConfig config, A a, B b, C c, D d, E e) =>
        _accelerator.Launch(config, () => kernel(a, b, c, d, e));

    public void Launch<A, B, C, D, E, F>(Action<A, B, C, D, E, F> kernel, KernelConfig config, A a, B b, C c, D d, E e, F f) =>
        _accelerator.Launch(config, () => kernel(a, b, c, d, e, f));

    public void Launch<A, B, C, D, E, F, G, H, I, J>(
        Action<A, B, C, D, E, F, G, H, I, J> kernel, KernelConfig config, A a, B b, C c, D d, E e, F f, G g, H h, I i, J j) =>
        _accelerator.Launch(config, () => kernel(a, b, c, d, e, f, g, h, i, j));

    public void Dispose() => _accelerator.Dispose();
}

/// <summary>CPU memory as a kernel sees it.</summary>
internal sealed unsafe class DeviceBuffer<T> : Buffer<T> where T : unmanaged
{
    private readonly DeviceRuntime _runtime;
    private readonly HostBuffer<T> _memory;

    public DeviceBuffer(DeviceRuntime runtime, long length) : this(runtime, new HostBuffer<T>(length))
    {
    }

    private DeviceBuffer(DeviceRuntime runtime, HostBuffer<T> memory) : base(memory.Length) => (_runtime, _memory) = (runtime, memory);

    public ArrayView<T> View => new(_memory.Pointer, Length);

    public override void CopyFrom(ReadOnlySpan<T> host, long offset = 0)
    {
        _runtime.Copied += new Traffic((long)host.Length * sizeof(T), 0);
        _memory.CopyFrom(host, offset);
    }

    public override void CopyTo(Span<T> host, long offset = 0)
    {
        _runtime.Copied += new Traffic(0, (long)host.Length * sizeof(T));
        _memory.CopyTo(host, offset);
    }

    public override Buffer<T> Slice(long offset, long length) => new DeviceBuffer<T>(_runtime, (HostBuffer<T>)_memory.Slice(offset, length));

    public override void Dispose() => _memory.Dispose();
}
