// What each sum of a matrix product starts with and what becomes of it.
using System.Numerics;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>What an element's sum starts with and what becomes of it, given a vector of C and the one beside it.</summary>
internal unsafe interface IEnds
{
    /// <summary>Elements from what is beside one column to what is beside the next: 1, or 0 where a row has one thing beside it.</summary>
    static abstract int Along { get; }

    /// <summary>What the products are added to.</summary>
    static abstract Vector512<float> Start(float* c, float* side);

    /// <summary>What is stored.</summary>
    static abstract Vector512<float> Finish(Vector512<float> sum, float* side);

    /// <summary>What the products are added to, in a vector as wide as the processor has.</summary>
    static abstract Vector<float> StartNarrow(float* c, float* side);

    /// <summary>What is stored, the same.</summary>
    static abstract Vector<float> FinishNarrow(Vector<float> sum, float* side);
}

/// <summary>Nothing but the product.</summary>
internal readonly unsafe struct FromZero : IEnds
{
    public static int Along => 1;

    public static Vector512<float> Start(float* c, float* side) => Vector512<float>.Zero;

    public static Vector512<float> Finish(Vector512<float> sum, float* side) => sum;

    public static Vector<float> StartNarrow(float* c, float* side) => Vector<float>.Zero;

    public static Vector<float> FinishNarrow(Vector<float> sum, float* side) => sum;
}

/// <summary>C grows by the product.</summary>
internal readonly unsafe struct Accumulate : IEnds
{
    public static int Along => 1;

    public static Vector512<float> Start(float* c, float* side) => Vector512.Load(c);

    public static Vector512<float> Finish(Vector512<float> sum, float* side) => sum;

    public static Vector<float> StartNarrow(float* c, float* side) => Vector.Load(c);

    public static Vector<float> FinishNarrow(Vector<float> sum, float* side) => sum;
}

/// <summary>The bias of each row plus the product: a last layer, its outputs below each other.</summary>
internal readonly unsafe struct WithRowBias : IEnds
{
    public static int Along => 0;

    public static Vector512<float> Start(float* c, float* side) => Vector512.Create(*side);

    public static Vector512<float> Finish(Vector512<float> sum, float* side) => sum;

    public static Vector<float> StartNarrow(float* c, float* side) => new(*side);

    public static Vector<float> FinishNarrow(Vector<float> sum, float* side) => sum;
}

/// <summary>The bias of each column plus the product, or zero where that is negative: a hidden layer.</summary>
internal readonly unsafe struct WithBiasRectified : IEnds
{
    public static int Along => 1;

    public static Vector512<float> Start(float* c, float* side) => Vector512.Load(side);

    // A NaN stays one, here and below: a diverged model must not look like a dead one.
    public static Vector512<float> Finish(Vector512<float> sum, float* side) => Vector512.Max(sum, Vector512<float>.Zero);

    public static Vector<float> StartNarrow(float* c, float* side) => Vector.Load(side);

    public static Vector<float> FinishNarrow(Vector<float> sum, float* side) => Vector.Max(sum, Vector<float>.Zero);
}

/// <summary>The product where the activation beside C is positive, else zero: the gradient before a rectifier.</summary>
internal readonly unsafe struct WhereActive : IEnds
{
    public static int Along => 1;

    public static Vector512<float> Start(float* c, float* side) => Vector512<float>.Zero;

    public static Vector512<float> Finish(Vector512<float> sum, float* side) =>
        sum & Vector512.GreaterThan(Vector512.Load(side), Vector512<float>.Zero);

    public static Vector<float> StartNarrow(float* c, float* side) => Vector<float>.Zero;

    public static Vector<float> FinishNarrow(Vector<float> sum, float* side) => sum & Vector.GreaterThan(Vector.Load(side), Vector<float>.Zero).As<int, float>();
}
