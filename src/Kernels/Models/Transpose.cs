// Sixteen by sixteen floats turned over in registers.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FlGpu.Kernels;

/// <summary>Transposes squares of sixteen rows and columns.</summary>
internal static unsafe class Transpose
{
    private const int Side = 16;

    /// <summary>target[j, i] = source[i, j] for as many rows and columns, multiples of 16; strides are elements from a row to the next.</summary>
    public static void Rectangle(float* source, nint sourceStride, float* target, nint targetStride, int rows, int columns)
    {
        for (nint i = 0; i < rows; i += Side)
        {
            for (nint j = 0; j < columns; j += Side)
            {
                Square(source + (i * sourceStride) + j, sourceStride, target + (j * targetStride) + i, targetStride);
            }
        }
    }

    /// <summary>target[j, i] = source[i, j] for i and j below 16; strides are elements from a row to the next.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Square(float* source, nint sourceStride, float* target, nint targetStride)
    {
        if (!Avx512F.IsSupported)
        {
            for (int i = 0; i < Side; i++)
            {
                for (int j = 0; j < Side; j++)
                {
                    target[(j * targetStride) + i] = source[(i * sourceStride) + j];
                }
            }

            return;
        }

        Four a = FourRows(source, sourceStride), b = FourRows(source + (4 * sourceStride), sourceStride);
        Four c = FourRows(source + (8 * sourceStride), sourceStride), d = FourRows(source + (12 * sourceStride), sourceStride);
        StoreEveryFourth(a.V0, b.V0, c.V0, d.V0, target, targetStride);
        StoreEveryFourth(a.V1, b.V1, c.V1, d.V1, target + targetStride, targetStride);
        StoreEveryFourth(a.V2, b.V2, c.V2, d.V2, target + (2 * targetStride), targetStride);
        StoreEveryFourth(a.V3, b.V3, c.V3, d.V3, target + (3 * targetStride), targetStride);
    }

    /// <summary>Four rows; lane m of quarter q of vector v is then row m of column 4 q + v.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Four FourRows(float* source, nint stride)
    {
        Vector512<float> r0 = Vector512.Load(source), r1 = Vector512.Load(source + stride);
        Vector512<float> r2 = Vector512.Load(source + (2 * stride)), r3 = Vector512.Load(source + (3 * stride));
        Vector512<double> low01 = Avx512F.UnpackLow(r0, r1).AsDouble(), high01 = Avx512F.UnpackHigh(r0, r1).AsDouble();
        Vector512<double> low23 = Avx512F.UnpackLow(r2, r3).AsDouble(), high23 = Avx512F.UnpackHigh(r2, r3).AsDouble();
        return new(
            Avx512F.UnpackLow(low01, low23).AsSingle(), Avx512F.UnpackHigh(low01, low23).AsSingle(),
            Avx512F.UnpackLow(high01, high23).AsSingle(), Avx512F.UnpackHigh(high01, high23).AsSingle());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreEveryFourth(
        Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d, float* target, nint stride)
    {
        const byte Even = 0b10_00_10_00;
        const byte Odd = 0b11_01_11_01;
        Vector512<float> even01 = Avx512F.Shuffle4x128(a, b, Even), odd01 = Avx512F.Shuffle4x128(a, b, Odd);
        Vector512<float> even23 = Avx512F.Shuffle4x128(c, d, Even), odd23 = Avx512F.Shuffle4x128(c, d, Odd);
        Avx512F.Shuffle4x128(even01, even23, Even).Store(target);
        Avx512F.Shuffle4x128(odd01, odd23, Even).Store(target + (4 * stride));
        Avx512F.Shuffle4x128(even01, even23, Odd).Store(target + (8 * stride));
        Avx512F.Shuffle4x128(odd01, odd23, Odd).Store(target + (12 * stride));
    }

    private readonly record struct Four(Vector512<float> V0, Vector512<float> V1, Vector512<float> V2, Vector512<float> V3);
}
