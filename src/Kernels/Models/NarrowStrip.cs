// Sixteen floats in the vectors of processors without 512-bit ones: two of eight lanes or four of four.
using System.Numerics;
using System.Runtime.CompilerServices;

namespace FlGpu.Kernels;

/// <summary>Sixteen floats in two vectors: six rows of them are twelve of AVX2's sixteen registers.</summary>
internal readonly unsafe struct StripOfTwo(Vector<float> v0, Vector<float> v1) : IStrip<StripOfTwo>
{
    private const int Lanes = 8;
    private readonly Vector<float> _v0 = v0, _v1 = v1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static StripOfTwo Load(float* at) => new(Vector.Load(at), Vector.Load(at + Lanes));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static StripOfTwo Start<TEnds>(float* c, float* side) where TEnds : struct, IEnds =>
        new(TEnds.StartNarrow(c, side), TEnds.StartNarrow(c + Lanes, side + (Lanes * TEnds.Along)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public StripOfTwo Plus(float factor, in StripOfTwo line)
    {
        var x = new Vector<float>(factor);
        return new(Vector.MultiplyAddEstimate(x, line._v0, _v0), Vector.MultiplyAddEstimate(x, line._v1, _v1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public StripOfTwo Plus(in StripOfTwo other) => new(_v0 + other._v0, _v1 + other._v1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Finish<TEnds>(float* c, float* side) where TEnds : struct, IEnds
    {
        TEnds.FinishNarrow(_v0, side).Store(c);
        TEnds.FinishNarrow(_v1, side + (Lanes * TEnds.Along)).Store(c + Lanes);
    }
}

/// <summary>Sixteen floats in four vectors: six rows of them are 24 of NEON's 32 registers.</summary>
internal readonly unsafe struct StripOfFour(Vector<float> v0, Vector<float> v1, Vector<float> v2, Vector<float> v3) : IStrip<StripOfFour>
{
    private const int Lanes = 4;
    private readonly Vector<float> _v0 = v0, _v1 = v1, _v2 = v2, _v3 = v3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static StripOfFour Load(float* at) =>
        new(Vector.Load(at), Vector.Load(at + Lanes), Vector.Load(at + (2 * Lanes)), Vector.Load(at + (3 * Lanes)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static StripOfFour Start<TEnds>(float* c, float* side) where TEnds : struct, IEnds => new(
        TEnds.StartNarrow(c, side), TEnds.StartNarrow(c + Lanes, side + (Lanes * TEnds.Along)),
        TEnds.StartNarrow(c + (2 * Lanes), side + (2 * Lanes * TEnds.Along)), TEnds.StartNarrow(c + (3 * Lanes), side + (3 * Lanes * TEnds.Along)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public StripOfFour Plus(float factor, in StripOfFour line)
    {
        var x = new Vector<float>(factor);
        return new(
            Vector.MultiplyAddEstimate(x, line._v0, _v0), Vector.MultiplyAddEstimate(x, line._v1, _v1),
            Vector.MultiplyAddEstimate(x, line._v2, _v2), Vector.MultiplyAddEstimate(x, line._v3, _v3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public StripOfFour Plus(in StripOfFour other) => new(_v0 + other._v0, _v1 + other._v1, _v2 + other._v2, _v3 + other._v3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Finish<TEnds>(float* c, float* side) where TEnds : struct, IEnds
    {
        TEnds.FinishNarrow(_v0, side).Store(c);
        TEnds.FinishNarrow(_v1, side + (Lanes * TEnds.Along)).Store(c + Lanes);
        TEnds.FinishNarrow(_v2, side + (2 * Lanes * TEnds.Along)).Store(c + (2 * Lanes));
        TEnds.FinishNarrow(_v3, side + (3 * Lanes * TEnds.Along)).Store(c + (3 * Lanes));
    }
}
