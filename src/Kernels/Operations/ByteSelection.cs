// The value of one rank in each of 64 columns: a sample brackets it, bytes stand for the floats, bisection counts bytes.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FlGpu.Kernels;

/// <summary>
/// Finds the value of rank <paramref name="rank"/> among <paramref name="rows"/> rows. A sorted sample gives two values that most likely
/// enclose it; every float becomes the number, from -128 to 127, of the cell that it falls into between them, which keeps the order; eight
/// passes over these bytes find the cell of the rank and how many values are below it. Cells hold one or two values, so the wanted one is among
/// the three lowest or highest of its cell. Where it is not (ties, a bracket that missed), the cell is the next bracket. Exact for every input:
/// columns that are still open after <see cref="MostBrackets"/> brackets are reported, not guessed.
/// </summary>
internal readonly unsafe struct ByteSelection(int rows, int rank, RankNetwork lowSample, RankNetwork highSample)
{
    /// <summary>Columns done at once.</summary>
    public const int Width = 64;

    /// <summary>Fewer rows give no sample worth its name.</summary>
    public const int FewestRows = 128;

    /// <summary>Counts are kept in 16 bits.</summary>
    public const int MostRows = 32_000;

    private const int MostBrackets = 8;
    private const int Lanes = 16;
    private const int Vectors = Width / Lanes;

    // A byte counts to 255 before it must be emptied.
    private const int RowsPerByteCount = 255;

    // A little less than 256, so that the ends of the bracket are cells of their own.
    private const float CellsInBracket = 250;

    // The narrowest bracket whose cells per unit are still a finite number.
    private const float NarrowestBracket = 1e-36f;

    /// <summary>Bytes of scratch memory that <see cref="Select"/> needs.</summary>
    public static nuint ScratchBytes(int rows) => ((nuint)rows * (Width + sizeof(int))) + (nuint)(64 * Lanes * sizeof(int)) + 4096;

    /// <summary>Selects on <paramref name="simd"/>, whose networks sort the samples.</summary>
    public static ByteSelection Of(SimdBackend simd, int rows, int rank)
    {
        int sampled = SampledRows(rows);
        double share = (rank + 0.5) / rows;
        double margin = (3.2 * Math.Sqrt(sampled * share * (1 - share) * (1 - ((double)sampled / rows)))) + 0.7;
        int low = Math.Max(0, (int)Math.Floor((share * sampled) - margin));
        int high = Math.Min(sampled - 1, (int)Math.Ceiling((share * sampled) + margin));
        return new(rows, rank, simd.Network(sampled, low, low, fetchesNext: false), simd.Network(sampled, high, high, fetchesNext: false));
    }

    /// <summary>
    /// Writes the values of 64 columns.
    /// </summary>
    /// <param name="block">The first row of the first of the columns.</param>
    /// <param name="stride">Elements from a row to the next.</param>
    /// <param name="values">Where the 64 values go.</param>
    /// <param name="scratch">Memory, aligned to 64 bytes.</param>
    /// <param name="next">The block that is wanted next: three quarters of it are fetched meanwhile.</param>
    /// <returns>A bit for each sixteen columns whose values could not be found.</returns>
    [SkipLocalsInit]
    public int Select(float* block, nint stride, float* values, byte* scratch, BlockAhead next)
    {
        sbyte* cells = (sbyte*)scratch;
        int* matching = (int*)(scratch + ((nint)rows * Width));
        int* network = (int*)(((nint)(matching + rows) + 63) & ~63);
        float* middle = stackalloc float[Width * 2];
        float* perUnit = middle + Width;
        int open = (1 << Vectors) - 1;
        for (int v = 0; v < Vectors; v++)
        {
            float* sample = block + (v * Lanes) + (rows % SampledRows(rows) / 2 * stride);
            nint step = rows / SampledRows(rows) * stride;
            Vector512<float> low = lowSample.MeanOfKept(sample, step, network), high = highSample.MeanOfKept(sample, step, network);
            if (!Vector512.EqualsAll(low - low + (high - high), Vector512<float>.Zero))
            {
                (low, high) = FiniteBracket(sample, step, low, high);
            }

            SetBracket(low, high, middle + (v * Lanes), perUnit + (v * Lanes));
        }

        for (int bracket = 0; bracket < MostBrackets && open != 0; bracket++)
        {
            Quantise(block, stride, cells, middle, perUnit, next);
            (Vector512<sbyte> cell, Vector512<short> belowLower, Vector512<short> belowUpper) = Bisect(cells, next.From(rows));
            int matches = 0;
            for (int i = 0; i < rows; i++)
            {
                matching[matches] = i;
                matches += Vector512.EqualsAny(Vector512.Load(cells + (i * Width)), cell) ? 1 : 0;
            }

            Int4 cellOf = Int4.Unpack(cell);
            Int4 below = Int4.Unpack(belowLower, belowUpper);
            for (int v = 0; v < Vectors; v++)
            {
                if ((open >> v & 1) != 0 && Finish(block + (v * Lanes), stride, matching, matches, cellOf[v], below[v], values + (v * Lanes), middle + (v * Lanes), perUnit + (v * Lanes)))
                {
                    open &= ~(1 << v);
                }
            }
        }

        return open;
    }

    /// <summary>Where an end is NaN or infinite, as when attackers send that, the outermost finite value of the sample takes its place.</summary>
    private static Vector512<float> FiniteEnd(Vector512<float> end, Vector512<float> outermost) =>
        Vector512.ConditionalSelect(Vector512.Equals(end - end, Vector512<float>.Zero), end, outermost);

    private (Vector512<float> Low, Vector512<float> High) FiniteBracket(float* sample, nint step, Vector512<float> low, Vector512<float> high)
    {
        Vector512<float> lowest = Vector512.Create(float.PositiveInfinity), highest = Vector512.Create(float.NegativeInfinity);
        for (int i = 0; i < SampledRows(rows); i++)
        {
            Vector512<float> value = Vector512.Load(sample + (i * step));
            lowest = FloatOrder.Min(FiniteEnd(value, lowest), lowest);
            highest = FloatOrder.Max(FiniteEnd(value, highest), highest);
        }

        return (FiniteEnd(low, lowest), FiniteEnd(high, highest));
    }

    private static int SampledRows(int rows) => rows < 400 ? 32 : 64;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SetBracket(Vector512<float> low, Vector512<float> high, float* middle, float* perUnit)
    {
        ((low * 0.5f) + (high * 0.5f)).Store(middle);
        (Vector512.Create(CellsInBracket) / Vector512.Max(high - low, Vector512.Create(NarrowestBracket))).Store(perUnit);
    }

    /// <summary>
    /// The cell of each value; NaN falls into the last one. Cells below the first are still to be brought up to it: packing does that.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> OpenCellOf(Vector512<float> value, Vector512<float> middle, Vector512<float> perUnit)
    {
        Vector512<float> scaled = FloatOrder.Min((value - middle) * perUnit, Vector512.Create((float)sbyte.MaxValue));
        return Avx512F.IsSupported
            ? Avx512F.ConvertToVector512Int32(scaled) // the lowest integer for all that is out of range, and that can only be below
            : Vector512.ConvertToInt32Native(Vector512.Round(FloatOrder.Max(scaled, Vector512.Create((float)sbyte.MinValue))));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> CellOf(Vector512<float> value, Vector512<float> middle, Vector512<float> perUnit) =>
        Vector512.Max(OpenCellOf(value, middle, perUnit), Vector512.Create((int)sbyte.MinValue));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Quantise(float* block, nint stride, sbyte* cells, float* middle, float* perUnit, BlockAhead next)
    {
        Vector512<float> m0 = Vector512.Load(middle), m1 = Vector512.Load(middle + 16), m2 = Vector512.Load(middle + 32), m3 = Vector512.Load(middle + 48);
        Vector512<float> u0 = Vector512.Load(perUnit), u1 = Vector512.Load(perUnit + 16), u2 = Vector512.Load(perUnit + 32), u3 = Vector512.Load(perUnit + 48);
        for (int i = 0; i < rows; i++, block += stride, cells += Width)
        {
            next.FetchLine(i);
            Int4.Pack(
                OpenCellOf(Vector512.Load(block), m0, u0), OpenCellOf(Vector512.Load(block + 16), m1, u1),
                OpenCellOf(Vector512.Load(block + 32), m2, u2), OpenCellOf(Vector512.Load(block + 48), m3, u3)).Store(cells);
        }
    }

    /// <summary>The cell of the rank, and how many values are in cells below it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (Vector512<sbyte> Cell, Vector512<short> BelowLower, Vector512<short> BelowUpper) Bisect(sbyte* cells, BlockAhead next)
    {
        Vector512<sbyte> cell = Vector512.Create(sbyte.MinValue);
        Vector512<short> belowLower = Vector512<short>.Zero, belowUpper = belowLower;
        Vector512<short> wanted = Vector512.Create((short)rank);
        for (int bit = 7; bit >= 0; bit--, next = next.From(rows / 4))
        {
            Vector512<sbyte> trial = cell + Vector512.Create((sbyte)(1 << bit));
            (Vector512<short> lower, Vector512<short> upper) = CountBelow(cells, trial, next);
            Vector512<short> tooManyLower = Vector512.GreaterThan(lower, wanted), tooManyUpper = Vector512.GreaterThan(upper, wanted);
            cell = Vector512.ConditionalSelect(Int4.Narrow(tooManyLower, tooManyUpper), cell, trial);
            belowLower = Vector512.ConditionalSelect(tooManyLower, belowLower, lower);
            belowUpper = Vector512.ConditionalSelect(tooManyUpper, belowUpper, upper);
        }

        return (cell, belowLower, belowUpper);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (Vector512<short> Lower, Vector512<short> Upper) CountBelow(sbyte* cells, Vector512<sbyte> trial, BlockAhead next)
    {
        Vector512<short> lower = Vector512<short>.Zero, upper = lower;
        Vector512<byte> one = Vector512<byte>.One;
        for (int first = 0; first < rows; first += RowsPerByteCount)
        {
            int end = Math.Min(rows, first + RowsPerByteCount);
            Vector512<byte> count0 = Vector512<byte>.Zero, count1 = count0, count2 = count0, count3 = count0;
            int i = first;
            for (; i + 4 <= end; i += 4, cells += 4 * Width)
            {
                next.FetchLine(i / 4);
                count0 = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(cells), trial).AsByte(), count0 + one, count0);
                count1 = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(cells + Width), trial).AsByte(), count1 + one, count1);
                count2 = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(cells + (2 * Width)), trial).AsByte(), count2 + one, count2);
                count3 = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(cells + (3 * Width)), trial).AsByte(), count3 + one, count3);
            }

            for (; i < end; i++, cells += Width)
            {
                count0 = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(cells), trial).AsByte(), count0 + one, count0);
            }

            (Vector512<short> low, Vector512<short> high) = Int4.Widen(count0 + count1 + (count2 + count3));
            lower += low;
            upper += high;
        }

        return (lower, upper);
    }

    /// <summary>
    /// Looks for the rank among the values of its cell, sixteen columns at a time. True when all were found; otherwise the cell becomes the
    /// bracket of those that were not.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool Finish(
        float* column, nint stride, int* matching, int matches, Vector512<int> cell, Vector512<int> below, float* values, float* middle, float* perUnit)
    {
        Vector512<float> m = Vector512.Load(middle), u = Vector512.Load(perUnit);
        Vector512<float> highest = Vector512.Create(float.PositiveInfinity), lowest = Vector512.Create(float.NegativeInfinity);
        Vector512<float> low1 = highest, low2 = highest, low3 = highest, high1 = lowest, high2 = lowest, high3 = lowest;
        Vector512<int> count = Vector512<int>.Zero, unordered = count;
        for (int e = 0; e < matches; e++)
        {
            Vector512<float> value = Vector512.Load(column + (matching[e] * stride));
            Vector512<int> here = Vector512.Equals(CellOf(value, m, u), cell);
            count -= here;
            unordered |= here & ~Vector512.Equals(value, value).AsInt32();
            Vector512<float> low = Vector512.ConditionalSelect(here.AsSingle(), value, highest);
            Vector512<float> high = Vector512.ConditionalSelect(here.AsSingle(), value, lowest);
            (low1, low) = (FloatOrder.Min(low1, low), FloatOrder.Max(low1, low));
            (low2, low) = (FloatOrder.Min(low2, low), FloatOrder.Max(low2, low));
            low3 = FloatOrder.Min(low3, low);
            (high1, high) = (FloatOrder.Max(high1, high), FloatOrder.Min(high1, high));
            (high2, high) = (FloatOrder.Max(high2, high), FloatOrder.Min(high2, high));
            high3 = FloatOrder.Max(high3, high);
        }

        Vector512<int> fromLow = Vector512.Create(rank) - below;
        Vector512<int> fromHigh = count - Vector512<int>.One - fromLow;
        Vector512<int> found = Vector512.Equals(low1, high1).AsInt32();
        Vector512<float> value0 = low1;
        Choose(fromLow, 0, low1, ref value0, ref found);
        Choose(fromLow, 1, low2, ref value0, ref found);
        Choose(fromLow, 2, low3, ref value0, ref found);
        Choose(fromHigh, 0, high1, ref value0, ref found);
        Choose(fromHigh, 1, high2, ref value0, ref found);
        Choose(fromHigh, 2, high3, ref value0, ref found);
        // NaN has no place among floats; infinity leaves no bracket to go on with.
        found &= ~unordered;
        value0.Store(values);
        SetBracket(
            Vector512.ConditionalSelect(found.AsSingle(), value0, low1), Vector512.ConditionalSelect(found.AsSingle(), value0, high1), middle, perUnit);
        return Vector512.EqualsAll(found, Vector512<int>.AllBitsSet);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Choose(Vector512<int> place, int wanted, Vector512<float> candidate, ref Vector512<float> value, ref Vector512<int> found)
    {
        Vector512<int> here = Vector512.Equals(place, Vector512.Create(wanted));
        value = Vector512.ConditionalSelect(here.AsSingle(), candidate, value);
        found |= here;
    }

    /// <summary>Four vectors of integers, one after another in a vector of bytes; the order of the bytes is the hardware's own.</summary>
    private readonly struct Int4(Vector512<int> v0, Vector512<int> v1, Vector512<int> v2, Vector512<int> v3)
    {
        public Vector512<int> this[int index] => index switch { 0 => v0, 1 => v1, 2 => v2, _ => v3 };

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<sbyte> Pack(Vector512<int> v0, Vector512<int> v1, Vector512<int> v2, Vector512<int> v3) =>
            Avx512BW.IsSupported
                ? Avx512BW.PackSignedSaturate(Avx512BW.PackSignedSaturate(v0, v1), Avx512BW.PackSignedSaturate(v2, v3))
                : Vector512.Narrow(Vector512.Narrow(v0, v1), Vector512.Narrow(v2, v3));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Vector512<sbyte> Narrow(Vector512<short> lower, Vector512<short> upper) =>
            Avx512BW.IsSupported ? Avx512BW.PackSignedSaturate(lower, upper) : Vector512.Narrow(lower, upper);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static (Vector512<short> Lower, Vector512<short> Upper) Widen(Vector512<byte> counts) =>
            Avx512BW.IsSupported
                ? (Avx512BW.UnpackLow(counts, Vector512<byte>.Zero).AsInt16(), Avx512BW.UnpackHigh(counts, Vector512<byte>.Zero).AsInt16())
                : (Vector512.WidenLower(counts).AsInt16(), Vector512.WidenUpper(counts).AsInt16());

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Int4 Unpack(Vector512<sbyte> bytes) =>
            Avx512BW.IsSupported
                ? Unpack(
                    Vector512.ShiftRightArithmetic(Avx512BW.UnpackLow(bytes, bytes).AsInt16(), 8),
                    Vector512.ShiftRightArithmetic(Avx512BW.UnpackHigh(bytes, bytes).AsInt16(), 8))
                : Unpack(Vector512.WidenLower(bytes), Vector512.WidenUpper(bytes));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static Int4 Unpack(Vector512<short> lower, Vector512<short> upper) =>
            Avx512BW.IsSupported
                ? new(
                    Vector512.ShiftRightArithmetic(Avx512BW.UnpackLow(lower, lower).AsInt32(), 16),
                    Vector512.ShiftRightArithmetic(Avx512BW.UnpackHigh(lower, lower).AsInt32(), 16),
                    Vector512.ShiftRightArithmetic(Avx512BW.UnpackLow(upper, upper).AsInt32(), 16),
                    Vector512.ShiftRightArithmetic(Avx512BW.UnpackHigh(upper, upper).AsInt32(), 16))
                : new(Vector512.WidenLower(lower), Vector512.WidenUpper(lower), Vector512.WidenLower(upper), Vector512.WidenUpper(upper));
    }
}

