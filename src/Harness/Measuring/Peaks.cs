// What a machine can do at most in a second: measured, so that other times can be held against it.
using FlGpu.Kernels;

namespace FlGpu.Harness.Measuring;

/// <summary>The most that a backend reached in a second, with all of its threads.</summary>
/// <param name="Backend">The backend: simd, cpu, cuda:0, opencl:0.</param>
/// <param name="Threads">CPU threads; on a GPU its multiprocessors.</param>
/// <param name="ReadGbPerS">10^9 bytes read from a matrix much larger than the caches.</param>
/// <param name="MultiplyAddGflopPerS">10^9 single-precision operations in multiply-adds; one of them is two operations.</param>
/// <param name="CompareExchangeGPerS">10^9 compare-exchanges of two integer keys.</param>
public sealed record Peaks(string Backend, int Threads, double ReadGbPerS, double MultiplyAddGflopPerS, double CompareExchangeGPerS)
{
    /// <summary>
    /// The milliseconds that some work takes at least: each of memory, multiply-add units and compare-exchange units needs its share, and
    /// they can work at once. Null where the work is unknown. Two things are not in it: data that a cache holds may be read faster than
    /// memory, and arithmetic other than multiply-adds cannot reach their peak.
    /// </summary>
    /// <param name="flops">Arithmetic operations, compare-exchanges included.</param>
    /// <param name="compareExchanges">How many of them are compare-exchanges.</param>
    /// <param name="bytes">Bytes read and written.</param>
    public double? ShortestMs(double? flops, double? compareExchanges, double? bytes) =>
        flops is null || compareExchanges is null || bytes is null
            ? null
            : Math.Max(Math.Max(bytes.Value / ReadGbPerS, compareExchanges.Value / CompareExchangeGPerS), (flops.Value - compareExchanges.Value) / MultiplyAddGflopPerS) / 1e6;
}
