#if ILGPU
// A process compiles a kernel once for a device, however often the device is opened.
using FlGpu.Kernels;

namespace FlGpu.Kernels.Tests;

public sealed class CompileOnceTests
{
    // Nobody else opens this one: tests that run meanwhile may borrow what is given back.
    private const int Threads = 3;
    private const int GroupSize = 4;

    [Fact]
    public void Kernels_are_compiled_once_where_a_device_is_opened_twice()
    {
        int compiled;
        using (GpuBackend first = Backends.OpenCpu(Threads, GroupSize))
        {
            Assert.Equal(0, first.Runtime.Compiled);
            RunAll(first);
            compiled = first.Runtime.Compiled;
            Assert.Equal(first.Runtime.Launched.Count(), compiled);
        }

        using GpuBackend second = Backends.OpenCpu(Threads, GroupSize);
        Assert.Empty(second.Runtime.Launched);
        Assert.Equal(default, second.Copied);
        Assert.Equal(compiled, second.Runtime.Compiled);
        RunAll(second);
        Assert.Equal(compiled, second.Runtime.Compiled);
        Assert.Equal(compiled, second.Runtime.Launched.Count());

        // One that is opened while the other is in use is another one.
        using GpuBackend third = Backends.OpenCpu(Threads, GroupSize);
        Assert.Equal(0, third.Runtime.Compiled);
    }

    [Fact]
    public void A_device_that_failed_to_compile_a_kernel_is_not_lent_again()
    {
        using (GpuBackend first = Backends.OpenCpu(Threads, 2 * GroupSize))
        {
            Run(first, "row_norms", clients: 2);
            Assert.ThrowsAny<Exception>(() => first.Runtime.Launch(Unusable, first.ThreadEach(1), 1, 1));
        }

        using GpuBackend second = Backends.OpenCpu(Threads, 2 * GroupSize);
        Assert.Equal(0, second.Runtime.Compiled);
        Run(second, "row_norms", clients: 2);
    }

    // An ordinary kernel, an emitted network, emitted distances, and rows in registers.
    private static void RunAll(GpuBackend backend)
    {
        Run(backend, "row_norms", clients: 2);
        Run(backend, "coordinate_median", clients: 5);
        Run(backend, "mean_around_center", clients: 5);
        Run(backend, "trimmed_mean", clients: 129);
        Run(backend, "coordinate_median", clients: 129);
    }

    private static void Run(GpuBackend backend, string name, int clients)
    {
        using Prepared prepared = Operations.All.Single(operation => operation.Name == name).Prepare(backend, clients, 3, RngKey.FromSeed(1));
        prepared.Run();
        backend.Synchronize();
    }

    // No kernel may throw.
    private static void Unusable(int a, int b) => throw new InvalidOperationException($"{a} {b}");
}
#endif
