// What a thread has of a row at once: one float, or four where all rows are aligned to 16 bytes. Kernels are written once for both.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace FlGpu.Kernels;

/// <summary>Neighbouring floats that a device loads and stores with one instruction, and to each of which the same happens.</summary>
internal interface ILanes<TSelf> where TSelf : unmanaged, ILanes<TSelf>
{
    /// <summary>How many they are.</summary>
    static abstract int Count { get; }

    /// <summary>Floats from a source: that at <paramref name="first"/> and those after it.</summary>
    static abstract TSelf From<TSource>(TSource source, long first) where TSource : struct, ILaneSource;

    /// <summary>Adds each to each.</summary>
    static abstract TSelf operator +(TSelf a, TSelf b);

    /// <summary>Multiplies each.</summary>
    static abstract TSelf operator *(float factor, TSelf lanes);

    /// <summary>Adds <paramref name="weight"/> times <paramref name="row"/>. A row without weight adds nothing, whatever it holds.</summary>
    static abstract TSelf PlusWeighted(TSelf sum, float weight, TSelf row);

    /// <summary>Zero in place of those whose <paramref name="judge"/> is above <paramref name="bound"/> in magnitude.</summary>
    static abstract TSelf WhereSmall(TSelf lanes, TSelf judge, float bound);

    /// <summary>-1, 0 or 1 for each; 0 for NaN.</summary>
    static abstract TSelf Sign(TSelf lanes);

    /// <summary>A tally with each of them in it.</summary>
    static abstract TTally Tally<TTally>(TTally tally, TSelf lanes) where TTally : struct, ITally<TTally>;
}

/// <summary>Where floats come from that need not lie side by side.</summary>
internal interface ILaneSource
{
    /// <summary>The float at an index.</summary>
    float At(long index);
}

/// <summary>What is counted of floats, however many come at once.</summary>
internal interface ITally<TSelf> where TSelf : struct, ITally<TSelf>
{
    /// <summary>The tally with one more float in it.</summary>
    TSelf With(float value);
}

/// <summary>An operation whose kernels are written once for all lanes.</summary>
internal interface ILaneOperation
{
    /// <summary>Launches the kernels for lanes of one kind.</summary>
    void Launch<T>(GpuBackend gpu) where T : unmanaged, ILanes<T>;
}

/// <summary>One float.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct Float1(float x) : ILanes<Float1>
{
    public readonly float X = x;

    public static int Count => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float1 From<TSource>(TSource source, long first) where TSource : struct, ILaneSource => new(source.At(first));

    public static Float1 operator +(Float1 a, Float1 b) => new(a.X + b.X);

    public static Float1 operator *(float factor, Float1 lanes) => new(factor * lanes.X);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float1 PlusWeighted(Float1 sum, float weight, Float1 row) => new(PlusWeighted(sum.X, weight, row.X));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float PlusWeighted(float sum, float weight, float value) => weight != 0 ? sum + (weight * value) : sum;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float1 WhereSmall(Float1 lanes, Float1 judge, float bound) => new(WhereSmall(lanes.X, judge.X, bound));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float WhereSmall(float value, float judge, float bound) => judge > bound | judge < -bound ? 0 : value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Float1 Sign(Float1 lanes) => new(Sign(lanes.X));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static float Sign(float value) => (value > 0 ? 1 : 0) - (value < 0 ? 1 : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TTally Tally<TTally>(TTally tally, Float1 lanes) where TTally : struct, ITally<TTally> => tally.With(lanes.X);
}

/// <summary>What operations and kernels do with all lanes.</summary>
internal static class Lanes
{
    /// <summary>Launches an operation with four lanes where rows of so many columns are aligned to 16 bytes, else with one.</summary>
    public static void Launch<TOperation>(in TOperation operation, GpuBackend gpu, int columns) where TOperation : struct, ILaneOperation
    {
        if (columns % Float4.Count == 0)
        {
            operation.Launch<Float4>(gpu);
        }
        else
        {
            operation.Launch<Float1>(gpu);
        }
    }

    /// <summary>A row times its factor: zeros where that is zero, whatever the row holds.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static T Times<T>(float factor, T row) where T : unmanaged, ILanes<T> => factor == 0 ? default : factor * row;
}
