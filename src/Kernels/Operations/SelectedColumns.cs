// Median and trimmed mean of many rows: both ranks are selected by bytes, then what lies between is averaged.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// A tile is a strip of columns, done in blocks of 64 that stay in the L2 cache from one pass to the next: the values of rank
/// <paramref name="first"/> and <paramref name="last"/> are selected, then the mean of all between them is taken.
/// </summary>
internal readonly unsafe struct SelectedColumns(
    Matrix updates, Matrix mean, int first, int last, ByteSelection selectFirst, ByteSelection selectLast) : ITiles
{
    private const int StripWidth = 16 * ByteSelection.Width;
    private const int Lanes = 16;

    public nuint ScratchBytes => ByteSelection.ScratchBytes(updates.Rows) + (2 * ByteSelection.Width * sizeof(float)) + ((nuint)updates.Rows * Lanes * sizeof(int));

    public static int Strips(int columns) => (columns + StripWidth - 1) / StripWidth;

    public void Run(int tile, byte* scratch)
    {
        float* low = (float*)scratch;
        float* high = low + ByteSelection.Width;
        int* keys = (int*)(high + ByteSelection.Width);
        byte* rest = (byte*)(keys + ((nint)updates.Rows * Lanes));
        nint stride = updates.Columns;
        int lastBlock = updates.Columns - ByteSelection.Width;
        int end = Math.Min(updates.Columns, (tile + 1) * StripWidth);
        for (int k = tile * StripWidth; k < end; k += ByteSelection.Width)
        {
            // The last block goes back over columns that are done already rather than past the end.
            int column = Math.Min(k, lastBlock);
            float* block = updates.Host + column;
            int open = selectFirst.Select(block, stride, low, rest);
            open |= last > first + 1 ? selectLast.Select(block, stride, high, rest) : 0;
            for (int v = 0; v < ByteSelection.Width / Lanes; v++)
            {
                float* part = block + (v * Lanes);
                float* target = mean.Host + column + (v * Lanes);
                Vector512<float> lower = Vector512.Load(low + (v * Lanes));
                Vector512<float> result = lower;
                bool found = (open >> v & 1) == 0;
                if (found && last == first + 1)
                {
                    found = TryMeanWithNext(part, stride, lower, out result);
                }
                else if (found && last > first)
                {
                    found = TryMeanBetween(part, stride, lower, Vector512.Load(high + (v * Lanes)), out result);
                }

                if (!found)
                {
                    for (int i = 0; i < updates.Rows; i++)
                    {
                        OrderedKey.Of(Vector512.Load(part + (i * stride))).Store(keys + (i * Lanes));
                    }

                    result = new Bisection(updates.Rows, first, last).Mean(keys, Lanes);
                }

                result.Store(target);
            }
        }
    }

    /// <summary>The mean of the two ranks in the middle: the second is the first again, or the lowest value above it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool TryMeanWithNext(float* column, nint stride, Vector512<float> low, out Vector512<float> result)
    {
        var highest = Vector512.Create(float.PositiveInfinity);
        Vector512<float> next = highest;
        Vector512<int> notAbove = Vector512<int>.Zero;
        for (int i = 0; i < updates.Rows; i++)
        {
            Vector512<float> value = Vector512.Load(column + (i * stride));
            Vector512<int> isNotAbove = Vector512.LessThanOrEqual(value, low).AsInt32();
            notAbove -= isNotAbove;
            next = FloatOrder.Min(Vector512.ConditionalSelect(isNotAbove.AsSingle(), highest, value), next);
        }

        Vector512<float> second = Vector512.ConditionalSelect(Vector512.GreaterThan(notAbove, Vector512.Create(last)).AsSingle(), low, next);
        result = (low * 0.5f) + (second * 0.5f);
        return AllFinite(low) && AllFinite(second);
    }

    /// <summary>The mean of the ranks from low to high: all values moved into that range, less the copies of its ends that this has made.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool TryMeanBetween(float* column, nint stride, Vector512<float> low, Vector512<float> high, out Vector512<float> result)
    {
        Vector512<double> sumLower = Vector512<double>.Zero, sumUpper = sumLower;
        for (int i = 0; i < updates.Rows; i++)
        {
            Vector512<float> value = FloatOrder.Max(FloatOrder.Min(Vector512.Load(column + (i * stride)), high), low);
            sumLower += Vector512.WidenLower(value);
            sumUpper += Vector512.WidenUpper(value);
        }

        double below = first;
        double above = updates.Rows - 1 - last;
        double share = 1.0 / (last - first + 1);
        sumLower -= (Vector512.WidenLower(low) * below) + (Vector512.WidenLower(high) * above);
        sumUpper -= (Vector512.WidenUpper(low) * below) + (Vector512.WidenUpper(high) * above);
        result = Vector512.Narrow(sumLower * share, sumUpper * share);
        return AllFinite(low) && AllFinite(high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool AllFinite(Vector512<float> values) => Vector512.EqualsAll(values - values, Vector512<float>.Zero);
}
