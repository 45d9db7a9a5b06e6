// A sorting network for some ranks of columns, as code where it can be emitted and step by step else.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>A pruned network as arrays, and as machine code where that is to be had.</summary>
internal sealed unsafe class RankNetwork(SortingNetwork network, int rows, bool fetchesNext)
{
    private readonly CompareExchange[] _steps = [.. network.Steps];
    private readonly int[] _kept = [.. network.Kept];

    public ReadOnlySpan<CompareExchange> Steps => _steps;

    /// <summary>The wires to average, or to look at one by one.</summary>
    public ReadOnlySpan<int> Kept => _kept;

    public EmittedNetwork? Emitted { get; } =
        EmittedNetwork.IsSupported && rows <= EmittedNetwork.MostWires ? EmittedNetwork.Create(network, rows, fetchesNext) : null;

    /// <summary>
    /// The values of each kept wire for sixteen columns whose rows are <paramref name="stride"/> elements apart, one vector after the other; needs a
    /// vector of memory a wire.
    /// </summary>
    public void Each(float* column, nint stride, int* scratch, float* kept)
    {
        if (Emitted is not null)
        {
            Emitted.MeansOfKept(column, stride * sizeof(float), scratch, vectors: 1, kept);
            return;
        }

        for (int i = 0; i < rows; i++)
        {
            OrderedKey.Of(Vector512.Load(column + (i * stride))).Store(scratch + (i * 16));
        }

        foreach (CompareExchange step in _steps)
        {
            Exchange(scratch + (step.Low * 16), scratch + (step.High * 16));
        }

        for (int i = 0; i < _kept.Length; i++)
        {
            OrderedKey.ToFloat(Vector512.Load(scratch + (_kept[i] * 16))).Store(kept + (i * 16));
        }
    }

    /// <summary>The means of sixteen sorted columns of keys, wires being <paramref name="wireStride"/> elements apart.</summary>
    public Vector512<float> MeanOfKept(int* keys, int wireStride)
    {
        Vector512<double> lower = Vector512<double>.Zero, upper = lower;
        foreach (int wire in _kept)
        {
            (Vector512<double> a, Vector512<double> b) = Vector512.Widen(OrderedKey.ToFloat(Vector512.Load(keys + (wire * wireStride))));
            lower += a;
            upper += b;
        }

        double share = 1.0 / _kept.Length;
        return Vector512.Narrow(lower * share, upper * share);
    }

    /// <summary>Sorts 64 columns of keys, wires being 64 elements apart.</summary>
    public void SortSixtyFour(int* keys)
    {
        foreach (CompareExchange step in _steps)
        {
            int* low = keys + (step.Low * 64);
            int* high = keys + (step.High * 64);
            Exchange(low, high);
            Exchange(low + 16, high + 16);
            Exchange(low + 32, high + 32);
            Exchange(low + 48, high + 48);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Exchange(int* low, int* high)
    {
        Vector512<int> a = Vector512.Load(low);
        Vector512<int> b = Vector512.Load(high);
        Vector512.Min(a, b).Store(low);
        Vector512.Max(a, b).Store(high);
    }
}
