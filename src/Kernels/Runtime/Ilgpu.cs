// The device runtime of the ILGPU build: CUDA and OpenCL devices, and ILGPU's CPU accelerator.
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ILGPU.Algorithms;
using ILGPU.Runtime.CPU;
using ILGPU.Runtime.Cuda;
using ILGPU.Runtime.OpenCL;

namespace FlGpu.Kernels;

/// <summary>What one backend has borrowed of a device: see <see cref="LentDevice"/>.</summary>
internal sealed class DeviceRuntime : IDisposable
{
    public const string Name = "ILGPU";

    /// <summary>
    /// O2 lets loads name the global memory and leaves 1 to 9 % fewer instructions of PTX. What it also does, declaring branches uniform by an
    /// analysis that is wrong for some kernels (ILGPU issue 846), is undone before a kernel is loaded: <see cref="LentDevice.LetBranchesDiverge"/>.
    /// </summary>
    public const OptimizationLevel Optimization = OptimizationLevel.O2;

    // Where ILGPU itself finds the drivers under WSL.
    private const string WslDrivers = "/usr/lib/wsl/lib";

    private readonly Dictionary<Delegate, Delegate> _launchers = [];
    private LentDevice? _device;

    static DeviceRuntime()
    {
        try
        {
            NativeLibrary.SetDllImportResolver(typeof(Context).Assembly, ResolveDriver);
        }
        catch (InvalidOperationException)
        {
            // Under WSL, ILGPU has set a resolver of its own, which finds the drivers there.
        }
    }

    private DeviceRuntime(string kind, Func<(Context Context, Accelerator Accelerator)> open) => _device = LentDevice.Borrow(kind, open);

    public string DeviceName => IsGpu ? Accelerator.Name : $"{Processor.Name} (ILGPU CPU accelerator)";

    public int Multiprocessors => Accelerator.NumMultiprocessors;

    public bool IsGpu => Accelerator is not CPUAccelerator;

    public long? MemoryBytes => IsGpu ? Accelerator.MemorySize : null;

    /// <summary>What its buffers have copied so far.</summary>
    public Traffic Copied { get; set; }

    public int MaxGroupSize => Accelerator.MaxNumThreadsPerGroup;

    /// <summary>Whether kernels may use the instructions of TF32 tensor cores: CUDA from compute capability 8.0 on, in warps of 32.</summary>
    public bool HasTensorCores => Accelerator is CudaAccelerator { WarpSize: 32 } cuda && cuda.Architecture >= CudaArchitecture.SM_80;

    /// <summary>The kernels that this backend has launched so far.</summary>
    public IEnumerable<MethodInfo> Launched => _launchers.Keys.Select(kernel => kernel.Method);

    /// <summary>How many kernels the device has compiled, for this backend and for those that it was lent to before.</summary>
    public int Compiled => Device.Compiled;

    public Accelerator Accelerator => Device.Accelerator;

    private LentDevice Device => _device ?? throw new ObjectDisposedException(nameof(DeviceRuntime));

