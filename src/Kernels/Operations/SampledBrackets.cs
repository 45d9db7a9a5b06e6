// For each column two values that most likely enclose the one of a rank: those of two ranks of a sorted sample.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FlGpu.Kernels;

/// <summary>Brackets one rank or two; <paramref name="ends"/> sorts a sample of <paramref name="rows"/> rows as far as is needed for their ends.</summary>
internal readonly unsafe struct SampledBrackets(int rows, RankNetwork ends)
{
    /// <summary>Fewer rows give no sample worth its name.</summary>
    public const int FewestRows = 128;

    private const int Lanes = 16;
    private const int MostEnds = 4;

    // Of 1,000 rows 80 are sampled. The more rows, the narrower must a bracket be that its cells hold few values, and the more pays a sample.
    private const double SampledSquaredPerRow = 6.4;
    private const int MostSampled = 256;

    // The sample misses its rank by less than so many standard deviations, but for one column in a thousand.
    private const double Deviations = 3.2;

    /// <summary>Bytes of scratch memory that <see cref="Set"/> needs.</summary>
    public static nuint ScratchBytes(int rows) => (nuint)(rows / Step(rows) * Lanes * sizeof(int));

    /// <summary>Brackets rank <paramref name="first"/>, and <paramref name="last"/> unless it is the same or the next.</summary>
    public static SampledBrackets Of(SimdBackend simd, int rows, int first, int last)
    {
        (int low, int high) = Ends(rows, first);
        (int lastLow, int lastHigh) = Ends(rows, last);
        return new(rows, simd.NetworkForEach(rows / Step(rows), last > first + 1 ? [low, high, lastLow, lastHigh] : [low, high]));
    }

    /// <summary>Brackets <paramref name="columns"/> columns, a multiple of 16, from <paramref name="panel"/> on.</summary>
    /// <param name="panel">The first row of the first of the columns.</param>
    /// <param name="stride">Elements from a row to the next.</param>
    /// <param name="columns">How many.</param>
    /// <param name="first">Is given the brackets of the first rank.</param>
    /// <param name="last">Is given those of the last, where there are two.</param>
    /// <param name="scratch">Memory, aligned to 64 bytes.</param>
    [SkipLocalsInit]
    public void Set(float* panel, nint stride, int columns, ByteCells first, ByteCells last, byte* scratch)
    {
        float* kept = stackalloc float[MostEnds * Lanes];
        nint step = Step(rows) * stride;
        float* sample = panel + (rows % Step(rows) / 2 * stride);
        Fetch(sample, step, columns);
        for (int column = 0; column < columns; column += Lanes)
        {
            ends.Each(sample + column, step, (int*)scratch, kept);
            SetOne(first, column, sample, step, kept);
            if (ends.Kept.Length == MostEnds)
            {
                SetOne(last, column, sample, step, kept + (2 * Lanes));
            }
        }
    }

    private static (int Low, int High) Ends(int rows, int rank)
    {
        int sampled = rows / Step(rows);
        double share = (rank + 0.5) / rows;
        double margin = (Deviations * Math.Sqrt(sampled * share * (1 - share) * (1 - ((double)sampled / rows)))) + 0.7;
        return (Math.Max(0, (int)Math.Floor((share * sampled) - margin)), Math.Min(sampled - 1, (int)Math.Ceiling((share * sampled) + margin)));
    }

    /// <summary>
    /// From a row of the sample to the next. Clients may repeat every two, three, five or ten: a step without a factor in common with these meets all
    /// kinds of them.
    /// </summary>
    private static int Step(int rows)
    {
        int step = Math.Max(5, rows / Math.Min(MostSampled, (int)Math.Sqrt(SampledSquaredPerRow * rows)));
        while (step % 2 == 0 || step % 3 == 0 || (step % 5 == 0 && step > 5))
        {
            step++;
        }

        return step;
    }

    /// <summary>All at once: the network looks at one row after the other, and would wait for each.</summary>
    private void Fetch(float* sample, nint step, int columns)
    {
        if (Sse.IsSupported)
        {
            for (int i = 0; i < rows / Step(rows); i++, sample += step)
            {
                for (int column = 0; column < columns; column += Lanes)
                {
                    Sse.Prefetch0(sample + column + Lanes - 1);
                }
            }
        }
    }

    private void SetOne(ByteCells cells, int column, float* sample, nint step, float* kept)
    {
        Vector512<float> low = Vector512.Load(kept), high = Vector512.Load(kept + Lanes);
        if (!Vector512.EqualsAll(low - low + (high - high), Vector512<float>.Zero))
        {
            Vector512<float> lowest = Vector512.Create(float.PositiveInfinity), highest = Vector512.Create(float.NegativeInfinity);
            for (int i = 0; i < rows / Step(rows); i++)
            {
                Vector512<float> value = Vector512.Load(sample + column + (i * step));
                lowest = FloatOrder.Min(FiniteEnd(value, lowest), lowest);
                highest = FloatOrder.Max(FiniteEnd(value, highest), highest);
            }

            (low, high) = (FiniteEnd(low, lowest), FiniteEnd(high, highest));
        }

        cells.SetBracket(column, low, high);
    }

    /// <summary>Where an end is NaN or infinite, as when attackers send that, the outermost finite value of the sample takes its place.</summary>
    private static Vector512<float> FiniteEnd(Vector512<float> end, Vector512<float> outermost) =>
        Vector512.ConditionalSelect(Vector512.Equals(end - end, Vector512<float>.Zero), end, outermost);
}
