// The mean of the values between two ranks by bisection on integer keys: as slow for every input.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Finds both ranks in 32 passes over the keys, whatever they are, and averages what lies between: the way for few columns, for very many
/// rows, and for what <see cref="ByteSelection"/> leaves open.
/// </summary>
internal readonly unsafe struct Bisection(int rows, int first, int last)
{
    /// <summary>The means of sixteen columns whose rows are <paramref name="stride"/> elements apart; needs a vector of memory a row.</summary>
    public Vector512<float> Mean(float* column, nint stride, int* scratch)
    {
        for (int i = 0; i < rows; i++)
        {
            OrderedKey.Of(Vector512.Load(column + (i * stride))).Store(scratch + (i * Vector512<int>.Count));
        }

        return Mean(scratch, Vector512<int>.Count);
    }

    /// <summary>The means of sixteen columns of keys, rows being <paramref name="stride"/> elements apart.</summary>
    public Vector512<float> Mean(int* keys, int stride)
    {
        Vector512<int> low = Select(keys, stride, first);
        Vector512<int> notAbove = Vector512<int>.Zero;
        Vector512<int> next = Vector512.Create(int.MaxValue);
        for (int i = 0; i < rows; i++)
        {
            Vector512<int> key = Vector512.Load(keys + (i * stride));
            Vector512<int> above = Vector512.GreaterThan(key, low);
            notAbove += Vector512<int>.One + above;
            next = Vector512.Min(next, Vector512.ConditionalSelect(above, key, next));
        }

        var lastRank = Vector512.Create(last);
        Vector512<int> alone = Vector512.GreaterThan(notAbove, lastRank);
        Vector512<int> high = Vector512.ConditionalSelect(alone, low, next);
        if (Vector512.LessThanAny(notAbove, lastRank))
        {
            high = Vector512.ConditionalSelect(alone, low, Select(keys, stride, last));
        }

        Vector512<double> sumLower = Vector512<double>.Zero, sumUpper = sumLower;
        Vector512<int> below = Vector512<int>.Zero;
        for (int i = 0; i < rows; i++)
        {
            Vector512<int> key = Vector512.Load(keys + (i * stride));
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
        double share = 1.0 / (last - first + 1);
        sumLower = (sumLower + ((lowLower * lowCopiesLower) + (highLower * highCopiesLower))) * share;
        sumUpper = (sumUpper + ((lowUpper * lowCopiesUpper) + (highUpper * highCopiesUpper))) * share;
        return Vector512.ConditionalSelect(alone.AsSingle(), OrderedKey.ToFloat(low), Vector512.Narrow(sumLower, sumUpper));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector512<double> Lower, Vector512<double> Upper) WidenToDouble(Vector512<int> counts) =>
        Vector512.Widen(Vector512.ConvertToSingle(counts));

    private Vector512<int> Select(int* keys, int stride, int rank)
    {
        Vector512<int> key = Vector512.Create(int.MinValue);
        var atMost = Vector512.Create(rank);
        for (int bit = 31; bit >= 0; bit--)
        {
            Vector512<int> trial = key + Vector512.Create(1 << bit);
            Vector512<int> below = Vector512<int>.Zero;
            for (int i = 0; i < rows; i++)
            {
                below -= Vector512.LessThan(Vector512.Load(keys + (i * stride)), trial);
            }

            key = Vector512.ConditionalSelect(Vector512.GreaterThan(below, atMost), key, trial);
        }

        return key;
    }
}
