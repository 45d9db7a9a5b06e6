// Finds values by rank in columns of any length: a radix search by all threads of a group, exact, in a few passes over the column.
namespace FlGpu.Kernels;

/// <summary>What the threads of a group share during a search; counters and lists are laid out with neighbouring columns side by side.</summary>
internal readonly struct PanelMemory(ArrayView<int> counters, ArrayView<int> cells, ArrayView<double> sums)
{
    /// <summary>
    /// There are 2^13 counters, 32 KiB: for 32 columns a digit of 8 bits, the bank of a counter being its column, and for 8 columns one of 10.
    /// </summary>
    public const int CounterBits = 13;

    /// <summary>Number of counters.</summary>
    public const int CountersLength = 1 << CounterBits;

    /// <summary>Integers for the cells of both ends, and one for the group's decision to go on.</summary>
    public const int CellsLength = (2 * CellFields * MostWidth) + 1;

    private const int CellFields = 4;
    private const int MostWidth = 32;

    public ArrayView<int> Counters => counters;

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

    // More than a panel of eight columns has counters for; where one thread does a column by itself they would take longer than the column.
    private const int MostDigit = 10;

    // Both ends share the first histogram; later ones are two, each in one half of the counters.
    private const int HighHalf = PanelMemory.CountersLength / 2;

    /// <summary>Bits in the order of the keys: the lowest key is zero.</summary>
    public static uint Bits(int key) => (uint)key ^ 0x80000000u;

    /// <summary>The key of bits.</summary>
    public static int Key(uint bits) => (int)(bits ^ 0x80000000u);

    /// <summary>
    /// Narrows the cells of rank <paramref name="first"/> and <paramref name="last"/> until none of the group's columns has a cell of more than
    /// <paramref name="enough"/> keys. Called by all threads. Returns how many leading bits are known then.
    /// </summary>
    public static int Narrow<TShare>(TShare keys, PanelPlace place, PanelMemory memory, int first, int last, int enough) where TShare : struct, IColumnShare
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
            int digit = IntrinsicMath.Min(MostDigit, PanelMemory.CounterBits - place.WidthBits - (known == 0 ? 0 : 1));
            digit = IntrinsicMath.Min(digit, KeyBits - known);
            int shift = KeyBits - known - digit;
            for (int i = Group.IdxX; i < 1 << (digit + place.WidthBits); i += Group.DimX)
            {
                memory.Counters[i] = 0;
                if (known > 0)
                {
                    memory.Counters[HighHalf + i] = 0;
                }
            }

            if (Group.IdxX == 0)
            {
                memory.Cells[PanelMemory.GoOn] = 0;
            }

            GroupBarrier.Wait();
            if (known == 0)
            {
                keys.ForEach(new FirstDigit(place, memory, shift));
            }
            else
            {
                uint lowPrefix = (uint)memory.Cells[low + PanelMemory.Prefix];
                uint highPrefix = (uint)memory.Cells[high + PanelMemory.Prefix];
                keys.ForEach(new NextDigit(place, memory, KeyBits - known, shift, (1 << digit) - 1, lowPrefix, highPrefix));
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

    /// <summary>Each thread adds up its share of the bins; the one whose share holds the wanted rank finds the bin.</summary>
    private static void FindDigits(PanelPlace place, PanelMemory memory, int known, int shift, int digit, int first, int last, int enough)
    {
        int highHalf = known == 0 ? 0 : HighHalf;
        int bins = 1 << digit;
        int share = (bins + place.RowStep - 1) / place.RowStep;
        int from = IntrinsicMath.Min(place.FirstRow * share, bins);
        int to = IntrinsicMath.Min(from + share, bins);
        int inLow = 0;
        int inHigh = 0;
        for (int bin = from; bin < to; bin++)
        {
            int counter = (bin << place.WidthBits) + place.Column;
            inLow += memory.Counters[counter];
            inHigh += memory.Counters[highHalf + counter];
        }

        memory.Partials[Group.IdxX] = inLow;
        memory.Partials[Group.DimX + Group.IdxX] = inHigh;
        GroupBarrier.Wait();
        int belowLow = 0;
        int belowHigh = 0;
        for (int thread = place.Column; thread < Group.IdxX; thread += place.Width)
        {
            belowLow += memory.Partials[thread];
            belowHigh += memory.Partials[Group.DimX + thread];
        }

        FindDigit(place, memory, PanelMemory.CellAt(0, place.Column), 0, from, shift, first, belowLow, inLow, enough);
        FindDigit(place, memory, PanelMemory.CellAt(1, place.Column), highHalf, from, shift, last, belowHigh, inHigh, enough);
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

    /// <summary>
    /// Finds the bin of an end's rank if it is among the thread's: bins from <paramref name="bin"/> on with <paramref name="count"/> keys, and
    /// <paramref name="before"/> keys of the cell in the bins before them.
    /// </summary>
    private static void FindDigit(PanelPlace place, PanelMemory memory, int cell, int half, int bin, int shift, int rank, int before, int count, int enough)
    {
        int wanted = rank - memory.Cells[cell + PanelMemory.Below];
        if (wanted < before || wanted >= before + count)
        {
            return;
        }

        int inBin = memory.Counters[half + (bin << place.WidthBits) + place.Column];
        while (before + inBin <= wanted)
        {
            before += inBin;
            bin++;
            inBin = memory.Counters[half + (bin << place.WidthBits) + place.Column];
        }

        // Other threads of this column may still read Below: what is to be added to it waits in Listed for the barrier.
        memory.Cells[cell + PanelMemory.Prefix] = (int)((uint)memory.Cells[cell + PanelMemory.Prefix] | ((uint)bin << shift));
        memory.Cells[cell + PanelMemory.Listed] = before;
        memory.Cells[cell + PanelMemory.Count] = inBin;
        if (inBin > enough)
        {
            memory.Cells[PanelMemory.GoOn] = 1;
        }
    }

    /// <summary>Counts all keys by their leading digit.</summary>
    private readonly struct FirstDigit(PanelPlace place, PanelMemory memory, int shift) : IRowVisitor<FirstDigit>
    {
        public FirstDigit With(int row)
        {
            int bin = (int)(Bits(row) >> shift);
            Atomic.Add(ref memory.Counters[(bin << place.WidthBits) + place.Column], 1);
            return this;
        }
    }

    /// <summary>Counts the keys of the two cells, which agree with their prefixes down to bit <paramref name="cell"/>, by the digit after it.</summary>
    private readonly struct NextDigit(PanelPlace place, PanelMemory memory, int cell, int shift, int mask, uint lowPrefix, uint highPrefix)
        : IRowVisitor<NextDigit>
    {
        public NextDigit With(int row)
        {
            uint bits = Bits(row);
            int bin = (int)(bits >> shift) & mask;
            int counter = (bin << place.WidthBits) + place.Column;
            if ((bits ^ lowPrefix) >> cell == 0)
            {
                Atomic.Add(ref memory.Counters[counter], 1);
            }

            if ((bits ^ highPrefix) >> cell == 0)
            {
                Atomic.Add(ref memory.Counters[HighHalf + counter], 1);
            }

            return this;
        }
    }
}
