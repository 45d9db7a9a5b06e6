// Sums over the elements of rows on a GPU: rows are cut into slices, so that a few long rows fill a device as well as many short ones.
namespace FlGpu.Kernels;

/// <summary>What is summed over a row.</summary>
internal interface IRowTerms
{
    /// <summary>The term of a column.</summary>
    double At(long column);

    /// <summary>The sum of the terms of columns 4 quad to 4 quad + 3, of rows whose length is a multiple of four.</summary>
    double QuadAt(long quad);
}

/// <summary>
/// A first kernel leaves a double for each slice of a row, a second adds them up in order. Slices depend on the shape alone and sums within a group
/// go through a fixed tree, so the bits are the same on every run.
/// </summary>
internal static class RowSlices
{
    /// <summary>64 elements a thread of 256: long enough that the tree at the end costs nothing.</summary>
    private const int SliceColumns = 1 << 14;

    /// <summary>The number of slices of a row.</summary>
    public static int Count(long columns) => (int)Math.Max(1, (columns + SliceColumns - 1) / SliceColumns);

    /// <summary>
    /// The sum of one slice's terms, for all threads of the group that owns it. Neighbouring threads read neighbouring elements, 16 bytes each
    /// where all rows are aligned to that.
    /// </summary>
    public static double Sum<TTerms>(TTerms terms, long slice, long columns, ArrayView<double> shared) where TTerms : struct, IRowTerms =>
        GroupSum.Of(columns % 4 == 0 ? SumOfQuads(terms, slice, columns) : SumOfElements(terms, slice, columns), shared);

    private static double SumOfQuads<TTerms>(TTerms terms, long slice, long columns) where TTerms : struct, IRowTerms
    {
        long end = Math.Min(columns, (slice + 1) * SliceColumns) / 4;
        long q = (slice * SliceColumns / 4) + Group.IdxX;
        long step = Group.DimX;
        double sum = 0;
        for (; q + (3 * step) < end; q += 4 * step)
        {
            double t0 = terms.QuadAt(q);
            double t1 = terms.QuadAt(q + step);
            double t2 = terms.QuadAt(q + (2 * step));
            double t3 = terms.QuadAt(q + (3 * step));
            sum += t0 + t1 + (t2 + t3);
        }

        for (; q < end; q += step)
        {
            sum += terms.QuadAt(q);
        }

        return sum;
    }

    /// <summary>Each thread has eight elements on their way at once, which asks no alignment of the rows.</summary>
    private static double SumOfElements<TTerms>(TTerms terms, long slice, long columns) where TTerms : struct, IRowTerms
    {
        long end = Math.Min(columns, (slice + 1) * SliceColumns);
        long k = (slice * SliceColumns) + Group.IdxX;
        long step = Group.DimX;
        double sum = 0;
        for (; k + (7 * step) < end; k += 8 * step)
        {
            double t0 = terms.At(k);
            double t1 = terms.At(k + step);
            double t2 = terms.At(k + (2 * step));
            double t3 = terms.At(k + (3 * step));
            double t4 = terms.At(k + (4 * step));
            double t5 = terms.At(k + (5 * step));
            double t6 = terms.At(k + (6 * step));
            double t7 = terms.At(k + (7 * step));
            sum += t0 + t1 + (t2 + t3) + (t4 + t5 + (t6 + t7));
        }

        for (; k < end; k += step)
        {
            sum += terms.At(k);
        }

        return sum;
    }

    /// <summary>Launches the second kernel: <paramref name="result"/> gets the sums of <paramref name="slices"/> partial sums each, or their roots.</summary>
    public static void Finish(GpuBackend gpu, ArrayView<double> partial, Matrix result, int slices, bool root) =>
        gpu.Runtime.Launch(FinishKernel, gpu.ThreadEach(result.Length), partial, GpuBackend.View(result), slices, root ? 1 : 0);

    /// <summary>A thread owns an element of the result.</summary>
    private static void FinishKernel(ArrayView<double> partial, ArrayView<float> result, int slices, int root)
    {
        for (long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; i < result.Length; i += (long)Grid.DimX * Group.DimX)
        {
            double sum = 0;
            for (int slice = 0; slice < slices; slice++)
            {
                sum += partial[(i * slices) + slice];
            }

            result[i] = root == 0 ? (float)sum : (float)Math.Sqrt(sum);
        }
    }
}
