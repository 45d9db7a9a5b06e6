// The one matrix product that training needs: A x B, with A read in either direction, and what is done before and after each sum.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>Register-tiled: up to six rows by 64 columns of C are held while all of k goes by.</summary>
internal static unsafe class Product
{
    /// <summary>
    /// The sum over k of A[r, k] * b[k, j] for r below <paramref name="rows"/> and j below <paramref name="width"/>, a multiple of 16, into
    /// c[r, j] as <typeparamref name="TEnds"/> says. What is beside c[r, j] is at side + r * sideRow + j * TEnds.Along.
    /// </summary>
    public static void Run<TEnds, TLeft>(float* c, int width, TLeft a, float* b, int bWidth, int rows, int depth, float* side, int sideRow)
        where TEnds : struct, IEnds
        where TLeft : struct, ILeftFactor
    {
        for (int column = 0, strip; column < width; column += strip)
        {
            float* to = c + column, by = b + column, beside = side + (column * TEnds.Along);
            strip = Strip(width - column);
            switch (strip)
            {
                case 64:
                    Column<Strip64, TEnds, TLeft>(to, width, a, by, bWidth, rows, depth, beside, sideRow);
                    break;
                case 32:
                    Column<Strip32, TEnds, TLeft>(to, width, a, by, bWidth, rows, depth, beside, sideRow);
                    break;
                case 16 when Vector512.IsHardwareAccelerated:
                    Column<Strip16, TEnds, TLeft>(to, width, a, by, bWidth, rows, depth, beside, sideRow);
                    break;
                case 16 when Vector<float>.Count == 8:
                    Column<StripOfTwo, TEnds, TLeft>(to, width, a, by, bWidth, rows, depth, beside, sideRow);
                    break;
                default:
                    Column<StripOfFour, TEnds, TLeft>(to, width, a, by, bWidth, rows, depth, beside, sideRow);
                    break;
            }
        }
    }

    /// <summary>Adds <paramref name="rows"/> rows of <paramref name="width"/> floats, a multiple of 16, to <paramref name="sums"/>.</summary>
    public static void AddRows(float* sums, float* first, int width, int rows)
    {
        for (int column = 0, strip; column < width; column += strip)
        {
            strip = Strip(width - column);
            switch (strip)
            {
                case 64:
                    AddRows<Strip64>(sums + column, first + column, width, rows);
                    break;
                case 32:
                    AddRows<Strip32>(sums + column, first + column, width, rows);
                    break;
                case 16 when Vector512.IsHardwareAccelerated:
                    AddRows<Strip16>(sums + column, first + column, width, rows);
                    break;
                case 16 when Vector<float>.Count == 8:
                    AddRows<StripOfTwo>(sums + column, first + column, width, rows);
                    break;
                default:
                    AddRows<StripOfFour>(sums + column, first + column, width, rows);
                    break;
            }
        }
    }

    /// <summary>The widest strip that so many columns fill: only 512-bit vectors have registers for more than sixteen.</summary>
    private static int Strip(int columns) => !Vector512.IsHardwareAccelerated || columns < 32 ? 16 : columns < 64 ? 32 : 64;

    private static void AddRows<TStrip>(float* sums, float* first, int width, int rows)
        where TStrip : struct, IStrip<TStrip>
    {
        TStrip sum = TStrip.Load(sums);
        for (int r = 0; r < rows; r++, first += width)
        {
            sum = sum.Plus(TStrip.Load(first));
        }

        sum.Finish<Accumulate>(sums, sums);
    }

