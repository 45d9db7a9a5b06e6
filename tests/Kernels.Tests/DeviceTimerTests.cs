#if ILGPU
// The markers that gpu_ms comes from, on the one accelerator that every machine has.
using FlGpu.Kernels;

namespace FlGpu.Kernels.Tests;

public sealed class DeviceTimerTests
{
    [Fact]
    public void Markers_measure_what_runs_between_them()
    {
        using GpuBackend cpu = Backends.OpenCpu(threads: 1, groupSize: 1);
        using Prepared prepared = Operations.All.Single(operation => operation.Name == "row_norms").Prepare(cpu, 10, 100_000, RngKey.FromSeed(1));
        prepared.Run();
        cpu.Synchronize();
        IDeviceTimer timer = cpu.Runtime.CreateTimer();
        timer.Start();
        timer.Stop();
        cpu.Synchronize();
        double nothing = timer.ReadMs();
        timer.Start();
        prepared.Run();
        timer.Stop();
        cpu.Synchronize();

        Assert.InRange(timer.ReadMs(), Math.Max(1e-3, nothing), 60_000);
    }

    [Fact]
    public void Only_gpus_have_times_of_their_own()
    {
        using GpuBackend cpu = Backends.OpenCpu(threads: 1, groupSize: 1);
        using var simd = new SimdBackend(1);
        Assert.Null(cpu.CreateDeviceTimer());
        Assert.Null(simd.CreateDeviceTimer());
    }
}
#endif