    /// <summary>ILGPU's CPU accelerator, just wide enough for groups of <paramref name="groupSize"/>.</summary>
    public static DeviceRuntime OpenCpu(int threads, int groupSize)
    {
        const int SmallestWarp = 2;
        int warps = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, groupSize / SmallestWarp));
        return new($"cpu {threads} x {warps}", () =>
        {
            Context context = CreateContext(builder => builder.CPU(new CPUDevice(SmallestWarp, warps, threads)));
            return (context, context.GetCPUDevice(0).CreateAccelerator(context));
        });
    }

    /// <summary>Every GPU, and for each kind of which there is none the reason.</summary>
    public static IReadOnlyList<DeviceListing> Gpus() =>
    [
        .. List("cuda", "libcuda.so.1", "nvcuda.dll", builder => builder.Cuda(), context => context.GetCudaDevices().Count,
            (context, i) => Describe(context.GetCudaDevice(i)), OpenCuda, "the driver lists no device"),
        .. List("opencl", "libOpenCL.so.1", "OpenCL.dll", builder => builder.OpenCL(), context => context.GetCLDevices().Count,
            (context, i) => Describe(context.GetCLDevice(i)), OpenOpenCl, "no device offers what ILGPU needs (OpenCL 2.0 with a generic address space)"),
    ];

    public IDeviceTimer CreateTimer() => new MarkerTimer(Accelerator.DefaultStream);

    public void Synchronize() => Accelerator.Synchronize();

    public void Launch<A, B>(Action<A, B> kernel, KernelConfig config, A a, B b) where A : struct where B : struct =>
        Launcher<Action<AcceleratorStream, KernelConfig, A, B>>(kernel)(Accelerator.DefaultStream, config, a, b);

    public void Launch<A, B, C>(Action<A, B, C> kernel, KernelConfig config, A a, B b, C c) where A : struct where B : struct where C : struct =>
        Launcher<Action<AcceleratorStream, KernelConfig, A, B, C>>(kernel)(Accelerator.DefaultStream, config, a, b, c);

    public void Launch<A, B, C, D>(Action<A, B, C, D> kernel, KernelConfig config, A a, B b, C c, D d)
        where A : struct where B : struct where C : struct where D : struct =>
        Launcher<Action<AcceleratorStream, KernelConfig, A, B, C, D>>(kernel)(Accelerator.DefaultStream, config, a, b, c, d);

    public void Launch<A, B, C, D, E>(Action<A, B, C, D, E> kernel, KernelConfig config, A a, B b, C c, D d, E e)
        where A : struct where B : struct where C : struct where D : struct where E : struct =>
        Launcher<Action<AcceleratorStream, KernelConfig, A, B, C, D, E>>(kernel)(Accelerator.DefaultStream, config, a, b, c, d, e);

    public void Launch<A, B, C, D, E, F>(Action<A, B, C, D, E, F> kernel, KernelConfig config, A a, B b, C c, D d, E e, F f)
        where A : struct where B : struct where C : struct where D : struct where E : struct where F : struct =>
        Launcher<Action<AcceleratorStream, KernelConfig, A, B, C, D, E, F>>(kernel)(Accelerator.DefaultStream, config, a, b, c, d, e, f);

    public void Launch<A, B, C, D, E, F, G, H, I, J>(
        Action<A, B, C, D, E, F, G, H, I, J> kernel, KernelConfig config, A a, B b, C c, D d, E e, F f, G g, H h, I i, J j)
        where A : struct where B : struct where C : struct where D : struct where E : struct
        where F : struct where G : struct where H : struct where I : struct where J : struct =>
        Launcher<Action<AcceleratorStream, KernelConfig, A, B, C, D, E, F, G, H, I, J>>(kernel)(Accelerator.DefaultStream, config, a, b, c, d, e, f, g, h, i, j);

    /// <summary>Gives the device back to the process.</summary>
    public void Dispose()
    {
        if (_device is not null)
        {
            _launchers.Clear();
            _device.GiveBack();
            _device = null;
        }
    }

    /// <summary>What launches a kernel, which is compiled the first time that the process launches it on such a device.</summary>
    private TLauncher Launcher<TLauncher>(Delegate kernel) where TLauncher : Delegate
    {
        if (!_launchers.TryGetValue(kernel, out Delegate? launcher))
        {
            _launchers[kernel] = launcher = Device.Launcher<TLauncher>(kernel.Method);
        }

        return (TLauncher)launcher;
    }

    private static DeviceRuntime OpenCuda(int index) => new($"cuda:{index}", () =>
    {
        Context context = CreateContext(builder => builder.Cuda());
        return (context, context.GetCudaDevice(index).CreateAccelerator(context));
    });

    private static DeviceRuntime OpenOpenCl(int index) => new($"opencl:{index}", () =>
    {
        Context context = CreateContext(builder => builder.OpenCL());
        return (context, context.GetCLDevice(index).CreateAccelerator(context));
    });

    private static Context CreateContext(Func<Context.Builder, Context.Builder> devices) =>
        Context.Create(builder => devices(builder).EnableAlgorithms().Profiling().Optimize(Optimization));

    // ILGPU gives CUDA's clock in kHz, as the driver does, and OpenCL's in MHz.
    private static (string Name, DeviceFacts Facts) Describe(CudaDevice device) =>
        (device.Name, new(device.DriverVersion.ToString(), device.NumMultiprocessors, device.WarpSize, device.Architecture?.ToString(), device.ClockRate / 1000,
            device.MemorySize, device.L2CacheSize));

    private static (string Name, DeviceFacts Facts) Describe(CLDevice device) =>
        (device.Name, new(null, device.NumMultiprocessors, device.WarpSize, device.CVersion.ToString(), device.ClockRate, device.MemorySize, null));

    private static IReadOnlyList<DeviceListing> List(
        string kind, string linuxDriver, string windowsDriver, Func<Context.Builder, Context.Builder> devices, Func<Context, int> count,
        Func<Context, int, (string Name, DeviceFacts Facts)> describe, Func<int, DeviceRuntime> open, string noDevice)
    {
        // A context takes a tenth of a second to make, which a machine without the driver is spared.
        string driver = OperatingSystem.IsWindows() ? windowsDriver : linuxDriver;
        if (!NativeLibrary.TryLoad(driver, out _) && !Directory.Exists(WslDrivers))
        {
            return [new(kind, null, $"no driver: {driver} was not found", null)];
        }

        using Context context = CreateContext(devices);
        return count(context) == 0 ? [new(kind, null, noDevice, null)] : [.. Enumerable.Range(0, count(context)).Select(Listing)];

        DeviceListing Listing(int i)
        {
            (string name, DeviceFacts facts) = describe(context, i);
            return new($"{kind}:{i}", name, null, () => open(i), facts);
        }
    }

    /// <summary>Drivers install libcuda.so.1 and libOpenCL.so.1; the names without a version belong to development packages.</summary>
    private static nint ResolveDriver(string library, Assembly assembly, DllImportSearchPath? path)
    {
        string? versioned = OperatingSystem.IsLinux() ? library switch { "cuda" => "libcuda.so.1", "OpenCL" => "libOpenCL.so.1", _ => null } : null;
        return versioned is not null && NativeLibrary.TryLoad(versioned, out nint handle) ? handle : 0;
    }
}

