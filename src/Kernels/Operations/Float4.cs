// Neighbouring floats, which a device loads and stores with one instruction of 8 or 16 bytes.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FlGpu.Kernels;

/// <summary>Two floats in registers. In memory they start at a multiple of 8 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct Float2(float x, float y)
{
    public readonly float X = x;
    public readonly float Y = y;
}

/// <summary>
/// Four floats in registers. In memory they start at a multiple of 16 bytes, as every fourth element of a matrix does whose number of columns is a
/// multiple of four: buffers are aligned, and windows onto them are whole rows.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct Float4(float x, float y, float z, float w) : ILanes<Float4>
{
    public readonly float X = x;
    public readonly float Y = y;
    public readonly float Z = z;
    public readonly float W = w;

    public static int Count => 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 From<TSource>(TSource source, long first) where TSource : struct, ILaneSource =>
        new(source.At(first), source.At(first + 1), source.At(first + 2), source.At(first + 3));

    /// <summary>Adds four floats.</summary>
    public static Float4 operator +(Float4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);

    /// <summary>Multiplies four floats.</summary>
    public static Float4 operator *(float factor, Float4 lanes) => new(factor * lanes.X, factor * lanes.Y, factor * lanes.Z, factor * lanes.W);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 PlusWeighted(Float4 sum, float weight, Float4 row) =>
        new(
            Float1.PlusWeighted(sum.X, weight, row.X), Float1.PlusWeighted(sum.Y, weight, row.Y),
            Float1.PlusWeighted(sum.Z, weight, row.Z), Float1.PlusWeighted(sum.W, weight, row.W));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 WhereSmall(Float4 lanes, Float4 judge, float bound) =>
        new(
            Float1.WhereSmall(lanes.X, judge.X, bound), Float1.WhereSmall(lanes.Y, judge.Y, bound),
            Float1.WhereSmall(lanes.Z, judge.Z, bound), Float1.WhereSmall(lanes.W, judge.W, bound));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float4 Sign(Float4 lanes) => new(Float1.Sign(lanes.X), Float1.Sign(lanes.Y), Float1.Sign(lanes.Z), Float1.Sign(lanes.W));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TTally Tally<TTally>(TTally tally, Float4 lanes) where TTally : struct, ITally<TTally> =>
        tally.With(lanes.X).With(lanes.Y).With(lanes.Z).With(lanes.W);

    /// <summary>Adds <paramref name="factor"/> times four floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 Plus(float factor, Float4 row) =>
        new(X + (factor * row.X), Y + (factor * row.Y), Z + (factor * row.Z), W + (factor * row.W));

    /// <summary>Adds a row of four times a matrix of four rows: each sum in the order of the rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 PlusProduct(Float4 row, Float4 row0, Float4 row1, Float4 row2, Float4 row3) =>
        Plus(row.X, row0).Plus(row.Y, row1).Plus(row.Z, row2).Plus(row.W, row3);

    /// <summary>Adds a row of four times a matrix of four columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Float4 PlusDots(Float4 row, Float4 column0, Float4 column1, Float4 column2, Float4 column3) =>
        new(PlusDot(X, row, column0), PlusDot(Y, row, column1), PlusDot(Z, row, column2), PlusDot(W, row, column3));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float PlusDot(float sum, Float4 a, Float4 b) => sum + (a.X * b.X) + (a.Y * b.Y) + (a.Z * b.Z) + (a.W * b.W);
}

/// <summary>Four doubles in registers.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct Double4(double x, double y, double z, double w)
{
    public readonly double X = x;
    public readonly double Y = y;
    public readonly double Z = z;
    public readonly double W = w;

    /// <summary>Adds four floats.</summary>
    public static Double4 operator +(Double4 a, Float4 b) => new(a.X + b.X, a.Y + b.Y, a.Z + b.Z, a.W + b.W);
}
