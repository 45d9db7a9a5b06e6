// Four vectors of integers and the vector of their low bytes, in whatever order the hardware packs them.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FlGpu.Kernels;

/// <summary>Integers of 64 columns, sixteen a vector; as bytes the columns are in an order of the hardware's own.</summary>
internal readonly struct FourVectors(Vector512<int> v0, Vector512<int> v1, Vector512<int> v2, Vector512<int> v3)
{
    public Vector512<int> this[int index] => index switch { 0 => v0, 1 => v1, 2 => v2, _ => v3 };

    /// <summary>Which column a byte of <see cref="Pack"/> belongs to.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static int ColumnOfByte(int at) =>
        // Packing goes by lanes of four integers: the number of the lane and that of the vector change places.
        Avx512BW.IsSupported ? (at & 3) | ((at & 12) << 2) | ((at & 48) >> 2) : at;

    /// <summary>What is beyond the range of a byte becomes its end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<sbyte> Pack(Vector512<int> v0, Vector512<int> v1, Vector512<int> v2, Vector512<int> v3) =>
        Avx512BW.IsSupported
            ? Avx512BW.PackSignedSaturate(Avx512BW.PackSignedSaturate(v0, v1), Avx512BW.PackSignedSaturate(v2, v3))
            : Vector512.Narrow(Vector512.Narrow(v0, v1), Vector512.Narrow(v2, v3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<sbyte> Narrow(Vector512<short> lower, Vector512<short> upper) =>
        Avx512BW.IsSupported ? Avx512BW.PackSignedSaturate(lower, upper) : Vector512.Narrow(lower, upper);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector512<short> Lower, Vector512<short> Upper) Widen(Vector512<byte> counts) =>
        Avx512BW.IsSupported
            ? (Avx512BW.UnpackLow(counts, Vector512<byte>.Zero).AsInt16(), Avx512BW.UnpackHigh(counts, Vector512<byte>.Zero).AsInt16())
            : (Vector512.WidenLower(counts).AsInt16(), Vector512.WidenUpper(counts).AsInt16());

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors Unpack(Vector512<sbyte> bytes) =>
        Avx512BW.IsSupported
            ? Unpack(
                Vector512.ShiftRightArithmetic(Avx512BW.UnpackLow(bytes, bytes).AsInt16(), 8),
                Vector512.ShiftRightArithmetic(Avx512BW.UnpackHigh(bytes, bytes).AsInt16(), 8))
            : Unpack(Vector512.WidenLower(bytes), Vector512.WidenUpper(bytes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static FourVectors Unpack(Vector512<short> lower, Vector512<short> upper) =>
        Avx512BW.IsSupported
            ? new(
                Vector512.ShiftRightArithmetic(Avx512BW.UnpackLow(lower, lower).AsInt32(), 16),
                Vector512.ShiftRightArithmetic(Avx512BW.UnpackHigh(lower, lower).AsInt32(), 16),
                Vector512.ShiftRightArithmetic(Avx512BW.UnpackLow(upper, upper).AsInt32(), 16),
                Vector512.ShiftRightArithmetic(Avx512BW.UnpackHigh(upper, upper).AsInt32(), 16))
            : new(Vector512.WidenLower(lower), Vector512.WidenUpper(lower), Vector512.WidenLower(upper), Vector512.WidenUpper(upper));
}
