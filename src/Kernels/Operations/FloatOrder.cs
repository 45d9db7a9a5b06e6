// Minimum and maximum of floats in one instruction where the hardware has it.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FlGpu.Kernels;

/// <summary>Of a NaN and a bound they give the bound.</summary>
internal static class FloatOrder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Min(Vector512<float> value, Vector512<float> bound) =>
        Avx512F.IsSupported ? Avx512F.Min(value, bound) : Vector512.ConditionalSelect(Vector512.LessThan(value, bound), value, bound);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> value, Vector512<float> bound) =>
        Avx512F.IsSupported ? Avx512F.Max(value, bound) : Vector512.ConditionalSelect(Vector512.GreaterThan(value, bound), value, bound);
}
