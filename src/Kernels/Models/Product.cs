// The one matrix product that training needs: A x B, with A read in either direction, and what is done before and after each sum.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>What an element's sum starts with and what becomes of it, given a vector of C and the one beside it.</summary>
internal unsafe interface IEnds
{
    /// <summary>What the products are added to.</summary>
    static abstract Vector512<float> Start(float* c, float* side);

    /// <summary>What is stored.</summary>
    static abstract Vector512<float> Finish(Vector512<float> sum, float* side);
}

/// <summary>C grows by the product.</summary>
internal readonly unsafe struct Accumulate : IEnds
{
    public static Vector512<float> Start(float* c, float* side) => Vector512.Load(c);

    public static Vector512<float> Finish(Vector512<float> sum, float* side) => sum;
}

/// <summary>The bias beside C plus the product: a last layer.</summary>
internal readonly unsafe struct WithBias : IEnds
{
    public static Vector512<float> Start(float* c, float* side) => Vector512.Load(side);

    public static Vector512<float> Finish(Vector512<float> sum, float* side) => sum;
}

/// <summary>The bias beside C plus the product, or zero where that is negative: a hidden layer.</summary>
internal readonly unsafe struct WithBiasRectified : IEnds
{
    public static Vector512<float> Start(float* c, float* side) => Vector512.Load(side);

    // A NaN stays one: a diverged model must not look like a dead one.
    public static Vector512<float> Finish(Vector512<float> sum, float* side) => Vector512.Max(sum, Vector512<float>.Zero);
}

/// <summary>The product where the activation beside C is positive, else zero: the gradient before a rectifier.</summary>
internal readonly unsafe struct WhereActive : IEnds
{
    public static Vector512<float> Start(float* c, float* side) => Vector512<float>.Zero;

    public static Vector512<float> Finish(Vector512<float> sum, float* side) =>
        sum & Vector512.GreaterThan(Vector512.Load(side), Vector512<float>.Zero);
}

