// The value of one rank in each of 64 columns, and of the next: bytes stand for the floats, bisection counts bytes.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Finds the value of rank <paramref name="rank"/> among <paramref name="rows"/> rows. Two values most likely enclose it; every float has
/// become the number, from -128 to 127, of the cell that it falls into between them, which keeps the order; eight
/// passes over these bytes find the cell of the rank and how many values are below it. Cells hold one or two values: they are gathered and sorted,
/// with those of the next cell that is not empty where rank + 1 is wanted too. Where a cell holds more (ties, a bracket that missed), its extremes
/// are found, and it is the next bracket. Exact for every input: columns that are still open after <see cref="MostBrackets"/> brackets are
/// reported, not guessed.
/// </summary>
/// <param name="rows">At most <see cref="MostRows"/>.</param>
/// <param name="rank">From 0 on, below <paramref name="rows"/>, and below rows - 1 where the next is wanted.</param>
/// <param name="withNext">Whether rank + 1 is wanted too.</param>
internal readonly unsafe struct ByteSelection(int rows, int rank, bool withNext)
{
    /// <summary>Counts are kept in 16 bits.</summary>
    public const int MostRows = 32_000;

    private const int Width = ByteCells.Width;
    private const int MostBrackets = 8;
    private const int Lanes = 16;
    private const int Vectors = Width / Lanes;

    // A byte counts to 255 before it must be emptied.
    private const int RowsPerByteCount = 255;

    // So many candidates of a column are sorted at most: two cells hold five or so of 1,000 rows, twenty of 10,000. The place behind them takes what is
    // too much.
    private const int Slots = 40;

    /// <summary>Bytes of scratch memory that <see cref="Select"/> needs.</summary>
    public static nuint ScratchBytes(int rows) => ((nuint)rows * (sizeof(int) + sizeof(ulong))) + ((Slots + 4) * Width * sizeof(float));

    /// <summary>
    /// Writes the values of 64 columns whose cells are known.
    /// </summary>
    /// <param name="block">The first row of the first of the columns.</param>
    /// <param name="stride">Elements from a row to the next.</param>
    /// <param name="cells">The cells of this block, and its brackets; both change where a bracket is not enough.</param>
    /// <param name="values">Where the 64 values go.</param>
    /// <param name="nexts">Where the 64 values of the next rank go.</param>
    /// <param name="scratch">Memory, aligned to 64 bytes.</param>
    /// <returns>A bit for each sixteen columns whose values could not be found, and for each whose next values were not looked for.</returns>
    public (int Open, int NextOpen) Select(float* block, nint stride, ByteCells cells, float* values, float* nexts, byte* scratch)
    {
        float* candidates = (float*)scratch;
        int* counts = (int*)(candidates + ((Slots + 1) * Width));
        int* known = counts + Width;
        ulong* columns = (ulong*)(known + (2 * Width));
        int* matching = (int*)(columns + rows);
        var ranked = new Ranked(values, nexts, known, known + Width);
        ranked.Clear();
        int looking = (1 << Vectors) - 1, open = 0;
        for (int bracket = 0; bracket < MostBrackets && looking != 0; bracket++)
        {
            if (bracket > 0)
            {
                ByteCells.Quantise(block, stride, rows, blocks: 1, cells);
            }

            CellOfRank found = Bisect(cells.Bytes);
            Vector512<sbyte> next = withNext ? NextCell(cells.Bytes, found.Cell) : found.Cell;
            int matches = Match(cells.Bytes, found, next, columns, matching);
            if (!Gather(block, stride, columns, matching, matches, candidates, counts))
            {
                matches = Match(cells.Bytes, found, found.Cell, columns, matching);
                Gather(block, stride, columns, matching, matches, candidates, counts);
            }

            matches = -1;
            for (int v = 0; v < Vectors; v++)
            {
                if ((looking >> v & 1) == 0)
                {
                    continue;
                }

                int column = v * Lanes;
                Vector512<int> fromLow = Vector512.Create(rank) - found.Below[v];
                Rank(candidates + column, Vector512.Load(counts + column), fromLow, ranked.From(column));
                bool goesOn = false;
                if (!ranked.From(column).HasAllValues)
                {
                    matches = matches < 0 ? RowsIn(cells.Bytes, found.Cell, matching) : matches;
                    goesOn = Narrow(block, stride, matching, matches, found.CellOf[v], fromLow, found.InCell[v], cells, column, ranked.From(column));
                    open |= (goesOn || ranked.From(column).HasAllValues ? 0 : 1) << v;
                }

                looking &= ~((goesOn ? 0 : 1) << v);
            }
        }

        return (open | looking, ranked.OpenNexts);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private CellOfRank Bisect(sbyte* cells)
    {
        Vector512<sbyte> cell = Vector512.Create(sbyte.MinValue);
        Vector512<short> belowLower = Vector512<short>.Zero, belowUpper = belowLower;
        Vector512<short> throughLower = Vector512.Create((short)rows), throughUpper = throughLower;
        Vector512<short> wanted = Vector512.Create((short)rank);
        for (int bit = 7; bit >= 0; bit--)
        {
            Vector512<sbyte> trial = cell + Vector512.Create((sbyte)(1 << bit));
            // Back and forth: what a pass has read last is still in the L1 cache when the next one begins.
            (Vector512<short> lower, Vector512<short> upper) =
                (bit & 1) != 0 ? CountBelow(cells + ((nint)(rows - 1) * Width), -Width, trial) : CountBelow(cells, Width, trial);
            Vector512<short> tooManyLower = Vector512.GreaterThan(lower, wanted), tooManyUpper = Vector512.GreaterThan(upper, wanted);
            cell = Vector512.ConditionalSelect(FourVectors.Narrow(tooManyLower, tooManyUpper), cell, trial);
            throughLower = Vector512.ConditionalSelect(tooManyLower, lower, throughLower);
            throughUpper = Vector512.ConditionalSelect(tooManyUpper, upper, throughUpper);
            belowLower = Vector512.ConditionalSelect(tooManyLower, belowLower, lower);
            belowUpper = Vector512.ConditionalSelect(tooManyUpper, belowUpper, upper);
        }

        Vector512<short> slots = Vector512.Create((short)Slots);
        Vector512<sbyte> few = FourVectors.Narrow(
            Vector512.LessThanOrEqual(throughLower - belowLower, slots), Vector512.LessThanOrEqual(throughUpper - belowUpper, slots));
        return new(
            cell, FourVectors.Unpack(belowLower, belowUpper), FourVectors.Unpack(throughLower - belowLower, throughUpper - belowUpper), few.ExtractMostSignificantBits());
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private (Vector512<short> Lower, Vector512<short> Upper) CountBelow(sbyte* cells, nint step, Vector512<sbyte> trial)
    {
        Vector512<short> lower = Vector512<short>.Zero, upper = lower;
        Vector512<byte> one = Vector512<byte>.One;
        for (int first = 0; first < rows; first += RowsPerByteCount)
        {
            int end = Math.Min(rows, first + RowsPerByteCount);
            Vector512<byte> count0 = Vector512<byte>.Zero, count1 = count0, count2 = count0, count3 = count0;
            int i = first;
            for (; i + 4 <= end; i += 4, cells += 4 * step)
            {
                count0 = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(cells), trial).AsByte(), count0 + one, count0);
                count1 = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(cells + step), trial).AsByte(), count1 + one, count1);
                count2 = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(cells + (2 * step)), trial).AsByte(), count2 + one, count2);
                count3 = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(cells + (3 * step)), trial).AsByte(), count3 + one, count3);
            }

            for (; i < end; i++, cells += step)
            {
                count0 = Vector512.ConditionalSelect(Vector512.LessThan(Vector512.Load(cells), trial).AsByte(), count0 + one, count0);
            }

            (Vector512<short> low, Vector512<short> high) = FourVectors.Widen(count0 + count1 + (count2 + count3));
            lower += low;
            upper += high;
        }

        return (lower, upper);
    }

    /// <summary>The lowest cell above the given one that is not empty; the last of all where there is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private Vector512<sbyte> NextCell(sbyte* cells, Vector512<sbyte> cell)
    {
        Vector512<sbyte> next0 = Vector512.Create(sbyte.MaxValue), next1 = next0;
        int i = rows - 1;
        for (; i > 0; i -= 2)
        {
            Vector512<sbyte> value0 = Vector512.Load(cells + ((nint)i * Width)), value1 = Vector512.Load(cells + ((nint)(i - 1) * Width));
            next0 = Vector512.ConditionalSelect(Vector512.GreaterThan(value0, cell), Vector512.Min(next0, value0), next0);
            next1 = Vector512.ConditionalSelect(Vector512.GreaterThan(value1, cell), Vector512.Min(next1, value1), next1);
        }

        if (i == 0)
        {
            Vector512<sbyte> value = Vector512.Load(cells);
            next0 = Vector512.ConditionalSelect(Vector512.GreaterThan(value, cell), Vector512.Min(next0, value), next0);
        }

        return Vector512.Min(next0, next1);
    }

    /// <summary>
    /// The rows with a value in the wanted cell of a column, or in the next, each with a bit for every such column. Columns with many values in the
    /// cell are passed over.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Match(sbyte* cells, in CellOfRank found, in Vector512<sbyte> nextCell, ulong* columns, int* matching)
    {
        Vector512<sbyte> cell = found.Cell, next = nextCell;
        ulong few = found.Few;
        nint matches = 0, end = rows;
        for (nint i = 0; i < end; i++, cells += Width)
        {
            Vector512<sbyte> value = Vector512.Load(cells);
            ulong here = (Vector512.Equals(value, cell).ExtractMostSignificantBits() | Vector512.Equals(value, next).ExtractMostSignificantBits()) & few;
            columns[matches] = here;
            matching[matches] = (int)i;
            matches += here != 0 ? 1 : 0;
        }

        return (int)matches;
    }

    /// <summary>
    /// The values that were matched: a vector of 64 for the first of each column, one for the second and so on, and how many there are. False when some
    /// column has more than there is room for.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool Gather(float* block, nint stride, ulong* columns, int* matching, int matches, float* candidates, int* counts)
    {
        new Span<int>(counts, Width).Clear();
        int total = 0;
        for (int e = 0; e < matches && total <= Slots * Width; e++)
        {
            float* row = block + (matching[e] * stride);
            total += BitOperations.PopCount(columns[e]);
            for (ulong left = columns[e]; left != 0; left &= left - 1)
            {
                nint column = FourVectors.ColumnOfByte(BitOperations.TrailingZeroCount(left));
                nint slot = Math.Min(counts[column]++, Slots);
                candidates[(slot * Width) + column] = row[column];
            }
        }

        Vector512<int> most = Vector512.Max(
            Vector512.Max(Vector512.Load(counts), Vector512.Load(counts + 16)), Vector512.Max(Vector512.Load(counts + 32), Vector512.Load(counts + 48)));
        return total <= Slots * Width && Vector512.LessThanOrEqualAll(most, Vector512.Create(Slots));
    }

    /// <summary>Sorts the candidates of sixteen columns and takes the wanted ones of those columns where all are there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rank(float* candidates, Vector512<int> counts, Vector512<int> fromLow, Ranked ranked)
    {
        Vector512<int> known = Vector512.LessThanOrEqual(counts, Vector512.Create(Slots)) & Vector512.LessThan(fromLow, counts);
        for (int last = 0; last < Slots && Vector512.GreaterThanAny(counts, Vector512.Create(last)); last++)
        {
            Vector512<int> isThere = Vector512.GreaterThan(counts, Vector512.Create(last));
            Vector512<float> largest = Vector512.ConditionalSelect(isThere.AsSingle(), Vector512.Load(candidates + (last * Width)), Vector512.Create(float.PositiveInfinity));
            // NaN has no place among floats.
            known &= Vector512.Equals(largest, largest).AsInt32();
            for (int slot = 0; slot < last; slot++)
            {
                Vector512<float> other = Vector512.Load(candidates + (slot * Width));
                FloatOrder.Min(largest, other).Store(candidates + (slot * Width));
                largest = FloatOrder.Max(largest, other);
            }

            largest.Store(candidates + (last * Width));
        }

        Vector512<float> value = Vector512<float>.Zero, next = value;
        for (int slot = 0; slot < Slots && Vector512.GreaterThanAny(counts, Vector512.Create(slot)); slot++)
        {
            Vector512<float> candidate = Vector512.Load(candidates + (slot * Width));
            value = Vector512.ConditionalSelect(Vector512.Equals(fromLow, Vector512.Create(slot)).AsSingle(), candidate, value);
            next = Vector512.ConditionalSelect(Vector512.Equals(fromLow, Vector512.Create(slot - 1)).AsSingle(), candidate, next);
        }

        ranked.Add(known, value, known & Vector512.LessThan(fromLow + Vector512<int>.One, counts), next);
    }

    private int RowsIn(sbyte* cells, Vector512<sbyte> cell, int* matching)
    {
        int matches = 0;
        for (int i = 0; i < rows; i++)
        {
            matching[matches] = i;
            matches += Vector512.EqualsAny(Vector512.Load(cells + ((nint)i * Width)), cell) ? 1 : 0;
        }

        return matches;
    }

    /// <summary>
    /// Makes the cells of sixteen columns their next brackets; where all values of a cell are the same, the rank is that value. True when another
    /// bracket may help: not where a cell has no finite value.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool Narrow(
        float* block, nint stride, int* matching, int matches, Vector512<int> cell, Vector512<int> fromLow, Vector512<int> inCell, ByteCells cells, int column, Ranked ranked)
    {
        Vector512<float> perUnit = Vector512.Load(cells.PerUnit + column), offset = Vector512.Load(cells.Offset + column);
        Vector512<float> lowest = Vector512.Create(float.PositiveInfinity), highest = Vector512.Create(float.NegativeInfinity);
        Vector512<int> finite = Vector512<int>.Zero;
        for (int e = 0; e < matches; e++)
        {
            Vector512<float> value = Vector512.Load(block + (matching[e] * stride) + column);
            Vector512<int> here = Vector512.Equals(ByteCells.CellOf(value, perUnit, offset), cell) & Vector512.Equals(value - value, Vector512<float>.Zero).AsInt32();
            finite -= here;
            lowest = Vector512.ConditionalSelect(here.AsSingle(), FloatOrder.Min(value, lowest), lowest);
            highest = Vector512.ConditionalSelect(here.AsSingle(), FloatOrder.Max(value, highest), highest);
        }

        Vector512<int> known = Vector512.Equals(lowest, highest).AsInt32() & Vector512.Equals(finite, inCell);
        ranked.Add(known, lowest, known & Vector512.LessThan(fromLow + Vector512<int>.One, inCell), lowest);
        cells.SetBracket(column, lowest, highest);
        return !ranked.HasAllValues && Vector512.EqualsAll(ranked.Known | Vector512.GreaterThan(finite, Vector512<int>.Zero), Vector512<int>.AllBitsSet);
    }

    /// <summary>The cell of the rank in each column, how many values are in cells below it and how many in it, and in which columns these are few.</summary>
    private readonly struct CellOfRank(Vector512<sbyte> cell, FourVectors below, FourVectors inCell, ulong few)
    {
        public Vector512<sbyte> Cell => cell;

        public FourVectors CellOf => FourVectors.Unpack(cell);

        public FourVectors Below => below;

        public FourVectors InCell => inCell;

        public ulong Few => few;
    }

    /// <summary>The values found so far, those of the next rank, and in which columns they are known.</summary>
    private readonly struct Ranked(float* values, float* nexts, int* known, int* nextKnown)
    {
        public Vector512<int> Known => Vector512.Load(known);

        public bool HasAllValues => Vector512.EqualsAll(Known, Vector512<int>.AllBitsSet);

        /// <summary>A bit for each sixteen columns.</summary>
        public int OpenNexts
        {
            get
            {
                int open = 0;
                for (int v = 0; v < Vectors; v++)
                {
                    open |= (Vector512.EqualsAll(Vector512.Load(nextKnown + (v * Lanes)), Vector512<int>.AllBitsSet) ? 0 : 1) << v;
                }

                return open;
            }
        }

        public Ranked From(int column) => new(values + column, nexts + column, known + column, nextKnown + column);

        public void Clear()
        {
            new Span<int>(known, Width).Clear();
            new Span<int>(nextKnown, Width).Clear();
        }

        /// <summary>Adds what is known now of sixteen columns; what was known before stays.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Add(Vector512<int> knownNow, Vector512<float> value, Vector512<int> nextKnownNow, Vector512<float> next)
        {
            Add(knownNow, value, known, values);
            Add(nextKnownNow, next, nextKnown, nexts);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Add(Vector512<int> now, Vector512<float> value, int* before, float* target)
        {
            Vector512<int> earlier = Vector512.Load(before);
            Vector512.ConditionalSelect(earlier.AsSingle(), Vector512.Load(target), value).Store(target);
            (earlier | now).Store(before);
        }
    }
}
