// Floats as integers in the same order, so that sorting needs no float comparison and NaN has a place.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>Signed integers that sort as floats do: -infinity, ..., -0, +0, ..., +infinity, NaN of either sign.</summary>
internal static class OrderedKey
{
    // Added to the key of -infinity it gives the lowest integer. What lies below, NaN with a sign, wraps round to the top.
    private const int Shift = unchecked((int)0x80000000 - (int)0x807FFFFF);

    /// <summary>The key of a float.</summary>
    public static int Of(float value) => FlipNegative((int)Interop.FloatAsInt(value)) + Shift;

    /// <summary>The float of a key.</summary>
    public static float ToFloat(int key) => Interop.IntAsFloat((uint)FlipNegative(key - Shift));

    /// <summary>The keys of sixteen floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Of(Vector512<float> values) => OfBits(values.AsInt32());

    /// <summary>The keys of sixteen floats, given as their bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> OfBits(Vector512<int> bits) => FlipNegative(bits) + Vector512.Create(Shift);

    /// <summary>The floats of sixteen keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToFloat(Vector512<int> keys) => FlipNegative(keys - Vector512.Create(Shift)).AsSingle();

    // Its own inverse: a negative float's magnitude bits are turned over, so that larger magnitudes come first.
    private static int FlipNegative(int bits) => bits ^ (int)((uint)(bits >> 31) >> 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> FlipNegative(Vector512<int> bits) =>
        bits ^ (Vector512.ShiftRightArithmetic(bits, 31) & Vector512.Create(int.MaxValue));
}
