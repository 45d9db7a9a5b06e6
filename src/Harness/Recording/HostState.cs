// What is known of the machine that a result was measured on.
using System.Globalization;
using System.Numerics;
using System.Reflection;
using System.Runtime.InteropServices;

namespace FlGpu.Harness.Recording;

/// <summary>A machine. What the system does not tell is null.</summary>
/// <param name="CpuModel">The name of the processor.</param>
/// <param name="PhysicalCores">Cores of all sockets, hyper-threads not counted.</param>
/// <param name="LogicalCores">Logical processors that this process may use.</param>
/// <param name="InstructionSets">The instruction sets that .NET uses here, under .NET's names.</param>
/// <param name="VectorBits">Bits of the widest vectors that .NET uses here.</param>
/// <param name="RamBytes">Bytes of memory of the machine.</param>
/// <param name="L2Bytes">Bytes of level 2 cache of the first core.</param>
/// <param name="L3Bytes">Bytes of level 3 cache that the first core shares.</param>
/// <param name="Os">The operating system.</param>
/// <param name="Kernel">The release of the operating system's kernel.</param>
/// <param name="LoadAverage">Processes that were running or waiting on average over the last minute.</param>
public sealed record HostState(
    string? CpuModel,
    int? PhysicalCores,
    int LogicalCores,
    IReadOnlyList<string> InstructionSets,
    int VectorBits,
    long? RamBytes,
    long? L2Bytes,
    long? L3Bytes,
    string Os,
    string? Kernel,
    double? LoadAverage)
{
    /// <summary>This machine now.</summary>
    /// <param name="root">Where /proc and /sys are found.</param>
    public static HostState Read(string root = "/")
    {
        string[] cpu = Lines(root, "proc/cpuinfo");
        return new(
            Values(cpu, "model name").FirstOrDefault(),
            CountCores(cpu),
            Environment.ProcessorCount,
            [.. SupportedSets()],
            WidestVector(),
            Bytes(Values(Lines(root, "proc/meminfo"), "MemTotal").FirstOrDefault()),
            CacheBytes(root, level: "2"),
            CacheBytes(root, level: "3"),
            RuntimeInformation.OSDescription,
            Lines(root, "proc/sys/kernel/osrelease").FirstOrDefault(),
            double.TryParse(Lines(root, "proc/loadavg").FirstOrDefault()?.Split(' ')[0], CultureInfo.InvariantCulture, out double load) ? load : null);
    }

    private static int? CountCores(string[] cpuinfo)
    {
        int cores = Values(cpuinfo, "physical id").Zip(Values(cpuinfo, "core id")).Distinct().Count();
        return cores > 0 ? cores : null;
    }

    private static IEnumerable<string> SupportedSets() =>
        from type in typeof(Vector).Assembly.GetExportedTypes()
        where type.Namespace is "System.Runtime.Intrinsics.X86" or "System.Runtime.Intrinsics.Arm" && !type.IsNested
        where type.GetProperty("IsSupported", BindingFlags.Public | BindingFlags.Static | BindingFlags.DeclaredOnly)?.GetValue(null) is true
        orderby type.Name
        select type.Name;

    private static int WidestVector() =>
        System.Runtime.Intrinsics.Vector512.IsHardwareAccelerated ? 512
        : System.Runtime.Intrinsics.Vector256.IsHardwareAccelerated ? 256
        : System.Runtime.Intrinsics.Vector128.IsHardwareAccelerated ? 128
        : 0;

    private static long? CacheBytes(string root, string level)
    {
        string caches = Path.Combine(root, "sys/devices/system/cpu/cpu0/cache");
        string? cache = !Directory.Exists(caches) ? null : Directory.GetDirectories(caches, "index*")
            .FirstOrDefault(index => Lines(index, "level").FirstOrDefault() == level);
        return cache is null ? null : Bytes(Lines(cache, "size").FirstOrDefault());
    }

    /// <summary>"24684096 kB" and "1024K" in bytes.</summary>
    private static long? Bytes(string? size)
    {
        string digits = new([.. (size ?? "").TakeWhile(char.IsAsciiDigit)]);
        return !long.TryParse(digits, CultureInfo.InvariantCulture, out long number) ? null : size![digits.Length..].Trim() switch
        {
            "" => number,
            "K" or "kB" => number << 10,
            "M" => number << 20,
            "G" => number << 30,
            _ => null,
        };
    }

    private static IEnumerable<string> Values(string[] lines, string key) =>
        lines.Select(line => line.Split(':', 2)).Where(parts => parts.Length == 2 && parts[0].Trim() == key).Select(parts => parts[1].Trim());

    private static string[] Lines(string folder, string file)
    {
        try
        {
            return File.ReadAllLines(Path.Combine(folder, file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
