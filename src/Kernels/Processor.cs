// What is known of this machine's CPU.
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace FlGpu.Kernels;

/// <summary>The CPU that this process runs on.</summary>
public static class Processor
{
    private const string CpuInfo = "/proc/cpuinfo";

    /// <summary>Its model name, or its architecture where the system tells no name.</summary>
    public static string Name { get; } = ReadName();

    /// <summary>The widest instruction set that the SIMD backend uses here.</summary>
    public static string VectorInstructions =>
        Avx512F.IsSupported ? "AVX-512" : Avx2.IsSupported ? "AVX2" : System.Runtime.Intrinsics.Vector128.IsHardwareAccelerated ? "128-bit" : "none";

    private static string ReadName()
    {
        string? line = File.Exists(CpuInfo) ? File.ReadLines(CpuInfo).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line?[(line.IndexOf(':') + 1)..].Trim() ?? RuntimeInformation.ProcessArchitecture.ToString();
    }
}
