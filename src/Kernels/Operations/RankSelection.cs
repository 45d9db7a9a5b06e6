// Finds values by rank in columns of any length: a radix search by all threads of a group, exact, in a few passes over the column.
namespace FlGpu.Kernels;

/// <summary>The values of one column, as ordered keys.</summary>
internal interface IColumnKeys
{
    /// <summary>The key of a row.</summary>
    int At(int row);
}

/// <summary>Keys in shared memory, neighbouring columns side by side.</summary>
internal readonly struct TileKeys(ArrayView<int> tile, int widthBits, int column) : IColumnKeys
{
    public int At(int row) => tile[(row << widthBits) + column];
}

/// <summary>
/// A thread's place in a group that shares a panel: 2^<paramref name="widthBits"/> neighbouring columns of <paramref name="rows"/> rows. The
/// thread belongs to one column and visits every <see cref="RowStep"/>-th of its rows.
/// </summary>
internal readonly struct PanelPlace(int widthBits, int rows)
{
    /// <summary>Eight columns, where the group's size allows: a row of them is one 32-byte sector, the least that memory delivers.</summary>
    public static int WidthBitsFor(int groupSize) => groupSize % 8 == 0 ? 3 : groupSize % 2 == 0 ? 1 : 0;

    public int WidthBits => widthBits;

    public int Width => 1 << widthBits;

    public int Rows => rows;

    public int Column => Group.IdxX & (Width - 1);

    public int FirstRow => Group.IdxX >> widthBits;

    public int RowStep => Group.DimX >> widthBits;
}

/// <summary>What the threads of a group share during a search; counters and lists are laid out with neighbouring columns side by side.</summary>
internal readonly struct PanelMemory(ArrayView<int> counters, int counterBits, ArrayView<int> cells, ArrayView<double> sums)
{
    /// <summary>Integers for the cells of both ends, and one for the group's decision to go on.</summary>
    public const int CellsLength = (2 * CellFields * MostWidth) + 1;

    private const int CellFields = 4;
    private const int MostWidth = 8;

    public ArrayView<int> Counters => counters;

    /// <summary>There are 2^CounterBits counters.</summary>
    public int CounterBits => counterBits;

    public ArrayView<int> Cells => cells;

    /// <summary>A double a thread; <see cref="Partials"/> are the same memory.</summary>
    public ArrayView<double> Sums => sums;

    /// <summary>Two integers a thread.</summary>
    public ArrayView<int> Partials => sums.Cast<int>();

    /// <summary>Where the cell of an end (0: the lower rank, 1: the upper) starts for a column; its fields are MostWidth apart.</summary>
    public static int CellAt(int end, int column) => (end * CellFields * MostWidth) + column;

    public const int Prefix = 0;
    public const int Below = MostWidth;
    public const int Count = 2 * MostWidth;
    public const int Listed = 3 * MostWidth;
    public const int GoOn = CellsLength - 1;
}

/// <summary>
/// A cell is all keys with the same leading bits. Every pass counts the keys of the cells that hold the two wanted ranks by their next
/// digit, and so narrows both cells, until few candidates are left or all bits are known. Only integers are counted atomically, so
/// that the result is the same bits on every run.
/// </summary>
internal static class RankSelection
{
    /// <summary>So few candidates are cheaper to rank against each other than to count once more.</summary>
    public const int FewCandidates = 32;

    private const int KeyBits = 32;

    /// <summary>Bits in the order of the keys: the lowest key is zero.</summary>
    public static uint Bits(int key) => (uint)key ^ 0x80000000u;

    /// <summary>The key of bits.</summary>
    public static int Key(uint bits) => (int)(bits ^ 0x80000000u);

