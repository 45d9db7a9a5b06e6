// Rows of matrices of doubles on the host as spans, and what rules do to them n times a round: without a check for each element.
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Sim;

/// <summary>Sums are taken in an order that neither the machine nor the number of threads changes.</summary>
internal static class DenseRows
{
    private const int Lanes = 8;

    /// <summary>Row <paramref name="i"/>, itself and not a copy.</summary>
    public static Span<double> Row(this double[,] matrix, int i) => MemoryMarshal.CreateSpan(ref matrix[i, 0], matrix.GetLength(1));

    /// <summary>The inner product of two rows of the same length.</summary>
    public static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        Vector512<double> even = Vector512<double>.Zero, odd = even;
        int i = 0;
        for (; i <= a.Length - (2 * Lanes); i += 2 * Lanes)
        {
            even += Vector512.Create(a[i..]) * Vector512.Create(b[i..]);
            odd += Vector512.Create(a[(i + Lanes)..]) * Vector512.Create(b[(i + Lanes)..]);
        }

        double sum = Vector512.Sum(even + odd);
        for (; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    /// <summary>Adds <paramref name="factor"/> times <paramref name="row"/> to <paramref name="sum"/>.</summary>
    public static void AddTo(Span<double> sum, double factor, ReadOnlySpan<double> row)
    {
        int i = 0;
        for (; i <= sum.Length - Lanes; i += Lanes)
        {
            (Vector512.Create(sum[i..]) + (factor * Vector512.Create(row[i..]))).CopyTo(sum[i..]);
        }

        for (; i < sum.Length; i++)
        {
            sum[i] += factor * row[i];
        }
    }
}
