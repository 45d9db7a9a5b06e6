// The mean of each column's values of rank first..last: what the median and the trimmed mean have in common.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FlGpu.Kernels;

/// <summary>
/// Sorts each column of <paramref name="Updates"/> (n x d; NaN last) and writes the mean of the values of rank
/// <paramref name="First"/> to <paramref name="Last"/>, counted from 0, into <paramref name="Mean"/> (1 x d).
/// </summary>
internal readonly record struct RankMean(Matrix Updates, Matrix Mean, int First, int Last)
{
    /// <summary>Up to this many rows a sorting network in cache is faster than bisection.</summary>
    private const int NetworkRows = 512;

    private const int LowestKey = int.MinValue;

    public Work Cost => new(
        Updates.Length * Math.Max(1, System.Numerics.BitOperations.Log2((uint)Updates.Rows)), Updates.Bytes, Mean.Bytes);

    public void Reference()
    {
        float[] column = new float[Updates.Rows];
        for (int k = 0; k < Updates.Columns; k++)
        {
            for (int i = 0; i < Updates.Rows; i++)
            {
                column[i] = Updates[i, k];
            }

            Array.Sort(column, NanLast.Comparer);
            double sum = 0;
            for (int rank = First; rank <= Last; rank++)
            {
                sum += column[rank];
            }

            Mean[k] = (float)(sum / (Last - First + 1));
        }
    }

    public unsafe void Simd(SimdBackend simd)
    {
        int strips = (Updates.Columns + Columns.StripWidth - 1) / Columns.StripWidth;
        RankNetwork? network = Updates.Rows <= NetworkRows ? simd.Network(Updates.Rows, First, Last) : null;
        simd.ForEachTile(strips, Updates.Length, new Columns(Updates.Host, Mean.Host, Updates.Rows, Updates.Columns, First, Last, network));
    }

    public void Gpu(GpuBackend gpu)
    {
        if (Updates.Rows > ColumnNetworkKernel.MostRows)
        {
            PanelRankMean.Launch(gpu, Updates, Mean, First, Last);
            return;
        }

        gpu.Runtime.Launch(
            gpu.Network(Updates.Rows, First, Last), gpu.ThreadEach(Updates.Columns, ColumnNetworkKernel.GroupSize), GpuBackend.View(Updates), GpuBackend.View(Mean));
    }

    private sealed class NanLast : IComparer<float>
    {
        public static NanLast Comparer { get; } = new();

        public int Compare(float a, float b) => float.IsNaN(a) || float.IsNaN(b) ? float.IsNaN(a).CompareTo(float.IsNaN(b)) : a.CompareTo(b);
    }

    /// <summary>A tile is a strip of columns, done in blocks of 64 whose keys fit in cache.</summary>
    private readonly unsafe struct Columns(
        float* updates, float* mean, int rows, int columns, int first, int last, RankNetwork? network) : ITiles
    {
        public const int StripWidth = 512;
        private const int Block = 64;

        public nuint ScratchBytes => ((nuint)rows + 1) * Block * sizeof(int);

        public void Run(int tile, byte* scratch)
        {
            int* keys = (int*)scratch;
            float* result = (float*)(keys + ((long)rows * Block));
            int end = Math.Min(columns, (tile + 1) * StripWidth);
            for (int k = tile * StripWidth; k < end; k += Block)
            {
                if (network?.Emitted is { } emitted && k + Block <= columns)
                {
                    for (int lane = 0; lane < Block; lane += 16)
                    {
                        emitted.Sort(updates + k + lane, (nint)columns * sizeof(float), keys);
                        MeanOfKept(network.Kept, keys, 16).Store(result + lane);
                    }

                    new Span<float>(result, Math.Min(Block, end - k)).CopyTo(new(mean + k, Block));
                    continue;
                }

                LoadKeys(keys, k);
                if (network is not null)
                {
                    Sort(keys, network.Steps);
                    for (int lane = 0; lane < Block; lane += 16)
                    {
                        MeanOfKept(network.Kept, keys + lane, Block).Store(result + lane);
                    }
                }
                else
                {
                    for (int lane = 0; lane < Block; lane += 16)
                    {
                        MeanByBisection(keys + lane).Store(result + lane);
                    }
                }

                new Span<float>(result, Math.Min(Block, end - k)).CopyTo(new(mean + k, Block));
            }
        }

        private void LoadKeys(int* keys, int k)
        {
            // Whole vectors, also past the end of the row: what they read there is never written out.
            for (int i = 0; i < rows; i++, keys += Block)
            {
                float* row = updates + ((long)i * columns) + k;
                int lanes = columns - k;
                if (i == rows - 1 && lanes < Block)
                {
                    new Span<int>(keys, Block).Clear();
                    for (int j = 0; j < lanes; j++)
                    {
                        keys[j] = OrderedKey.Of(row[j]);
                    }

                    return;
                }

                if (Sse.IsSupported)
                {
                    Sse.Prefetch0(row + Block);
                    Sse.Prefetch0(row + Block + 16);
                    Sse.Prefetch0(row + Block + 32);
                    Sse.Prefetch0(row + Block + 48);
                }

                OrderedKey.Of(Vector512.Load(row)).Store(keys);
                OrderedKey.Of(Vector512.Load(row + 16)).Store(keys + 16);
                OrderedKey.Of(Vector512.Load(row + 32)).Store(keys + 32);
                OrderedKey.Of(Vector512.Load(row + 48)).Store(keys + 48);
            }
        }

        private static void Sort(int* keys, ReadOnlySpan<CompareExchange> steps)
        {
            foreach (CompareExchange step in steps)
            {
                int* low = keys + (step.Low * Block);
                int* high = keys + (step.High * Block);
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

        private Vector512<float> MeanOfKept(ReadOnlySpan<int> kept, int* keys, int wireStride)
        {
            Vector512<double> lower = Vector512<double>.Zero, upper = lower;
            foreach (int wire in kept)
            {
                (Vector512<double> a, Vector512<double> b) = Vector512.Widen(OrderedKey.ToFloat(Vector512.Load(keys + (wire * wireStride))));
                lower += a;
                upper += b;
            }

            var count = Vector512.Create((double)(last - first + 1));
            return Vector512.Narrow(lower / count, upper / count);
        }

        /// <summary>The same as the kernel does for a column, for sixteen.</summary>
        private Vector512<float> MeanByBisection(int* keys)
        {
            Vector512<int> low = Select(keys, first);
            Vector512<int> notAbove = Vector512<int>.Zero;
            Vector512<int> next = Vector512.Create(int.MaxValue);
            for (int i = 0; i < rows; i++)
            {
                Vector512<int> key = Vector512.Load(keys + (i * Block));
                Vector512<int> above = Vector512.GreaterThan(key, low);
                notAbove += Vector512<int>.One + above;
                next = Vector512.Min(next, Vector512.ConditionalSelect(above, key, next));
            }

            var lastRank = Vector512.Create(last);
            Vector512<int> alone = Vector512.GreaterThan(notAbove, lastRank);
            Vector512<int> high = Vector512.ConditionalSelect(alone, low, next);
            if (Vector512.LessThanAny(notAbove, lastRank))
            {
                high = Vector512.ConditionalSelect(alone, low, Select(keys, last));
            }

            Vector512<double> sumLower = Vector512<double>.Zero, sumUpper = sumLower;
            Vector512<int> below = Vector512<int>.Zero;
            for (int i = 0; i < rows; i++)
            {
                Vector512<int> key = Vector512.Load(keys + (i * Block));
                Vector512<int> under = Vector512.LessThan(key, high);
                below -= under;
                Vector512<int> between = under & Vector512.GreaterThan(key, low);
                (Vector512<double> a, Vector512<double> b) = Vector512.Widen((OrderedKey.ToFloat(key).AsInt32() & between).AsSingle());
                sumLower += a;
                sumUpper += b;
            }

            (Vector512<double> lowLower, Vector512<double> lowUpper) = Vector512.Widen(OrderedKey.ToFloat(low));
            (Vector512<double> highLower, Vector512<double> highUpper) = Vector512.Widen(OrderedKey.ToFloat(high));
            (Vector512<double> lowCopiesLower, Vector512<double> lowCopiesUpper) = WidenToDouble(notAbove - Vector512.Create(first));
            (Vector512<double> highCopiesLower, Vector512<double> highCopiesUpper) = WidenToDouble(lastRank + Vector512<int>.One - below);
            var count = Vector512.Create((double)(last - first + 1));
            sumLower = (sumLower + ((lowLower * lowCopiesLower) + (highLower * highCopiesLower))) / count;
            sumUpper = (sumUpper + ((lowUpper * lowCopiesUpper) + (highUpper * highCopiesUpper))) / count;
            return Vector512.ConditionalSelect(alone.AsSingle(), OrderedKey.ToFloat(low), Vector512.Narrow(sumLower, sumUpper));
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static (Vector512<double> Lower, Vector512<double> Upper) WidenToDouble(Vector512<int> counts) =>
            Vector512.Widen(Vector512.ConvertToSingle(counts));

        private Vector512<int> Select(int* keys, int rank)
        {
            Vector512<int> key = Vector512.Create(LowestKey);
            var atMost = Vector512.Create(rank);
            for (int bit = 31; bit >= 0; bit--)
            {
                Vector512<int> trial = key + Vector512.Create(1 << bit);
                Vector512<int> below = Vector512<int>.Zero;
                for (int i = 0; i < rows; i++)
                {
                    below -= Vector512.LessThan(Vector512.Load(keys + (i * Block)), trial);
                }

                key = Vector512.ConditionalSelect(Vector512.GreaterThan(below, atMost), key, trial);
            }

            return key;
        }
    }
}

/// <summary>A pruned network as arrays, and as machine code where that is to be had.</summary>
internal sealed class RankNetwork(SortingNetwork network, int rows)
{
    private readonly CompareExchange[] _steps = [.. network.Steps];
    private readonly int[] _kept = [.. network.Kept];

    public ReadOnlySpan<CompareExchange> Steps => _steps;

    /// <summary>The wires to average.</summary>
    public ReadOnlySpan<int> Kept => _kept;

    public EmittedNetwork? Emitted { get; } = EmittedNetwork.IsSupported && rows <= EmittedNetwork.MostWires ? EmittedNetwork.Create(network, rows) : null;
}
