// The mean of the ranks first..last of columns too long for one thread's registers: groups share panels of eight columns.
namespace FlGpu.Kernels;

/// <summary>
/// Two kernels with one search. Up to <see cref="MostTileRows"/> rows a panel is read from memory once and then searched in shared
/// memory. Longer panels are read once a pass; so few are in work at a time that all but the first pass find them in the L2 cache.
/// </summary>
internal static class PanelRankMean
{
    /// <summary>Rows whose keys fit beside the counters in 48 KiB, the most shared memory that needs no call of the driver: 32 KiB at 8 columns.</summary>
    public const int MostTileRows = TileLength / 8;

    /// <summary>Threads of a group on a tile: five such groups, 40 KiB each, share a multiprocessor, so that some load while others search.</summary>
    public const int TileGroupSize = 256;

    /// <summary>Threads of a group on a long panel: the more, the fewer panels it takes to keep the memory busy.</summary>
    public const int LongGroupSize = 1024;

    /// <summary>Keys of a tile.</summary>
    public const int TileLength = 8192;

    /// <summary>2^11 counters beside a tile: 8 KiB.</summary>
    public const int TileCounterBits = 11;

    /// <summary>2^13 counters where there is no tile: 32 KiB.</summary>
    public const int LongCounterBits = 13;

    // What the panels in work should not exceed together; an H100 has 50 MB of L2 cache in two halves, an RTX 4090 has 72 MB.
    private const long CacheBytes = 24 << 20;

    /// <summary>Launches the kernel that fits the number of rows.</summary>
    public static void Launch(GpuBackend gpu, Matrix updates, Matrix mean, int first, int last)
    {
        if (updates.Rows <= MostTileRows)
        {
            gpu.Runtime.Launch(TileKernel, TileConfig(gpu, updates.Columns), GpuBackend.View(updates), GpuBackend.View(mean), first, last);
            return;
        }

        gpu.Runtime.Launch(LongKernel, LongConfig(gpu, updates.Rows, updates.Columns), GpuBackend.View(updates), GpuBackend.View(mean), first, last);
    }

    /// <summary>A group for each panel.</summary>
    public static KernelConfig TileConfig(GpuBackend gpu, int columns) => gpu.GroupEach(Panels(columns, gpu.GroupSize(TileGroupSize)), TileGroupSize);

    /// <summary>So many groups that all panels in work fit the cache, yet each multiprocessor has one.</summary>
    public static KernelConfig LongConfig(GpuBackend gpu, long rows, int columns)
    {
        int groupSize = gpu.GroupSize(LongGroupSize);
        long panelBytes = rows * sizeof(float) << PanelPlace.WidthBitsFor(groupSize);
        long inWork = Math.Clamp(CacheBytes / panelBytes, gpu.Threads, 2 * gpu.Threads);
        return gpu.GroupEach(Math.Min(inWork, Panels(columns, groupSize)), LongGroupSize);
    }

    private static long Panels(int columns, int groupSize)
    {
        int width = 1 << PanelPlace.WidthBitsFor(groupSize);
        return (columns + width - 1) / width;
    }

    /// <summary>A group owns a panel, whose keys it keeps in shared memory.</summary>
    private static void TileKernel(ArrayView<float> updates, ArrayView<float> mean, int first, int last)
    {
        ArrayView<int> tile = SharedMemory.Allocate<int>(TileLength);
        ArrayView<int> counters = SharedMemory.Allocate<int>(1 << TileCounterBits);
        ArrayView<int> cells = SharedMemory.Allocate<int>(PanelMemory.CellsLength);
        ArrayView<double> sums = SharedMemory.Allocate<double>(TileGroupSize);
        long columns = mean.Length;
        var place = new PanelPlace(PanelPlace.WidthBitsFor(Group.DimX), (int)(updates.Length / columns));
        var memory = new PanelMemory(counters, TileCounterBits, cells, sums);
        for (long panel = (long)Grid.IdxX << place.WidthBits; panel < columns; panel += (long)Grid.DimX << place.WidthBits)
        {
            // Threads beyond the last column work on it like its owner and do not write.
            long column = Math.Min(panel + place.Column, columns - 1);
            LoadTile(updates, tile, place, column, columns);
            GroupBarrier.Wait();
            double sum = SumOfRanks(new TileKeys(tile, place.WidthBits, place.Column), place, memory, first, last);
            if (place.FirstRow == 0 && panel + place.Column < columns)
            {
                mean[column] = (float)(sum / (last - first + 1));
            }
        }
    }