    /// <summary>
    /// Narrows the cells of rank <paramref name="first"/> and <paramref name="last"/> until none of the group's columns has a cell of more than
    /// <paramref name="enough"/> keys. Called by all threads. Returns how many leading bits are known then.
    /// </summary>
    public static int Narrow<TKeys>(TKeys keys, PanelPlace place, PanelMemory memory, int first, int last, int enough) where TKeys : struct, IColumnKeys
    {
        int low = PanelMemory.CellAt(0, place.Column);
        int high = PanelMemory.CellAt(1, place.Column);
        if (place.FirstRow == 0)
        {
            memory.Cells[low + PanelMemory.Prefix] = memory.Cells[high + PanelMemory.Prefix] = 0;
            memory.Cells[low + PanelMemory.Below] = memory.Cells[high + PanelMemory.Below] = 0;
        }

        int known = 0;
        bool goOn = true;
        while (goOn)
        {
            for (int i = Group.IdxX; i < memory.Counters.Length; i += Group.DimX)
            {
                memory.Counters[i] = 0;
            }

            if (Group.IdxX == 0)
            {
                memory.Cells[PanelMemory.GoOn] = 0;
            }

            GroupBarrier.Wait();
            // Both ends share the first histogram; later ones are two, each in one half of the counters.
            int digit = memory.CounterBits - place.WidthBits - (known == 0 ? 0 : 1);
            digit = IntrinsicMath.Min(digit, KeyBits - known);
            int shift = KeyBits - known - digit;
            uint lowPrefix = (uint)memory.Cells[low + PanelMemory.Prefix];
            uint highPrefix = (uint)memory.Cells[high + PanelMemory.Prefix];
            int lastRow = place.Rows - 1;
            for (int row = place.FirstRow; row < place.Rows; row += 4 * place.RowStep)
            {
                // Four rows are on their way at once; rows past the last read it again and do not count.
                int row1 = row + place.RowStep;
                int row2 = row1 + place.RowStep;
                int row3 = row2 + place.RowStep;
                uint bits = Bits(keys.At(row));
                uint bits1 = Bits(keys.At(IntrinsicMath.Min(row1, lastRow)));
                uint bits2 = Bits(keys.At(IntrinsicMath.Min(row2, lastRow)));
                uint bits3 = Bits(keys.At(IntrinsicMath.Min(row3, lastRow)));
                Count(bits, place, memory, known, shift, digit, lowPrefix, highPrefix);
                if (row1 <= lastRow)
                {
                    Count(bits1, place, memory, known, shift, digit, lowPrefix, highPrefix);
                }

                if (row2 <= lastRow)
                {
                    Count(bits2, place, memory, known, shift, digit, lowPrefix, highPrefix);
                }

                if (row3 <= lastRow)
                {
                    Count(bits3, place, memory, known, shift, digit, lowPrefix, highPrefix);
                }
            }

            GroupBarrier.Wait();
            FindDigits(place, memory, known, shift, digit, first, last, enough);
            known += digit;
            goOn = memory.Cells[PanelMemory.GoOn] != 0 && known < KeyBits;
            // Nobody may clear the decision before everybody has read it.
            GroupBarrier.Wait();
        }

        return known;
    }

    private static void Count(uint bits, PanelPlace place, PanelMemory memory, int known, int shift, int digit, uint lowPrefix, uint highPrefix)
    {
        int bin = (int)(bits >> shift) & ((1 << digit) - 1);
        int counter = (bin << place.WidthBits) + place.Column;
        if (known == 0)
        {
            Atomic.Add(ref memory.Counters[counter], 1);
            return;
        }

        int cell = KeyBits - known;
        if ((bits ^ lowPrefix) >> cell == 0)
        {
            Atomic.Add(ref memory.Counters[counter], 1);
        }

        if ((bits ^ highPrefix) >> cell == 0)
        {
            Atomic.Add(ref memory.Counters[counter + (int)(memory.Counters.Length / 2)], 1);
        }
    }

    /// <summary>Each thread adds up its share of the bins; the one whose share holds the wanted rank finds the bin.</summary>
    private static void FindDigits(PanelPlace place, PanelMemory memory, int known, int shift, int digit, int first, int last, int enough)
    {
        int bins = 1 << digit;
        int share = (bins + place.RowStep - 1) / place.RowStep;
        int from = IntrinsicMath.Min(place.FirstRow * share, bins);
        int to = IntrinsicMath.Min(from + share, bins);
        for (int end = 0; end < 2; end++)
        {
            int sum = 0;
            for (int bin = from; bin < to; bin++)
            {
                sum += memory.Counters[CounterAt(place, memory, known, end, bin)];
            }

            memory.Partials[(end * Group.DimX) + Group.IdxX] = sum;
        }

        GroupBarrier.Wait();
        for (int end = 0; end < 2; end++)
        {
            int cell = PanelMemory.CellAt(end, place.Column);
            int wanted = (end == 0 ? first : last) - memory.Cells[cell + PanelMemory.Below];
            int before = 0;
            for (int i = 0; i < place.FirstRow; i++)
            {
                before += memory.Partials[(end * Group.DimX) + (i << place.WidthBits) + place.Column];
            }

            if (before <= wanted && wanted < before + memory.Partials[(end * Group.DimX) + Group.IdxX])
            {
                int bin = from;
                int count = memory.Counters[CounterAt(place, memory, known, end, bin)];
                while (before + count <= wanted)
                {
                    before += count;
                    bin++;
                    count = memory.Counters[CounterAt(place, memory, known, end, bin)];
                }

                // Other threads of this column may still read Below: what is to be added to it waits in Listed for the barrier.
                memory.Cells[cell + PanelMemory.Prefix] = (int)((uint)memory.Cells[cell + PanelMemory.Prefix] | ((uint)bin << shift));
                memory.Cells[cell + PanelMemory.Listed] = before;
                memory.Cells[cell + PanelMemory.Count] = count;
                if (count > enough)
                {
                    memory.Cells[PanelMemory.GoOn] = 1;
                }
            }
        }

        GroupBarrier.Wait();
        if (place.FirstRow == 0)
        {
            for (int end = 0; end < 2; end++)
            {
                int cell = PanelMemory.CellAt(end, place.Column);
                memory.Cells[cell + PanelMemory.Below] += memory.Cells[cell + PanelMemory.Listed];
                memory.Cells[cell + PanelMemory.Listed] = 0;
            }
        }
    }

    private static int CounterAt(PanelPlace place, PanelMemory memory, int known, int end, int bin) =>
        (known == 0 ? 0 : end * (int)(memory.Counters.Length / 2)) + (bin << place.WidthBits) + place.Column;
}
