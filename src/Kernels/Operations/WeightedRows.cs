// Adds weighted rows over a strip of columns: what a weighted sum and a mix of rows come down to on a CPU.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>Sums that stay in the L1 cache while eight rows at a time are added to them, in the order of the rows.</summary>
internal static unsafe class WeightedRows
{
    private const int RowsAtOnce = 8;

    /// <summary>
    /// total[k] = sum over r of weights[kept[r]] * strip[kept[r] * columns + k] for k below <paramref name="width"/>; total has room
    /// for whole vectors.
    /// </summary>
    public static void Add(float* total, float* strip, long columns, float* weights, int* kept, int count, int width)
    {
        new Span<float>(total, (width + 15) & ~15).Clear();
        int r = 0;
        for (; r + RowsAtOnce <= count; r += RowsAtOnce)
        {
            AddEight(total, strip, columns, weights, kept + r, width);
        }

        for (; r < count; r++)
        {
            float* row = strip + (kept[r] * columns);
            var weight = Vector512.Create(weights[kept[r]]);
            for (int k = 0; k < width; k += 16)
            {
                Vector512.MultiplyAddEstimate(Vector512.Load(row + k), weight, Vector512.Load(total + k)).Store(total + k);
            }
        }
    }

    private static void AddEight(float* total, float* strip, long columns, float* weights, int* kept, int width)
    {
        float* r0 = strip + (kept[0] * columns);
        float* r1 = strip + (kept[1] * columns);
        float* r2 = strip + (kept[2] * columns);
        float* r3 = strip + (kept[3] * columns);
        float* r4 = strip + (kept[4] * columns);
        float* r5 = strip + (kept[5] * columns);
        float* r6 = strip + (kept[6] * columns);
        float* r7 = strip + (kept[7] * columns);
        var w0 = Vector512.Create(weights[kept[0]]);
        var w1 = Vector512.Create(weights[kept[1]]);
        var w2 = Vector512.Create(weights[kept[2]]);
        var w3 = Vector512.Create(weights[kept[3]]);
        var w4 = Vector512.Create(weights[kept[4]]);
        var w5 = Vector512.Create(weights[kept[5]]);
        var w6 = Vector512.Create(weights[kept[6]]);
        var w7 = Vector512.Create(weights[kept[7]]);
        for (int k = 0; k < width; k += 16)
        {
            Vector512<float> t = Vector512.Load(total + k);
            t = Vector512.MultiplyAddEstimate(Vector512.Load(r0 + k), w0, t);
            t = Vector512.MultiplyAddEstimate(Vector512.Load(r1 + k), w1, t);
            t = Vector512.MultiplyAddEstimate(Vector512.Load(r2 + k), w2, t);
            t = Vector512.MultiplyAddEstimate(Vector512.Load(r3 + k), w3, t);
            t = Vector512.MultiplyAddEstimate(Vector512.Load(r4 + k), w4, t);
            t = Vector512.MultiplyAddEstimate(Vector512.Load(r5 + k), w5, t);
            t = Vector512.MultiplyAddEstimate(Vector512.Load(r6 + k), w6, t);
            t = Vector512.MultiplyAddEstimate(Vector512.Load(r7 + k), w7, t);
            t.Store(total + k);
        }
    }
}
