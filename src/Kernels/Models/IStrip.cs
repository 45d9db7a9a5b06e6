// A few vectors side by side, held in registers: what a tile of a matrix product has in each of its rows.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>So many floats in a row that the width is known when the code is compiled.</summary>
internal unsafe interface IStrip<TSelf> where TSelf : struct, IStrip<TSelf>
{
    /// <summary>The floats at an address.</summary>
    static abstract TSelf Load(float* at);

    /// <summary>What the sums of a row of C start with.</summary>
    static abstract TSelf Start<TEnds>(float* c, float* side) where TEnds : struct, IEnds;

    /// <summary>This plus <paramref name="factor"/> times <paramref name="line"/>.</summary>
    TSelf Plus(float factor, in TSelf line);

    /// <summary>This plus another.</summary>
    TSelf Plus(in TSelf other);

    /// <summary>Stores what becomes of the sums.</summary>
    void Finish<TEnds>(float* c, float* side) where TEnds : struct, IEnds;
}

/// <summary>Sixteen floats.</summary>
internal readonly unsafe struct Strip16(Vector512<float> v) : IStrip<Strip16>
{
    private readonly Vector512<float> _v = v;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Strip16 Load(float* at) => new(Vector512.Load(at));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Strip16 Start<TEnds>(float* c, float* side) where TEnds : struct, IEnds => new(TEnds.Start(c, side));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Strip16 Plus(float factor, in Strip16 line) => new(Vector512.MultiplyAddEstimate(Vector512.Create(factor), line._v, _v));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Strip16 Plus(in Strip16 other) => new(_v + other._v);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Finish<TEnds>(float* c, float* side) where TEnds : struct, IEnds => TEnds.Finish(_v, side).Store(c);
}

/// <summary>Thirty-two floats.</summary>
internal readonly unsafe struct Strip32(Vector512<float> v0, Vector512<float> v1) : IStrip<Strip32>
{
    private readonly Vector512<float> _v0 = v0, _v1 = v1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Strip32 Load(float* at) => new(Vector512.Load(at), Vector512.Load(at + 16));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Strip32 Start<TEnds>(float* c, float* side) where TEnds : struct, IEnds =>
        new(TEnds.Start(c, side), TEnds.Start(c + 16, side + (16 * TEnds.Along)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Strip32 Plus(float factor, in Strip32 line)
    {
        var x = Vector512.Create(factor);
        return new(Vector512.MultiplyAddEstimate(x, line._v0, _v0), Vector512.MultiplyAddEstimate(x, line._v1, _v1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Strip32 Plus(in Strip32 other) => new(_v0 + other._v0, _v1 + other._v1);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Finish<TEnds>(float* c, float* side) where TEnds : struct, IEnds
    {
        TEnds.Finish(_v0, side).Store(c);
        TEnds.Finish(_v1, side + (16 * TEnds.Along)).Store(c + 16);
    }
}

/// <summary>Sixty-four floats.</summary>
internal readonly unsafe struct Strip64(Vector512<float> v0, Vector512<float> v1, Vector512<float> v2, Vector512<float> v3) : IStrip<Strip64>
{
    private readonly Vector512<float> _v0 = v0, _v1 = v1, _v2 = v2, _v3 = v3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Strip64 Load(float* at) => new(Vector512.Load(at), Vector512.Load(at + 16), Vector512.Load(at + 32), Vector512.Load(at + 48));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Strip64 Start<TEnds>(float* c, float* side) where TEnds : struct, IEnds => new(
        TEnds.Start(c, side), TEnds.Start(c + 16, side + (16 * TEnds.Along)), TEnds.Start(c + 32, side + (32 * TEnds.Along)),
        TEnds.Start(c + 48, side + (48 * TEnds.Along)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Strip64 Plus(float factor, in Strip64 line)
    {
        var x = Vector512.Create(factor);
        return new(
            Vector512.MultiplyAddEstimate(x, line._v0, _v0), Vector512.MultiplyAddEstimate(x, line._v1, _v1),
            Vector512.MultiplyAddEstimate(x, line._v2, _v2), Vector512.MultiplyAddEstimate(x, line._v3, _v3));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Strip64 Plus(in Strip64 other) => new(_v0 + other._v0, _v1 + other._v1, _v2 + other._v2, _v3 + other._v3);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Finish<TEnds>(float* c, float* side) where TEnds : struct, IEnds
    {
        TEnds.Finish(_v0, side).Store(c);
        TEnds.Finish(_v1, side + (16 * TEnds.Along)).Store(c + 16);
        TEnds.Finish(_v2, side + (32 * TEnds.Along)).Store(c + 32);
        TEnds.Finish(_v3, side + (48 * TEnds.Along)).Store(c + 48);
    }
}
