// What is read from /proc and /sys, and that the rest is null.
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Tests.Recording;

public sealed class HostStateTests : IDisposable
{
    private readonly TemporaryFolder _root = new();

    public void Dispose() => _root.Dispose();

    [Fact]
    public void A_system_that_tells_nothing_gives_nulls()
    {
        HostState host = HostState.Read(_root.Path);

        Assert.Equal(
            (null, null, null, null, null, null, null),
            (host.CpuModel, host.PhysicalCores, host.RamBytes, host.L2Bytes, host.L3Bytes, host.Kernel, host.LoadAverage));
    }

    [Fact]
    public void Nonsense_gives_nulls()
    {
        Put("proc/cpuinfo", "model\nphysical id : 0\n");
        Put("proc/meminfo", "MemTotal: lots\n");
        Put("proc/loadavg", "");
        Put("sys/devices/system/cpu/cpu0/cache/index2/level", "2\n");
        Put("sys/devices/system/cpu/cpu0/cache/index2/size", "12 parsecs\n");

        HostState host = HostState.Read(_root.Path);

        Assert.Equal(
            (null, null, null, null, null, null, null),
            (host.CpuModel, host.PhysicalCores, host.RamBytes, host.L2Bytes, host.L3Bytes, host.Kernel, host.LoadAverage));
    }

    [Fact]
    public void A_linux_system_tells_all()
    {
        // Two sockets with one core of two hyper-threads each.
        Put("proc/cpuinfo", string.Concat(new[] { 0, 0, 1, 1 }.Select(socket =>
            $"processor\t: 0\nmodel name\t: Some CPU: fast\nphysical id\t: {socket}\ncore id\t\t: 0\n\n")));
        Put("proc/meminfo", "MemTotal:       24684096 kB\nMemFree: 1 kB\n");
        Put("proc/loadavg", "1.25 0.07 0.09 1/82 5783\n");
        Put("proc/sys/kernel/osrelease", "6.1.0-test\n");
        PutCache(0, "1", "32K");
        PutCache(2, "2", "1024K");
        PutCache(3, "3", "32M");

        HostState host;
        using (new CommaCulture())
        {
            host = HostState.Read(_root.Path);
        }

        Assert.Equal(
            ("Some CPU: fast", 2, 25_276_514_304, 1_048_576, 33_554_432, "6.1.0-test", 1.25),
            (host.CpuModel, host.PhysicalCores, host.RamBytes, host.L2Bytes, host.L3Bytes, host.Kernel, host.LoadAverage));
    }

    [Fact]
    public void Instruction_sets_are_those_that_dotnet_uses()
    {
        IReadOnlyList<string> sets = HostState.Read(_root.Path).InstructionSets;

        Assert.Equal(
            (Sse2.IsSupported, Avx2.IsSupported, Fma.IsSupported, Avx512F.IsSupported, AdvSimd.IsSupported),
            (sets.Contains("Sse2"), sets.Contains("Avx2"), sets.Contains("Fma"), sets.Contains("Avx512F"), sets.Contains("AdvSimd")));
        Assert.Equal(sets.Distinct().Order(StringComparer.Ordinal), sets);
    }

    private void PutCache(int index, string level, string size)
    {
        string folder = $"sys/devices/system/cpu/cpu0/cache/index{index}";
        Put($"{folder}/level", level + "\n");
        Put($"{folder}/size", size + "\n");
    }

    private void Put(string file, string contents)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_root[file])!);
        File.WriteAllText(_root[file], contents);
    }
}
