// Sums of the signs of columns: what votes on directions come down to.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>How many values of a column are positive less how many are negative. Zero and NaN count as neither.</summary>
internal static unsafe class SignSums
{
    /// <summary>Columns of a strip.</summary>
    public const int Width = 1024;

    /// <summary>The sum of column <paramref name="k"/>. Called in kernels.</summary>
    public static int Of(ArrayView<float> updates, long k, long columns)
    {
        int sum = 0;
        for (long e = k; e < updates.Length; e += columns)
        {
            float value = updates[e];
            sum += value > 0 ? 1 : 0;
            sum -= value < 0 ? 1 : 0;
        }

        return sum;
    }

    /// <summary>The sums of a strip of columns on a CPU; there is room for <see cref="Width"/>.</summary>
    public static void Add(int* sums, float* strip, int rows, int columns, int width)
    {
        new Span<int>(sums, Width).Clear();
        for (int i = 0; i < rows; i++)
        {
            float* row = strip + ((long)i * columns);
            for (int k = 0; k < width; k += 16)
            {
                // Whole vectors, also past the end of the row: what they add there is never read.
                var values = Vector512.Load(row + k);
                Vector512<int> positive = Vector512.GreaterThan(values, Vector512<float>.Zero).AsInt32();
                Vector512<int> negative = Vector512.LessThan(values, Vector512<float>.Zero).AsInt32();
                (Vector512.Load(sums + k) - positive + negative).Store(sums + k);
            }
        }
    }
}
