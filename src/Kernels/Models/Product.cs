// The one matrix product that training needs: add A x B to C, with A read in either direction.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>Register-tiled: six rows by 64 columns of C, or eight by sixteen, are held while all of k goes by.</summary>
internal static unsafe class Product
{
    /// <summary>
    /// c[r, j] += sum over k of a[r, k] * b[k, j] for r below <paramref name="rows"/> and j below <paramref name="width"/>, a
    /// multiple of 16. Element (r, k) of A is at r * aRow + k * aDepth, so A may be read transposed.
    /// </summary>
    public static void Add(float* c, int width, float* a, int aRow, int aDepth, float* b, int bWidth, int rows, int depth)
    {
        int column = 0;
        for (; column + 64 <= width; column += 64)
        {
            int r = 0;
            for (; r + 6 <= rows; r += 6)
            {
                SixBySixtyFour(c + ((long)r * width) + column, width, a + ((long)r * aRow), aRow, aDepth, b + column, bWidth, depth);
            }

            for (; r < rows; r++)
            {
                OneBySixtyFour(c + ((long)r * width) + column, a + ((long)r * aRow), aDepth, b + column, bWidth, depth);
            }
        }

        for (; column < width; column += 16)
        {
            int r = 0;
            for (; r + 8 <= rows; r += 8)
            {
                EightBySixteen(c + ((long)r * width) + column, width, a + ((long)r * aRow), aRow, aDepth, b + column, bWidth, depth);
            }

            for (; r < rows; r++)
            {
                OneBySixteen(c + ((long)r * width) + column, a + ((long)r * aRow), aDepth, b + column, bWidth, depth);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Fma(float* a, Vector512<float> b, Vector512<float> c) =>
        Vector512.MultiplyAddEstimate(Vector512.Create(*a), b, c);

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void SixBySixtyFour(float* c, int width, float* a, int aRow, int aDepth, float* b, int bWidth, int depth)
    {
        float* c1 = c + width, c2 = c1 + width, c3 = c2 + width, c4 = c3 + width, c5 = c4 + width;
        Vector512<float> s00 = Vector512.Load(c), s01 = Vector512.Load(c + 16), s02 = Vector512.Load(c + 32), s03 = Vector512.Load(c + 48);
        Vector512<float> s10 = Vector512.Load(c1), s11 = Vector512.Load(c1 + 16), s12 = Vector512.Load(c1 + 32), s13 = Vector512.Load(c1 + 48);
        Vector512<float> s20 = Vector512.Load(c2), s21 = Vector512.Load(c2 + 16), s22 = Vector512.Load(c2 + 32), s23 = Vector512.Load(c2 + 48);
        Vector512<float> s30 = Vector512.Load(c3), s31 = Vector512.Load(c3 + 16), s32 = Vector512.Load(c3 + 32), s33 = Vector512.Load(c3 + 48);
        Vector512<float> s40 = Vector512.Load(c4), s41 = Vector512.Load(c4 + 16), s42 = Vector512.Load(c4 + 32), s43 = Vector512.Load(c4 + 48);
        Vector512<float> s50 = Vector512.Load(c5), s51 = Vector512.Load(c5 + 16), s52 = Vector512.Load(c5 + 32), s53 = Vector512.Load(c5 + 48);
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow;
        nint at = 0;
        for (int k = 0; k < depth; k++, at += aDepth, b += bWidth)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16), b2 = Vector512.Load(b + 32), b3 = Vector512.Load(b + 48);
            var x = Vector512.Create(a[at]);
            s00 = Vector512.MultiplyAddEstimate(x, b0, s00);
            s01 = Vector512.MultiplyAddEstimate(x, b1, s01);
            s02 = Vector512.MultiplyAddEstimate(x, b2, s02);
            s03 = Vector512.MultiplyAddEstimate(x, b3, s03);
            x = Vector512.Create(a1[at]);
            s10 = Vector512.MultiplyAddEstimate(x, b0, s10);
            s11 = Vector512.MultiplyAddEstimate(x, b1, s11);
            s12 = Vector512.MultiplyAddEstimate(x, b2, s12);
            s13 = Vector512.MultiplyAddEstimate(x, b3, s13);
            x = Vector512.Create(a2[at]);
            s20 = Vector512.MultiplyAddEstimate(x, b0, s20);
            s21 = Vector512.MultiplyAddEstimate(x, b1, s21);
            s22 = Vector512.MultiplyAddEstimate(x, b2, s22);
            s23 = Vector512.MultiplyAddEstimate(x, b3, s23);
            x = Vector512.Create(a3[at]);
            s30 = Vector512.MultiplyAddEstimate(x, b0, s30);
            s31 = Vector512.MultiplyAddEstimate(x, b1, s31);
            s32 = Vector512.MultiplyAddEstimate(x, b2, s32);
            s33 = Vector512.MultiplyAddEstimate(x, b3, s33);
            x = Vector512.Create(a4[at]);
            s40 = Vector512.MultiplyAddEstimate(x, b0, s40);
            s41 = Vector512.MultiplyAddEstimate(x, b1, s41);
            s42 = Vector512.MultiplyAddEstimate(x, b2, s42);
            s43 = Vector512.MultiplyAddEstimate(x, b3, s43);
            x = Vector512.Create(a5[at]);
            s50 = Vector512.MultiplyAddEstimate(x, b0, s50);
            s51 = Vector512.MultiplyAddEstimate(x, b1, s51);
            s52 = Vector512.MultiplyAddEstimate(x, b2, s52);
            s53 = Vector512.MultiplyAddEstimate(x, b3, s53);
        }

        Store(c, s00, s01, s02, s03);
        Store(c1, s10, s11, s12, s13);
        Store(c2, s20, s21, s22, s23);
        Store(c3, s30, s31, s32, s33);
        Store(c4, s40, s41, s42, s43);
        Store(c5, s50, s51, s52, s53);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, Vector512<float> s0, Vector512<float> s1, Vector512<float> s2, Vector512<float> s3)
    {
        s0.Store(c);
        s1.Store(c + 16);
        s2.Store(c + 32);
        s3.Store(c + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void OneBySixtyFour(float* c, float* a, int aDepth, float* b, int bWidth, int depth)
    {
        Vector512<float> s0 = Vector512.Load(c), s1 = Vector512.Load(c + 16), s2 = Vector512.Load(c + 32), s3 = Vector512.Load(c + 48);
        for (int k = 0; k < depth; k++, a += aDepth, b += bWidth)
        {
            var x = Vector512.Create(*a);
            s0 = Vector512.MultiplyAddEstimate(x, Vector512.Load(b), s0);
            s1 = Vector512.MultiplyAddEstimate(x, Vector512.Load(b + 16), s1);
            s2 = Vector512.MultiplyAddEstimate(x, Vector512.Load(b + 32), s2);
            s3 = Vector512.MultiplyAddEstimate(x, Vector512.Load(b + 48), s3);
        }

        Store(c, s0, s1, s2, s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void EightBySixteen(float* c, int width, float* a, int aRow, int aDepth, float* b, int bWidth, int depth)
    {
        float* c1 = c + width, c2 = c1 + width, c3 = c2 + width, c4 = c3 + width, c5 = c4 + width, c6 = c5 + width, c7 = c6 + width;
        Vector512<float> s0 = Vector512.Load(c), s1 = Vector512.Load(c1), s2 = Vector512.Load(c2), s3 = Vector512.Load(c3);
        Vector512<float> s4 = Vector512.Load(c4), s5 = Vector512.Load(c5), s6 = Vector512.Load(c6), s7 = Vector512.Load(c7);
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow, a6 = a5 + aRow, a7 = a6 + aRow;
        nint at = 0;
        for (int k = 0; k < depth; k++, at += aDepth, b += bWidth)
        {
            Vector512<float> y = Vector512.Load(b);
            s0 = Fma(a + at, y, s0);
            s1 = Fma(a1 + at, y, s1);
            s2 = Fma(a2 + at, y, s2);
            s3 = Fma(a3 + at, y, s3);
            s4 = Fma(a4 + at, y, s4);
            s5 = Fma(a5 + at, y, s5);
            s6 = Fma(a6 + at, y, s6);
            s7 = Fma(a7 + at, y, s7);
        }

        s0.Store(c);
        s1.Store(c1);
        s2.Store(c2);
        s3.Store(c3);
        s4.Store(c4);
        s5.Store(c5);
        s6.Store(c6);
        s7.Store(c7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void OneBySixteen(float* c, float* a, int aDepth, float* b, int bWidth, int depth)
    {
        Vector512<float> s = Vector512.Load(c);
        for (int k = 0; k < depth; k++, a += aDepth, b += bWidth)
        {
            s = Fma(a, Vector512.Load(b), s);
        }

        s.Store(c);
    }
}