    /// <summary>A group owns a panel and reads it anew in each pass.</summary>
    private static void LongKernel(ArrayView<float> updates, ArrayView<float> mean, int first, int last)
    {
        ArrayView<int> counters = SharedMemory.Allocate<int>(1 << LongCounterBits);
        ArrayView<int> cells = SharedMemory.Allocate<int>(PanelMemory.CellsLength);
        ArrayView<double> sums = SharedMemory.Allocate<double>(LongGroupSize);
        long columns = mean.Length;
        var place = new PanelPlace(PanelPlace.WidthBitsFor(Group.DimX), (int)(updates.Length / columns));
        var memory = new PanelMemory(counters, LongCounterBits, cells, sums);
        for (long panel = (long)Grid.IdxX << place.WidthBits; panel < columns; panel += (long)Grid.DimX << place.WidthBits)
        {
            long column = Math.Min(panel + place.Column, columns - 1);
            double sum = SumOfRanks(new StreamedKeys(updates, column, columns), place, memory, first, last);
            if (place.FirstRow == 0 && panel + place.Column < columns)
            {
                mean[column] = (float)(sum / (last - first + 1));
            }
        }
    }

    private static void LoadTile(ArrayView<float> updates, ArrayView<int> tile, PanelPlace place, long column, long columns)
    {
        int lastRow = place.Rows - 1;
        for (int row = place.FirstRow; row < place.Rows; row += 4 * place.RowStep)
        {
            // Four rows are on their way at once; rows past the last store it once more.
            int row1 = IntrinsicMath.Min(row + place.RowStep, lastRow);
            int row2 = IntrinsicMath.Min(row + (2 * place.RowStep), lastRow);
            int row3 = IntrinsicMath.Min(row + (3 * place.RowStep), lastRow);
            float value = updates[(row * columns) + column];
            float value1 = updates[(row1 * columns) + column];
            float value2 = updates[(row2 * columns) + column];
            float value3 = updates[(row3 * columns) + column];
            tile[(row << place.WidthBits) + place.Column] = OrderedKey.Of(value);
            tile[(row1 << place.WidthBits) + place.Column] = OrderedKey.Of(value1);
            tile[(row2 << place.WidthBits) + place.Column] = OrderedKey.Of(value2);
            tile[(row3 << place.WidthBits) + place.Column] = OrderedKey.Of(value3);
        }
    }

