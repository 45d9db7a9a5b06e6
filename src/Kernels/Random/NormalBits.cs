// Two random words to two normal numbers, by arithmetic that gives nearly the same bits in scalar, vector and kernel code.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Box and Muller (1958) on 24 bits of each word. Logarithm, sine and cosine are polynomials in float, so that no
/// device's approximate functions enter; error below 1e-6 of the double-precision result.
/// </summary>
public static class NormalBits
{
    private const float Unit = 1f / (1 << 24);
    private const float RadiansPerUnit = (float)(2 * Math.PI / (1 << 24));
    private const int HalfQuadrant = 1 << 21;
    private const uint SqrtHalfBits = 0x3F3504F3;
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    /// <summary>The first of the pair, in double precision: the definition.</summary>
    public static double FirstExact(uint a, uint b) => RadiusExact(a) * Math.Cos(2 * Math.PI * ((b >> 8) * (double)Unit));

    /// <summary>The second of the pair, in double precision: the definition.</summary>
    public static double SecondExact(uint a, uint b) => RadiusExact(a) * Math.Sin(2 * Math.PI * ((b >> 8) * (double)Unit));

    /// <summary>The first of the pair.</summary>
    public static float First(uint a, uint b) => Radius(a) * Cosine((int)(b >> 8));

    /// <summary>The second of the pair: a quarter turn back.</summary>
    public static float Second(uint a, uint b) => Radius(a) * Cosine((int)(b >> 8) - (1 << 22));

    /// <summary>Both of the pair, sixteen pairs at once.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector512<float> First, Vector512<float> Second) Pair(Vector512<uint> a, Vector512<uint> b)
    {
        Vector512<float> u = Vector512.ConvertToSingle((Vector512.ShiftRightLogical(a, 8) + Vector512<uint>.One).AsInt32()) * Unit;
        Vector512<uint> bits = u.AsUInt32();
        Vector512<int> exponent = Vector512.ShiftRightArithmetic((bits - Vector512.Create(SqrtHalfBits)).AsInt32(), 23);
        Vector512<float> f = (bits - Vector512.ShiftLeft(exponent, 23).AsUInt32()).AsSingle() - Vector512<float>.One;
        Vector512<float> e = Vector512.ConvertToSingle(exponent);
        Vector512<float> z = f * f;
        Vector512<float> p = Vector512.Create(7.0376836292E-2f);
        p = (p * f) + Vector512.Create(-1.1514610310E-1f);
        p = (p * f) + Vector512.Create(1.1676998740E-1f);
        p = (p * f) + Vector512.Create(-1.2420140846E-1f);
        p = (p * f) + Vector512.Create(1.4249322787E-1f);
        p = (p * f) + Vector512.Create(-1.6668057665E-1f);
        p = (p * f) + Vector512.Create(2.0000714765E-1f);
        p = (p * f) + Vector512.Create(-2.4999993993E-1f);
        p = (p * f) + Vector512.Create(3.3333331174E-1f);
        Vector512<float> log = f + ((((p * f) * z) + (e * Ln2Low)) - (z * 0.5f)) + (e * Ln2High);
        Vector512<float> radius = Vector512.Sqrt(Vector512.Max(log * -2f, Vector512<float>.Zero));

        Vector512<int> angle = Vector512.ShiftRightLogical(b, 8).AsInt32();
        Vector512<int> quadrant = Vector512.ShiftRightArithmetic(angle + Vector512.Create(HalfQuadrant), 22);
        Vector512<float> x = Vector512.ConvertToSingle(angle - Vector512.ShiftLeft(quadrant, 22)) * RadiansPerUnit;
        Vector512<float> x2 = x * x;
        Vector512<float> sine = (((((Vector512.Create(-1.9515295891E-4f) * x2) + Vector512.Create(8.3321608736E-3f)) * x2)
            + Vector512.Create(-1.6666654611E-1f)) * x2 * x) + x;
        Vector512<float> cosine = (((((Vector512.Create(2.443315711809948E-5f) * x2) + Vector512.Create(-1.388731625493765E-3f)) * x2)
            + Vector512.Create(4.166664568298827E-2f)) * x2 * x2) - (x2 * 0.5f) + Vector512<float>.One;

        // Turn by whole quadrants: odd ones swap sine and cosine, the sign bits follow.
        Vector512<float> odd = Vector512.Equals(quadrant & Vector512<int>.One, Vector512<int>.One).AsSingle();
        Vector512<int> cosineSign = Vector512.ShiftLeft((quadrant + Vector512<int>.One) & Vector512.Create(2), 30);
        Vector512<int> sineSign = Vector512.ShiftLeft(quadrant & Vector512.Create(2), 30);
        Vector512<float> first = Vector512.ConditionalSelect(odd, sine, cosine);
        Vector512<float> second = Vector512.ConditionalSelect(odd, cosine, sine);
        return (radius * (first.AsInt32() ^ cosineSign).AsSingle(), radius * (second.AsInt32() ^ sineSign).AsSingle());
    }

    private static double RadiusExact(uint a) => Math.Sqrt(-2 * Math.Log(((a >> 8) + 1) * (double)Unit));

    private static float Radius(uint a)
    {
        uint bits = Interop.FloatAsInt((float)((a >> 8) + 1) * Unit);
        int exponent = (int)(bits - SqrtHalfBits) >> 23;
        float f = Interop.IntAsFloat(bits - ((uint)exponent << 23)) - 1f;
        float z = f * f;
        float p = 7.0376836292E-2f;
        p = (p * f) + -1.1514610310E-1f;
        p = (p * f) + 1.1676998740E-1f;
        p = (p * f) + -1.2420140846E-1f;
        p = (p * f) + 1.4249322787E-1f;
        p = (p * f) + -1.6668057665E-1f;
        p = (p * f) + 2.0000714765E-1f;
        p = (p * f) + -2.4999993993E-1f;
        p = (p * f) + 3.3333331174E-1f;
        float log = f + ((((p * f) * z) + (exponent * Ln2Low)) - (z * 0.5f)) + (exponent * Ln2High);
        return MathF.Sqrt(MathF.Max(log * -2f, 0f));
    }

    private static float Cosine(int angle)
    {
        int quadrant = (angle + HalfQuadrant) >> 22;
        float x = (angle - (quadrant << 22)) * RadiansPerUnit;
        float x2 = x * x;
        float value = (quadrant & 1) != 0
            ? (((((-1.9515295891E-4f * x2) + 8.3321608736E-3f) * x2) + -1.6666654611E-1f) * x2 * x) + x
            : (((((2.443315711809948E-5f * x2) + -1.388731625493765E-3f) * x2) + 4.166664568298827E-2f) * x2 * x2) - (x2 * 0.5f) + 1f;
        return ((quadrant + 1) & 2) != 0 ? -value : value;
    }
}
