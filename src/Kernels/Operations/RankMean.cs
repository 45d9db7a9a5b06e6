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
    /// <summary>Up to this many rows a sorting network is faster than selection by bytes: the more ranks are wanted, the longer.</summary>
    private const int NetworkRowsForMedian = 200;
    private const int NetworkRowsForMean = EmittedNetwork.MostWires;

    /// <summary>The same where no code can be emitted.</summary>
    private const int PlainNetworkRows = 128;

    public Work Cost => new(Comparisons, Updates.Bytes, Mean.Bytes, Comparisons);

    private long Comparisons => Updates.Length * Math.Max(1, System.Numerics.BitOperations.Log2((uint)Updates.Rows));

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
        int n = Updates.Rows;
        if (UsesSelection(n, Updates.Columns))
        {
            var selection = new SelectedColumns(Updates, Mean, First, Last, SampledBrackets.Of(simd, n, First, Last));
            simd.ForEachTile(SelectedColumns.Strips(Updates.Columns), Updates.Length, selection);
            return;
        }

        int strips = (Updates.Columns + Columns.StripWidth - 1) / Columns.StripWidth;
        RankNetwork? network = n <= NetworkRowsForMean ? simd.Network(n, First, Last) : null;
        simd.ForEachTile(strips, Updates.Length, new Columns(Updates.Host, Mean.Host, n, Updates.Columns, First, Last, network));
    }

    private bool UsesSelection(int rows, int columns)
    {
        int networkRows = !EmittedNetwork.IsSupported ? PlainNetworkRows : Last <= First + 1 ? NetworkRowsForMedian : NetworkRowsForMean;
        return rows > networkRows && rows is >= SampledBrackets.FewestRows and <= ByteSelection.MostRows && columns >= ByteCells.Width;
    }

    public void Gpu(GpuBackend gpu)
    {
        if (Updates.Rows > ColumnNetworkKernel.MostRows)
        {
            PanelRankMean.Launch(gpu, Updates, Mean, First, Last);
            return;
        }

        gpu.Runtime.Launch(
            ColumnNetworkKernel.Of(Updates.Rows, First, Last), gpu.ThreadEach(Updates.Columns, ColumnNetworkKernel.GroupSize), GpuBackend.View(Updates), GpuBackend.View(Mean));
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
        public const int StripWidth = 2048;
        private const int Block = 64;

        public nuint ScratchBytes => ((nuint)rows + 1) * Block * sizeof(int);

        public void Run(int tile, byte* scratch)
        {
            int* keys = (int*)scratch;
            int start = tile * StripWidth;
            int end = Math.Min(columns, start + StripWidth);
            if (network?.Emitted is { } emitted && columns >= 16)
            {
                nint rowBytes = (nint)columns * sizeof(float);
                int vectors = (end - start) / 16;
                if (vectors > 0)
                {
                    emitted.MeansOfKept(updates + start, rowBytes, keys, vectors, mean + start);
                }

                if (start + (vectors * 16) < end)
                {
                    // The last vector goes back over columns that are done already rather than past the end.
                    emitted.MeansOfKept(updates + columns - 16, rowBytes, keys, vectors: 1, mean + columns - 16);
                }
            }
            else
            {
                RunInBlocks(start, end, keys);
            }
        }

        private void RunInBlocks(int start, int end, int* keys)
        {
            float* result = (float*)(keys + ((long)rows * Block));
            for (int k = start; k < end; k += Block)
            {
                LoadKeys(keys, k);
                if (network is not null)
                {
                    network.SortSixtyFour(keys);
                    for (int lane = 0; lane < Block; lane += 16)
                    {
                        network.MeanOfKept(keys + lane, Block).Store(result + lane);
                    }
                }
                else
                {
                    for (int lane = 0; lane < Block; lane += 16)
                    {
                        new Bisection(rows, first, last).Mean(keys + lane, Block).Store(result + lane);
                    }
                }

                new Span<float>(result, Math.Min(Block, end - k)).CopyTo(new(mean + k, Block));
            }
        }

        private void LoadKeys(int* keys, int k)
        {
            int lanes = Math.Min(Block, columns - k);
            for (int i = 0; i < rows; i++, keys += Block)
            {
                float* row = updates + ((long)i * columns) + k;
                if (lanes < Block)
                {
                    // What is behind the last column of the last row is nobody's.
                    new Span<float>(row, lanes).CopyTo(new(keys, lanes));
                    new Span<int>(keys + lanes, Block - lanes).Clear();
                    row = (float*)keys;
                }
                else if (Sse.IsSupported)
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
    }
}