    /// <summary>The sum of the ranks of the thread's column, for the column's first thread; zero for the others.</summary>
    private static double SumOfRanks<TKeys>(TKeys keys, PanelPlace place, PanelMemory memory, int first, int last) where TKeys : struct, IColumnKeys
    {
        int known = RankSelection.Narrow(keys, place, memory, first, last, RankSelection.FewCandidates);
        int shift = 32 - known;
        int low = PanelMemory.CellAt(0, place.Column);
        int high = PanelMemory.CellAt(1, place.Column);
        uint lowCell = (uint)memory.Cells[low + PanelMemory.Prefix] >> shift;
        uint highCell = (uint)memory.Cells[high + PanelMemory.Prefix] >> shift;

        // The counters have served: their memory takes the candidates, unless a cell is a single value.
        double between = 0;
        int lastRow = place.Rows - 1;
        for (int row = place.FirstRow; row < place.Rows; row += 4 * place.RowStep)
        {
            int row1 = row + place.RowStep;
            int row2 = row1 + place.RowStep;
            int row3 = row2 + place.RowStep;
            int key = keys.At(row);
            int key1 = keys.At(IntrinsicMath.Min(row1, lastRow));
            int key2 = keys.At(IntrinsicMath.Min(row2, lastRow));
            int key3 = keys.At(IntrinsicMath.Min(row3, lastRow));
            between += BetweenOrListed(key, place, memory, shift, lowCell, highCell);
            between += row1 <= lastRow ? BetweenOrListed(key1, place, memory, shift, lowCell, highCell) : 0;
            between += row2 <= lastRow ? BetweenOrListed(key2, place, memory, shift, lowCell, highCell) : 0;
            between += row3 <= lastRow ? BetweenOrListed(key3, place, memory, shift, lowCell, highCell) : 0;
        }

        memory.Sums[Group.IdxX] = between;
        GroupBarrier.Wait();
        if (shift > 0)
        {
            Rank(place, memory, 0);
            Rank(place, memory, 1);
        }

        GroupBarrier.Wait();
        double sum = 0;
        if (place.FirstRow == 0)
        {
            for (int i = 0; i < place.RowStep; i++)
            {
                sum += memory.Sums[(i << place.WidthBits) + place.Column];
            }

            // The wanted ranks, counted within each cell.
            int from = first - memory.Cells[low + PanelMemory.Below];
            int to = last - memory.Cells[high + PanelMemory.Below];
            int inLow = lowCell == highCell ? to + 1 : memory.Cells[low + PanelMemory.Count];
            if (shift == 0)
            {
                sum += (double)OrderedKey.ToFloat(RankSelection.Key(lowCell)) * (inLow - from);
                sum += lowCell == highCell ? 0 : (double)OrderedKey.ToFloat(RankSelection.Key(highCell)) * (to + 1);
            }
            else
            {
                for (int rank = from; rank < inLow; rank++)
                {
                    sum += OrderedKey.ToFloat(memory.Counters[CandidateAt(place, 2, rank)]);
                }

                for (int rank = 0; lowCell != highCell && rank <= to; rank++)
                {
                    sum += OrderedKey.ToFloat(memory.Counters[CandidateAt(place, 3, rank)]);
                }
            }
        }

        // The lists become counters again.
        GroupBarrier.Wait();
        return sum;
    }

    /// <summary>The value of a key between the cells; one within a cell is listed as a candidate of its end and gives zero.</summary>
    private static double BetweenOrListed(int key, PanelPlace place, PanelMemory memory, int shift, uint lowCell, uint highCell)
    {
        uint cell = RankSelection.Bits(key) >> shift;
        if (cell > lowCell && cell < highCell)
        {
            return OrderedKey.ToFloat(key);
        }

        if (shift > 0 && (cell == lowCell || cell == highCell))
        {
            int end = cell == lowCell ? 0 : 1;
            int index = Atomic.Add(ref memory.Cells[PanelMemory.CellAt(end, place.Column) + PanelMemory.Listed], 1);
            memory.Counters[CandidateAt(place, end, index)] = key;
        }

        return 0;
    }

    /// <summary>Puts an end's candidates in order: each goes where as many are as are smaller, or equal and listed before it.</summary>
    private static void Rank(PanelPlace place, PanelMemory memory, int end)
    {
        int count = memory.Cells[PanelMemory.CellAt(end, place.Column) + PanelMemory.Listed];
        for (int j = place.FirstRow; j < count; j += place.RowStep)
        {
            int key = memory.Counters[CandidateAt(place, end, j)];
            int rank = 0;
            for (int i = 0; i < count; i++)
            {
                int other = memory.Counters[CandidateAt(place, end, i)];
                rank += other < key || (other == key && i < j) ? 1 : 0;
            }

            memory.Counters[CandidateAt(place, 2 + end, rank)] = key;
        }
    }

    /// <summary>Lists 0 and 1 are the candidates of the two ends as they come, 2 and 3 the same in order.</summary>
    private static int CandidateAt(PanelPlace place, int list, int index) =>
        (((list * RankSelection.FewCandidates) + index) << place.WidthBits) + place.Column;

    private readonly struct StreamedKeys(ArrayView<float> updates, long column, long columns) : IColumnKeys
    {
        public int At(int row) => OrderedKey.Of(updates[(row * columns) + column]);
    }
}
