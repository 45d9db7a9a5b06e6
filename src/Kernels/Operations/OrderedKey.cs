// Floats as integers in the same order, so that sorting needs no float comparison and NaN has a place.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>Signed integers that sort as floats do: -infinity, ..., -0, +0, ..., +infinity, NaN of either sign.</summary>
internal static class OrderedKey
{
    /// <summary>
    /// The bits of negative floats, as integers, fall where the floats rise. Subtracted from this they rise too, -infinity becomes the lowest
    /// integer, and what lies below it, NaN with a sign, wraps round to the top. The bits of other floats are keys already.
    /// </summary>
    public const int Turn = 0x7F800000;

    /// <summary>The key of a float.</summary>
    public static int Of(float value) => OfBits((int)Interop.FloatAsInt(value));

    /// <summary>The key of a float, given as its bits.</summary>
    public static int OfBits(int bits) => TurnNegative(bits);

    /// <summary>The float of a key.</summary>
    public static float ToFloat(int key) => Interop.IntAsFloat((uint)TurnNegative(key));

    /// <summary>The keys of sixteen floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> Of(Vector512<float> values) => OfBits(values.AsInt32());

    /// <summary>The keys of sixteen floats, given as their bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> OfBits(Vector512<int> bits) => TurnNegative(bits, Vector512.Create(Turn));

    /// <summary>The floats of sixteen keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> ToFloat(Vector512<int> keys) => TurnNegative(keys, Vector512.Create(Turn)).AsSingle();

    // Its own inverse.
    private static int TurnNegative(int bits) => bits < 0 ? unchecked(Turn - bits) : bits;

    /// <summary>Bits to keys and keys to bits, with <see cref="Turn"/> in every lane of <paramref name="turn"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<int> TurnNegative(Vector512<int> bits, Vector512<int> turn) =>
        Vector512.ConditionalSelect(Vector512.LessThan(bits, Vector512<int>.Zero), turn - bits, bits);
}