/// <summary>Markers of ILGPU: events of CUDA and of OpenCL.</summary>
internal sealed class MarkerTimer(AcceleratorStream stream) : IDeviceTimer
{
    private ProfilingMarker? _start;
    private ProfilingMarker? _stop;

    public void Start()
    {
        _start?.Dispose();
        _start = stream.AddProfilingMarker();
    }

    public void Stop()
    {
        _stop?.Dispose();
        _stop = stream.AddProfilingMarker();
    }

    public double ReadMs() => (_stop! - _start!).TotalMilliseconds;
}

/// <summary>Memory of an ILGPU accelerator.</summary>
internal sealed class DeviceBuffer<T> : Buffer<T> where T : unmanaged
{
    private readonly DeviceRuntime _runtime;
    private readonly MemoryBuffer1D<T, Stride1D.Dense>? _memory;

    public DeviceBuffer(DeviceRuntime runtime, long length) : base(length)
    {
        (_runtime, _memory) = (runtime, runtime.Accelerator.Allocate1D<T>(length));
        View = _memory.View;
    }

    private DeviceBuffer(DeviceRuntime runtime, ArrayView<T> view) : base(view.Length) => (_runtime, View) = (runtime, view);

    public ArrayView<T> View { get; }

    public override void CopyFrom(ReadOnlySpan<T> host, long offset = 0)
    {
        _runtime.Copied += new Traffic((long)host.Length * Unsafe.SizeOf<T>(), 0);
        View.SubView(offset, host.Length).CopyFromCPU(_runtime.Accelerator.DefaultStream, host);
    }

    public override void CopyTo(Span<T> host, long offset = 0)
    {
        _runtime.Copied += new Traffic(0, (long)host.Length * Unsafe.SizeOf<T>());
        View.SubView(offset, host.Length).CopyToCPU(_runtime.Accelerator.DefaultStream, host);
    }

    public override Buffer<T> Slice(long offset, long length) => new DeviceBuffer<T>(_runtime, View.SubView(offset, length));

    public override void Dispose() => _memory?.Dispose();
}