/// <summary>
/// The block of columns that is wanted next, on its way into the L2 cache while this one is worked on: a cache line now and then, since of many
/// that are asked for at once the hardware forgets some, and of each line once, from line <paramref name="first"/> on.
/// </summary>
internal readonly unsafe struct BlockAhead(float* block, nint stride, int rows, int first = 0)
{
    private const int LinesOfRow = ByteSelection.Width / 16;

    /// <summary>The same without the next <paramref name="lines"/> lines.</summary>
    public BlockAhead From(int lines) => new(block, stride, rows, first + lines);

    /// <summary>Fetches a line, counted row by row; after the last row it once more.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void FetchLine(int line)
    {
        if (Sse.IsSupported)
        {
            uint at = (uint)(first + line);
            nint row = (nint)Math.Min(at / LinesOfRow, (uint)rows - 1);
            // The end of a line's worth of columns: the block may begin anywhere in a line.
            Sse.Prefetch1(block + (row * stride) + (at % LinesOfRow * 16) + 15);
        }
    }
}

/// <summary>Minimum and maximum in one instruction where the hardware has it: of a NaN and a bound they give the bound.</summary>
internal static class FloatOrder
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Min(Vector512<float> value, Vector512<float> bound) =>
        Avx512F.IsSupported ? Avx512F.Min(value, bound) : Vector512.ConditionalSelect(Vector512.LessThan(value, bound), value, bound);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Max(Vector512<float> value, Vector512<float> bound) =>
        Avx512F.IsSupported ? Avx512F.Max(value, bound) : Vector512.ConditionalSelect(Vector512.GreaterThan(value, bound), value, bound);
}