    /// <summary>As many columns as a strip is wide, in tiles of six rows, then four, two and one; rather two of four than one of six and one of two.</summary>
    private static void Column<TStrip, TEnds, TLeft>(float* c, int width, TLeft a, float* b, int bWidth, int rows, int depth, float* side, int sideRow)
        where TStrip : struct, IStrip<TStrip>
        where TEnds : struct, IEnds
        where TLeft : struct, ILeftFactor
    {
        int r = 0;
        for (; rows - r >= 6 && rows - r != 8; r += 6)
        {
            Six<TStrip, TEnds, TLeft>(c + ((long)r * width), width, a, r, b, bWidth, depth, side + ((long)r * sideRow), sideRow);
        }

        for (; rows - r >= 4; r += 4)
        {
            Four<TStrip, TEnds, TLeft>(c + ((long)r * width), width, a, r, b, bWidth, depth, side + ((long)r * sideRow), sideRow);
        }

        for (; rows - r >= 2; r += 2)
        {
            Two<TStrip, TEnds, TLeft>(c + ((long)r * width), width, a, r, b, bWidth, depth, side + ((long)r * sideRow), sideRow);
        }

        for (; r < rows; r++)
        {
            One<TStrip, TEnds, TLeft>(c + ((long)r * width), a, r, b, bWidth, depth, side + ((long)r * sideRow));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Six<TStrip, TEnds, TLeft>(float* c, nint width, TLeft a, int r, float* b, nint bWidth, nint depth, float* side, nint sideRow)
        where TStrip : struct, IStrip<TStrip>
        where TEnds : struct, IEnds
        where TLeft : struct, ILeftFactor
    {
        float* c1 = c + width, c2 = c1 + width, c3 = c2 + width, c4 = c3 + width, c5 = c4 + width;
        float* side1 = side + sideRow, side2 = side1 + sideRow, side3 = side2 + sideRow, side4 = side3 + sideRow, side5 = side4 + sideRow;
        TStrip s0 = TStrip.Start<TEnds>(c, side), s1 = TStrip.Start<TEnds>(c1, side1), s2 = TStrip.Start<TEnds>(c2, side2);
        TStrip s3 = TStrip.Start<TEnds>(c3, side3), s4 = TStrip.Start<TEnds>(c4, side4), s5 = TStrip.Start<TEnds>(c5, side5);
        if (TLeft.HasColumns)
        {
            for (nint k = 0; k < depth; k++, b += bWidth)
            {
                float* column = a.Line((int)k) + r;
                TStrip line = TStrip.Load(b);
                s0 = s0.Plus(column[0], line);
                s1 = s1.Plus(column[1], line);
                s2 = s2.Plus(column[2], line);
                s3 = s3.Plus(column[3], line);
                s4 = s4.Plus(column[4], line);
                s5 = s5.Plus(column[5], line);
            }
        }
        else
        {
            float* a0 = a.Line(r), a1 = a.Line(r + 1), a2 = a.Line(r + 2), a3 = a.Line(r + 3), a4 = a.Line(r + 4), a5 = a.Line(r + 5);
            for (nint k = 0; k < depth; k++, b += bWidth)
            {
                TStrip line = TStrip.Load(b);
                s0 = s0.Plus(a0[k], line);
                s1 = s1.Plus(a1[k], line);
                s2 = s2.Plus(a2[k], line);
                s3 = s3.Plus(a3[k], line);
                s4 = s4.Plus(a4[k], line);
                s5 = s5.Plus(a5[k], line);
            }
        }

        s0.Finish<TEnds>(c, side);
        s1.Finish<TEnds>(c1, side1);
        s2.Finish<TEnds>(c2, side2);
        s3.Finish<TEnds>(c3, side3);
        s4.Finish<TEnds>(c4, side4);
        s5.Finish<TEnds>(c5, side5);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Four<TStrip, TEnds, TLeft>(float* c, nint width, TLeft a, int r, float* b, nint bWidth, nint depth, float* side, nint sideRow)
        where TStrip : struct, IStrip<TStrip>
        where TEnds : struct, IEnds
        where TLeft : struct, ILeftFactor
    {
        float* c1 = c + width, c2 = c1 + width, c3 = c2 + width;
        float* side1 = side + sideRow, side2 = side1 + sideRow, side3 = side2 + sideRow;
        TStrip s0 = TStrip.Start<TEnds>(c, side), s1 = TStrip.Start<TEnds>(c1, side1), s2 = TStrip.Start<TEnds>(c2, side2), s3 = TStrip.Start<TEnds>(c3, side3);
        if (TLeft.HasColumns)
        {
            for (nint k = 0; k < depth; k++, b += bWidth)
            {
                float* column = a.Line((int)k) + r;
                TStrip line = TStrip.Load(b);
                s0 = s0.Plus(column[0], line);
                s1 = s1.Plus(column[1], line);
                s2 = s2.Plus(column[2], line);
                s3 = s3.Plus(column[3], line);
            }
        }
        else
        {
            float* a0 = a.Line(r), a1 = a.Line(r + 1), a2 = a.Line(r + 2), a3 = a.Line(r + 3);
            for (nint k = 0; k < depth; k++, b += bWidth)
            {
                TStrip line = TStrip.Load(b);
                s0 = s0.Plus(a0[k], line);
                s1 = s1.Plus(a1[k], line);
                s2 = s2.Plus(a2[k], line);
                s3 = s3.Plus(a3[k], line);
            }
        }

        s0.Finish<TEnds>(c, side);
        s1.Finish<TEnds>(c1, side1);
        s2.Finish<TEnds>(c2, side2);
        s3.Finish<TEnds>(c3, side3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Two<TStrip, TEnds, TLeft>(float* c, nint width, TLeft a, int r, float* b, nint bWidth, nint depth, float* side, nint sideRow)
        where TStrip : struct, IStrip<TStrip>
        where TEnds : struct, IEnds
        where TLeft : struct, ILeftFactor
    {
        float* c1 = c + width, side1 = side + sideRow;
        TStrip s0 = TStrip.Start<TEnds>(c, side), s1 = TStrip.Start<TEnds>(c1, side1);
        if (TLeft.HasColumns)
        {
            for (nint k = 0; k < depth; k++, b += bWidth)
            {
                float* column = a.Line((int)k) + r;
                TStrip line = TStrip.Load(b);
                s0 = s0.Plus(column[0], line);
                s1 = s1.Plus(column[1], line);
            }
        }
        else
        {
            float* a0 = a.Line(r), a1 = a.Line(r + 1);
            for (nint k = 0; k < depth; k++, b += bWidth)
            {
                TStrip line = TStrip.Load(b);
                s0 = s0.Plus(a0[k], line);
                s1 = s1.Plus(a1[k], line);
            }
        }

        s0.Finish<TEnds>(c, side);
        s1.Finish<TEnds>(c1, side1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void One<TStrip, TEnds, TLeft>(float* c, TLeft a, int r, float* b, nint bWidth, nint depth, float* side)
        where TStrip : struct, IStrip<TStrip>
        where TEnds : struct, IEnds
        where TLeft : struct, ILeftFactor
    {
        TStrip s = TStrip.Start<TEnds>(c, side);
        for (nint k = 0; k < depth; k++, b += bWidth)
        {
            s = s.Plus(TLeft.HasColumns ? a.Line((int)k)[r] : a.Line(r)[k], TStrip.Load(b));
        }

        s.Finish<TEnds>(c, side);
    }
}