/// <summary>Register-tiled: six rows by 64 columns of C, or eight by sixteen, are held while all of k goes by.</summary>
internal static unsafe class Product
{
    /// <summary>
    /// The sum over k of a[r, k] * b[k, j] for r below <paramref name="rows"/> and j below <paramref name="width"/>, a multiple of 16, into
    /// c[r, j] as <typeparamref name="TEnds"/> says. Element (r, k) of A is at r * aRow + k * aDepth, so A may be read transposed; what is beside
    /// c[r, j] is at side + r * sideRow + j.
    /// </summary>
    public static void Run<TEnds>(
        float* c, int width, float* a, int aRow, int aDepth, float* b, int bWidth, int rows, int depth, float* side, int sideRow)
        where TEnds : struct, IEnds
    {
        int column = 0;
        for (; column + 64 <= width; column += 64)
        {
            int r = 0;
            for (; r + 6 <= rows; r += 6)
            {
                SixBySixtyFour<TEnds>(
                    c + ((long)r * width) + column, width, a + ((long)r * aRow), aRow, aDepth, b + column, bWidth, depth, side + ((long)r * sideRow) + column, sideRow);
            }

            for (; r + 2 <= rows; r += 2)
            {
                TwoBySixtyFour<TEnds>(
                    c + ((long)r * width) + column, width, a + ((long)r * aRow), aRow, aDepth, b + column, bWidth, depth, side + ((long)r * sideRow) + column, sideRow);
            }

            for (; r < rows; r++)
            {
                OneBySixtyFour<TEnds>(
                    c + ((long)r * width) + column, width, a + ((long)r * aRow), aRow, aDepth, b + column, bWidth, depth, side + ((long)r * sideRow) + column, sideRow);
            }
        }

        for (; column < width; column += 16)
        {
            int r = 0;
            for (; r + 8 <= rows; r += 8)
            {
                EightBySixteen<TEnds>(
                    c + ((long)r * width) + column, width, a + ((long)r * aRow), aRow, aDepth, b + column, bWidth, depth, side + ((long)r * sideRow) + column, sideRow);
            }

            for (; r < rows; r++)
            {
                OneBySixteen<TEnds>(
                    c + ((long)r * width) + column, width, a + ((long)r * aRow), aRow, aDepth, b + column, bWidth, depth, side + ((long)r * sideRow) + column, sideRow);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void SixBySixtyFour<TEnds>(float* c, int width, float* a, int aRow, int aDepth, float* b, int bWidth, int depth, float* side, int sideRow)
        where TEnds : struct, IEnds
    {
        float* c1 = c + width, c2 = c1 + width, c3 = c2 + width, c4 = c3 + width, c5 = c4 + width;
        float* side1 = side + sideRow, side2 = side1 + sideRow, side3 = side2 + sideRow, side4 = side3 + sideRow, side5 = side4 + sideRow;
        Vector512<float> s00 = TEnds.Start(c, side), s01 = TEnds.Start(c + 16, side + 16), s02 = TEnds.Start(c + 32, side + 32), s03 = TEnds.Start(c + 48, side + 48);
        Vector512<float> s10 = TEnds.Start(c1, side1), s11 = TEnds.Start(c1 + 16, side1 + 16), s12 = TEnds.Start(c1 + 32, side1 + 32), s13 = TEnds.Start(c1 + 48, side1 + 48);
        Vector512<float> s20 = TEnds.Start(c2, side2), s21 = TEnds.Start(c2 + 16, side2 + 16), s22 = TEnds.Start(c2 + 32, side2 + 32), s23 = TEnds.Start(c2 + 48, side2 + 48);
        Vector512<float> s30 = TEnds.Start(c3, side3), s31 = TEnds.Start(c3 + 16, side3 + 16), s32 = TEnds.Start(c3 + 32, side3 + 32), s33 = TEnds.Start(c3 + 48, side3 + 48);
        Vector512<float> s40 = TEnds.Start(c4, side4), s41 = TEnds.Start(c4 + 16, side4 + 16), s42 = TEnds.Start(c4 + 32, side4 + 32), s43 = TEnds.Start(c4 + 48, side4 + 48);
        Vector512<float> s50 = TEnds.Start(c5, side5), s51 = TEnds.Start(c5 + 16, side5 + 16), s52 = TEnds.Start(c5 + 32, side5 + 32), s53 = TEnds.Start(c5 + 48, side5 + 48);
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

        TEnds.Finish(s00, side).Store(c);
        TEnds.Finish(s01, side + 16).Store(c + 16);
        TEnds.Finish(s02, side + 32).Store(c + 32);
        TEnds.Finish(s03, side + 48).Store(c + 48);
        TEnds.Finish(s10, side1).Store(c1);
        TEnds.Finish(s11, side1 + 16).Store(c1 + 16);
        TEnds.Finish(s12, side1 + 32).Store(c1 + 32);
        TEnds.Finish(s13, side1 + 48).Store(c1 + 48);
        TEnds.Finish(s20, side2).Store(c2);
        TEnds.Finish(s21, side2 + 16).Store(c2 + 16);
        TEnds.Finish(s22, side2 + 32).Store(c2 + 32);
        TEnds.Finish(s23, side2 + 48).Store(c2 + 48);
        TEnds.Finish(s30, side3).Store(c3);
        TEnds.Finish(s31, side3 + 16).Store(c3 + 16);
        TEnds.Finish(s32, side3 + 32).Store(c3 + 32);
        TEnds.Finish(s33, side3 + 48).Store(c3 + 48);
        TEnds.Finish(s40, side4).Store(c4);
        TEnds.Finish(s41, side4 + 16).Store(c4 + 16);
        TEnds.Finish(s42, side4 + 32).Store(c4 + 32);
        TEnds.Finish(s43, side4 + 48).Store(c4 + 48);
        TEnds.Finish(s50, side5).Store(c5);
        TEnds.Finish(s51, side5 + 16).Store(c5 + 16);
        TEnds.Finish(s52, side5 + 32).Store(c5 + 32);
        TEnds.Finish(s53, side5 + 48).Store(c5 + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void TwoBySixtyFour<TEnds>(float* c, int width, float* a, int aRow, int aDepth, float* b, int bWidth, int depth, float* side, int sideRow)
        where TEnds : struct, IEnds
    {
        float* c1 = c + width;
        float* side1 = side + sideRow;
        Vector512<float> s00 = TEnds.Start(c, side), s01 = TEnds.Start(c + 16, side + 16), s02 = TEnds.Start(c + 32, side + 32), s03 = TEnds.Start(c + 48, side + 48);
        Vector512<float> s10 = TEnds.Start(c1, side1), s11 = TEnds.Start(c1 + 16, side1 + 16), s12 = TEnds.Start(c1 + 32, side1 + 32), s13 = TEnds.Start(c1 + 48, side1 + 48);
        float* a1 = a + aRow;
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
        }

        TEnds.Finish(s00, side).Store(c);
        TEnds.Finish(s01, side + 16).Store(c + 16);
        TEnds.Finish(s02, side + 32).Store(c + 32);
        TEnds.Finish(s03, side + 48).Store(c + 48);
        TEnds.Finish(s10, side1).Store(c1);
        TEnds.Finish(s11, side1 + 16).Store(c1 + 16);
        TEnds.Finish(s12, side1 + 32).Store(c1 + 32);
        TEnds.Finish(s13, side1 + 48).Store(c1 + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void OneBySixtyFour<TEnds>(float* c, int width, float* a, int aRow, int aDepth, float* b, int bWidth, int depth, float* side, int sideRow)
        where TEnds : struct, IEnds
    {
        Vector512<float> s00 = TEnds.Start(c, side), s01 = TEnds.Start(c + 16, side + 16), s02 = TEnds.Start(c + 32, side + 32), s03 = TEnds.Start(c + 48, side + 48);
        nint at = 0;
        for (int k = 0; k < depth; k++, at += aDepth, b += bWidth)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16), b2 = Vector512.Load(b + 32), b3 = Vector512.Load(b + 48);
            var x = Vector512.Create(a[at]);
            s00 = Vector512.MultiplyAddEstimate(x, b0, s00);
            s01 = Vector512.MultiplyAddEstimate(x, b1, s01);
            s02 = Vector512.MultiplyAddEstimate(x, b2, s02);
            s03 = Vector512.MultiplyAddEstimate(x, b3, s03);
        }

        TEnds.Finish(s00, side).Store(c);
        TEnds.Finish(s01, side + 16).Store(c + 16);
        TEnds.Finish(s02, side + 32).Store(c + 32);
        TEnds.Finish(s03, side + 48).Store(c + 48);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void EightBySixteen<TEnds>(float* c, int width, float* a, int aRow, int aDepth, float* b, int bWidth, int depth, float* side, int sideRow)
        where TEnds : struct, IEnds
    {
        float* c1 = c + width, c2 = c1 + width, c3 = c2 + width, c4 = c3 + width, c5 = c4 + width, c6 = c5 + width, c7 = c6 + width;
        float* side1 = side + sideRow, side2 = side1 + sideRow, side3 = side2 + sideRow, side4 = side3 + sideRow, side5 = side4 + sideRow, side6 = side5 + sideRow, side7 = side6 + sideRow;
        Vector512<float> s00 = TEnds.Start(c, side);
        Vector512<float> s10 = TEnds.Start(c1, side1);
        Vector512<float> s20 = TEnds.Start(c2, side2);
        Vector512<float> s30 = TEnds.Start(c3, side3);
        Vector512<float> s40 = TEnds.Start(c4, side4);
        Vector512<float> s50 = TEnds.Start(c5, side5);
        Vector512<float> s60 = TEnds.Start(c6, side6);
        Vector512<float> s70 = TEnds.Start(c7, side7);
        float* a1 = a + aRow, a2 = a1 + aRow, a3 = a2 + aRow, a4 = a3 + aRow, a5 = a4 + aRow, a6 = a5 + aRow, a7 = a6 + aRow;
        nint at = 0;
        for (int k = 0; k < depth; k++, at += aDepth, b += bWidth)
        {
            Vector512<float> b0 = Vector512.Load(b);
            s00 = Vector512.MultiplyAddEstimate(Vector512.Create(a[at]), b0, s00);
            s10 = Vector512.MultiplyAddEstimate(Vector512.Create(a1[at]), b0, s10);
            s20 = Vector512.MultiplyAddEstimate(Vector512.Create(a2[at]), b0, s20);
            s30 = Vector512.MultiplyAddEstimate(Vector512.Create(a3[at]), b0, s30);
            s40 = Vector512.MultiplyAddEstimate(Vector512.Create(a4[at]), b0, s40);
            s50 = Vector512.MultiplyAddEstimate(Vector512.Create(a5[at]), b0, s50);
            s60 = Vector512.MultiplyAddEstimate(Vector512.Create(a6[at]), b0, s60);
            s70 = Vector512.MultiplyAddEstimate(Vector512.Create(a7[at]), b0, s70);
        }

        TEnds.Finish(s00, side).Store(c);
        TEnds.Finish(s10, side1).Store(c1);
        TEnds.Finish(s20, side2).Store(c2);
        TEnds.Finish(s30, side3).Store(c3);
        TEnds.Finish(s40, side4).Store(c4);
        TEnds.Finish(s50, side5).Store(c5);
        TEnds.Finish(s60, side6).Store(c6);
        TEnds.Finish(s70, side7).Store(c7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void OneBySixteen<TEnds>(float* c, int width, float* a, int aRow, int aDepth, float* b, int bWidth, int depth, float* side, int sideRow)
        where TEnds : struct, IEnds
    {
        Vector512<float> s00 = TEnds.Start(c, side);
        nint at = 0;
        for (int k = 0; k < depth; k++, at += aDepth, b += bWidth)
        {
            Vector512<float> b0 = Vector512.Load(b);
            s00 = Vector512.MultiplyAddEstimate(Vector512.Create(a[at]), b0, s00);
        }

        TEnds.Finish(s00, side).Store(c);
    }
}
