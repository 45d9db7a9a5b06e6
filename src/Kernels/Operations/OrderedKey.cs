// Floats as integers in the same order, so that sorting needs no float comparison and NaN has a place.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>Signed integers that sort as floats do: -infinity, ..., -0, +0, ..., +infinity, NaN of either sign.</summary>
internal static class OrderedKey
{
    private const uint CanonicalNaN = 0x7FC00000;

    /// <summary>The key of a float.</summary>
    public static int Of(float value)
    {
        uint bits = float.IsNaN(value) ? CanonicalNaN : Interop.FloatAsInt(value);
        return FlipNegative((int)bits);
    }

    /// <summary>The float of a key.</summary>
    public static float ToFloat(int key) => Interop.IntAsFloat((uint)FlipNegative(key));

    /// <summary>The keys of sixteen floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Of(Vector512<float> values)
    {
        Vector512<float> canonical = Vector512.ConditionalSelect(
            Vector512.Equals(values, values), values, Vector512.Create(CanonicalNaN).AsSingle());
        return FlipNegative(canonical.AsInt32());
    }

    /// <summary>The floats of sixteen keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToFloat(Vector512<int> keys) => FlipNegative(keys).AsSingle();

    // Its own inverse: a negative float's magnitude bits are turned over, so that larger magnitudes come first.
    private static int FlipNegative(int bits) => bits ^ (int)((uint)(bits >> 31) >> 1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> FlipNegative(Vector512<int> bits) =>
        bits ^ Vector512.ShiftRightLogical(Vector512.ShiftRightArithmetic(bits, 31), 1);
}
