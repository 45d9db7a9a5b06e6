// Median and trimmed mean of many rows: both ranks are selected by bytes, then what lies between is averaged.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// A tile is a strip of columns, done in panels that stay in the L2 cache from one pass to the next: the values of rank
/// <paramref name="first"/> and <paramref name="last"/> are selected, then the mean of all between them is taken.
/// </summary>
internal readonly unsafe struct SelectedColumns(
    Matrix updates, Matrix mean, int first, int last, SampledBrackets brackets) : ITiles
{
    private const int Width = ByteCells.Width;
    private const int StripWidth = 16 * Width;
    private const int Lanes = 16;

    // Memory likes long runs: this many blocks are turned into bytes at once.
    private const int MostBlocks = 2;

    public nuint ScratchBytes =>
        ByteSelection.ScratchBytes(updates.Rows) + SampledBrackets.ScratchBytes(updates.Rows) + ((nuint)updates.Rows * Width * 2 * MostBlocks) + (7 * MostBlocks * Width * sizeof(float))
        + ((nuint)updates.Rows * Lanes * sizeof(int));

    public static int Strips(int columns) => (columns + StripWidth - 1) / StripWidth;

    public void Run(int tile, byte* scratch)
    {
        int rows = updates.Rows;
        nint stride = updates.Columns;
        int mostBlocks = updates.Columns >= MostBlocks * Width ? MostBlocks : 1;
        float* bracketEnds = (float*)scratch;
        float* low = bracketEnds + (4 * MostBlocks * Width), high = low + Width, nexts = high + Width;
        sbyte* bytes = (sbyte*)(nexts + Width);
        byte* rest = (byte*)(bytes + ((nint)rows * Width * 2 * MostBlocks));
        var firstCells = new ByteCells(bytes, bracketEnds, bracketEnds + (MostBlocks * Width));
        var lastCells = new ByteCells(bytes + ((nint)rows * Width * MostBlocks), bracketEnds + (2 * MostBlocks * Width), bracketEnds + (3 * MostBlocks * Width));
        var selectFirst = new ByteSelection(rows, first, withNext: last == first + 1);
        var selectLast = new ByteSelection(rows, last, withNext: false);
        int end = Math.Min(updates.Columns, (tile + 1) * StripWidth);
        for (int k = tile * StripWidth; k < end; k += mostBlocks * Width)
        {
            int blocks = Math.Min(mostBlocks, (end - k + Width - 1) / Width);
            // The last panel goes back over columns that are done already rather than past the end.
            int column = Math.Min(k, updates.Columns - (blocks * Width));
            float* panel = updates.Host + column;
            brackets.Set(panel, stride, blocks * Width, firstCells, lastCells, rest);
            if (last > first + 1)
            {
                ByteCells.Quantise(panel, stride, rows, blocks, firstCells, lastCells);
            }
            else
            {
                ByteCells.Quantise(panel, stride, rows, blocks, firstCells);
            }

            for (int b = 0; b < blocks; b++)
            {
                float* block = panel + (b * Width);
                float* target = mean.Host + column + (b * Width);
                (int open, int nextOpen) = selectFirst.Select(block, stride, firstCells.Block(b, rows), low, nexts, rest);
                if (last == first)
                {
                    new Span<float>(low, Width).CopyTo(new(target, Width));
                }
                else if (last == first + 1)
                {
                    open |= (nextOpen & ~open) != 0 ? MeansWithNext(block, stride, low, target) : MeansOfTwo(low, nexts, target);
                }
                else
                {
                    open |= selectLast.Select(block, stride, lastCells.Block(b, rows), high, nexts, rest).Open;
                    open |= MeansBetween(block, stride, low, high, target);
                }

                for (int v = 0; open >> v != 0; v++)
                {
                    if ((open >> v & 1) != 0)
                    {
                        new Bisection(rows, first, last).Mean(block + (v * Lanes), stride, (int*)rest).Store(target + (v * Lanes));
                    }
                }
            }
        }
    }

    /// <summary>Returns a bit for each sixteen columns in which not all is finite.</summary>
    private static int MeansOfTwo(float* low, float* next, float* means)
    {
        int open = 0;
        for (int v = 0; v < Width / Lanes; v++)
        {
            Vector512<float> a = Vector512.Load(low + (v * Lanes)), b = Vector512.Load(next + (v * Lanes));
            ((a * 0.5f) + (b * 0.5f)).Store(means + (v * Lanes));
            open |= AllFinite(a) && AllFinite(b) ? 0 : 1 << v;
        }

        return open;
    }

    /// <summary>
    /// The means of the two ranks in the middle: the second is the first again, or the lowest value above it. Returns a bit for each sixteen
    /// columns for which that does not hold, as not all is finite.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int MeansWithNext(float* block, nint stride, float* low, float* means)
    {
        Vector512<float> low0 = Vector512.Load(low), low1 = Vector512.Load(low + 16), low2 = Vector512.Load(low + 32), low3 = Vector512.Load(low + 48);
        var highest = Vector512.Create(float.PositiveInfinity);
        Vector512<float> next0 = highest, next1 = highest, next2 = highest, next3 = highest;
        Vector512<int> notAbove0 = Vector512<int>.Zero, notAbove1 = notAbove0, notAbove2 = notAbove0, notAbove3 = notAbove0;
        for (int i = 0; i < updates.Rows; i++, block += stride)
        {
            Next(Vector512.Load(block), low0, ref next0, ref notAbove0);
            Next(Vector512.Load(block + 16), low1, ref next1, ref notAbove1);
            Next(Vector512.Load(block + 32), low2, ref next2, ref notAbove2);
            Next(Vector512.Load(block + 48), low3, ref next3, ref notAbove3);
        }

        return MeanOfTwo(low0, next0, notAbove0, means) | (MeanOfTwo(low1, next1, notAbove1, means + 16) << 1)
            | (MeanOfTwo(low2, next2, notAbove2, means + 32) << 2) | (MeanOfTwo(low3, next3, notAbove3, means + 48) << 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Next(Vector512<float> value, Vector512<float> low, ref Vector512<float> next, ref Vector512<int> notAbove)
    {
        Vector512<int> isNotAbove = Vector512.LessThanOrEqual(value, low).AsInt32();
        notAbove -= isNotAbove;
        next = FloatOrder.Min(Vector512.ConditionalSelect(isNotAbove.AsSingle(), Vector512.Create(float.PositiveInfinity), value), next);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int MeanOfTwo(Vector512<float> low, Vector512<float> next, Vector512<int> notAbove, float* means)
    {
        Vector512<float> second = Vector512.ConditionalSelect(Vector512.GreaterThan(notAbove, Vector512.Create(last)).AsSingle(), low, next);
        ((low * 0.5f) + (second * 0.5f)).Store(means);
        return AllFinite(low) && AllFinite(second) ? 0 : 1;
    }

    /// <summary>
    /// The means of the ranks from low to high: all values moved into that range, less the copies of its ends that this has made. Returns a bit for
    /// each sixteen columns for which that does not hold, as not all is finite.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int MeansBetween(float* block, nint stride, float* low, float* high, float* means)
    {
        Vector512<float> low0 = Vector512.Load(low), low1 = Vector512.Load(low + 16), low2 = Vector512.Load(low + 32), low3 = Vector512.Load(low + 48);
        Vector512<float> high0 = Vector512.Load(high), high1 = Vector512.Load(high + 16), high2 = Vector512.Load(high + 32), high3 = Vector512.Load(high + 48);
        Vector512<double> lower0 = Vector512<double>.Zero, lower1 = lower0, lower2 = lower0, lower3 = lower0, upper0 = lower0, upper1 = lower0, upper2 = lower0, upper3 = lower0;
        for (int i = 0; i < updates.Rows; i++, block += stride)
        {
            AddWithin(Vector512.Load(block), low0, high0, ref lower0, ref upper0);
            AddWithin(Vector512.Load(block + 16), low1, high1, ref lower1, ref upper1);
            AddWithin(Vector512.Load(block + 32), low2, high2, ref lower2, ref upper2);
            AddWithin(Vector512.Load(block + 48), low3, high3, ref lower3, ref upper3);
        }

        return MeanWithoutEnds(low0, high0, lower0, upper0, means) | (MeanWithoutEnds(low1, high1, lower1, upper1, means + 16) << 1)
            | (MeanWithoutEnds(low2, high2, lower2, upper2, means + 32) << 2) | (MeanWithoutEnds(low3, high3, lower3, upper3, means + 48) << 3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddWithin(Vector512<float> value, Vector512<float> low, Vector512<float> high, ref Vector512<double> lower, ref Vector512<double> upper)
    {
        value = FloatOrder.Max(FloatOrder.Min(value, high), low);
        lower += Vector512.WidenLower(value);
        upper += Vector512.WidenUpper(value);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int MeanWithoutEnds(Vector512<float> low, Vector512<float> high, Vector512<double> lower, Vector512<double> upper, float* means)
    {
        double below = first;
        double above = updates.Rows - 1 - last;
        double share = 1.0 / (last - first + 1);
        lower -= (Vector512.WidenLower(low) * below) + (Vector512.WidenLower(high) * above);
        upper -= (Vector512.WidenUpper(low) * below) + (Vector512.WidenUpper(high) * above);
        Vector512.Narrow(lower * share, upper * share).Store(means);
        return AllFinite(low) && AllFinite(high) ? 0 : 1;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AllFinite(Vector512<float> values) => Vector512.EqualsAll(values - values, Vector512<float>.Zero);
}
