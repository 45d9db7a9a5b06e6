// The mean of the ranks first..last of columns too long for one thread's registers: the threads of a group share panels of neighbouring columns.
namespace FlGpu.Kernels;

/// <summary>
/// Two kernels with one search. Up to 1,024 rows the group's registers hold the panel, which is read from memory once. Longer panels are read once
/// a pass; so few are in work at a time that all but the first pass find them in the L2 cache. See <see cref="PanelLaunch"/>.
/// </summary>
internal static class PanelRankMean
{
    /// <summary>Launches the kernel that fits the number of rows.</summary>
    public static void Launch(GpuBackend gpu, Matrix updates, Matrix mean, int first, int last)
    {
        PanelLaunch panels = PanelLaunch.For(gpu, updates.Rows, updates.Columns);
        gpu.Runtime.Launch(
            panels.InRegisters ? RegisterKernel(panels.RowsOfThread) : LongKernel, panels.Config, GpuBackend.View(updates), GpuBackend.View(mean), first, last,
            panels.Place);
    }

    /// <summary>The kernel whose threads have so many rows in registers.</summary>
    public static Action<ArrayView<float>, ArrayView<float>, int, int, PanelPlace> RegisterKernel(int rowsOfThread) =>
        MadeKernels.OfRows<Action<ArrayView<float>, ArrayView<float>, int, int, PanelPlace>>(typeof(PanelRankMean), rowsOfThread);

    /// <summary>A group owns a panel, of which each thread has its rows of one column in registers.</summary>
    [ResidentThreads(PanelLaunch.MostThreads)]
    private static void RegisterKernel<TRows>(ArrayView<float> updates, ArrayView<float> mean, int first, int last, PanelPlace place)
        where TRows : struct, IThreadRows<TRows>
    {
        ArrayView<int> counters = SharedMemory.Allocate<int>(PanelMemory.CountersLength);
        ArrayView<int> cells = SharedMemory.Allocate<int>(PanelMemory.CellsLength);
        ArrayView<double> sums = SharedMemory.Allocate<double>(PanelLaunch.MostThreads);
        long columns = mean.Length;
        var memory = new PanelMemory(counters, cells, sums);
        for (long panel = (long)Grid.IdxX << place.WidthBits; panel < columns; panel += (long)Grid.DimX << place.WidthBits)
        {
            // Threads beyond the last column work on it like its owner and do not write.
            long column = Math.Min(panel + place.Column, columns - 1);
            TRows rows = TRows.Load(new Column(updates, column, columns, place.Rows), place.FirstRow, place.RowStep);
            // While the rows are on their way, others may still read the lists of the panel before, whose memory becomes counters again.
            GroupBarrier.Wait();
            double sum = SumOfRanks(new RegisterShare<TRows>(rows.Keys()), place, memory, first, last);
            if (place.FirstRow == 0 && panel + place.Column < columns)
            {
                mean[column] = (float)(sum / (last - first + 1));
            }
        }
    }

    /// <summary>A group owns a panel and reads it anew in each pass.</summary>
    [ResidentThreads(PanelLaunch.MostThreads)]
    private static void LongKernel(ArrayView<float> updates, ArrayView<float> mean, int first, int last, PanelPlace place)
    {
        ArrayView<int> counters = SharedMemory.Allocate<int>(PanelMemory.CountersLength);
        ArrayView<int> cells = SharedMemory.Allocate<int>(PanelMemory.CellsLength);
        ArrayView<double> sums = SharedMemory.Allocate<double>(PanelLaunch.MostThreads);
        long columns = mean.Length;
        var memory = new PanelMemory(counters, cells, sums);
        for (long panel = (long)Grid.IdxX << place.WidthBits; panel < columns; panel += (long)Grid.DimX << place.WidthBits)
        {
            long column = Math.Min(panel + place.Column, columns - 1);
            var share = new StreamedShare<Column>(new(updates, column, columns, place.Rows), place);
            GroupBarrier.Wait();
            double sum = SumOfRanks(new KeyShare<StreamedShare<Column>>(share), place, memory, first, last);
            if (place.FirstRow == 0 && panel + place.Column < columns)
            {
                mean[column] = (float)(sum / (last - first + 1));
            }
        }
    }

    /// <summary>
    /// The sum of the ranks of the thread's column, for the column's first thread; zero for the others. What it leaves in memory is read until the
    /// group's next barrier.
    /// </summary>
    private static double SumOfRanks<TShare>(TShare keys, PanelPlace place, PanelMemory memory, int first, int last) where TShare : struct, IColumnShare
    {
        int known = RankSelection.Narrow(keys, place, memory, first, last, RankSelection.FewCandidates);
        int shift = 32 - known;
        int low = PanelMemory.CellAt(0, place.Column);
        int high = PanelMemory.CellAt(1, place.Column);
        uint lowCell = (uint)memory.Cells[low + PanelMemory.Prefix] >> shift;
        uint highCell = (uint)memory.Cells[high + PanelMemory.Prefix] >> shift;

        // The counters have served: their memory takes the candidates, unless a cell is a single value.
        memory.Sums[Group.IdxX] = keys.ForEach(new BetweenOrListed(place, memory, shift, lowCell, highCell, 0)).Between;
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

        return sum;
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

    /// <summary>Adds the values between the cells; lists a key within a cell as a candidate of its end.</summary>
    private readonly struct BetweenOrListed(PanelPlace place, PanelMemory memory, int shift, uint lowCell, uint highCell, double between)
        : IRowVisitor<BetweenOrListed>
    {
        public double Between => between;

        public BetweenOrListed With(int row)
        {
            uint cell = RankSelection.Bits(row) >> shift;
            if (shift > 0 && (cell == lowCell || cell == highCell))
            {
                int end = cell == lowCell ? 0 : 1;
                int index = Atomic.Add(ref memory.Cells[PanelMemory.CellAt(end, place.Column) + PanelMemory.Listed], 1);
                memory.Counters[CandidateAt(place, end, index)] = row;
            }

            double value = cell > lowCell && cell < highCell ? OrderedKey.ToFloat(row) : 0;
            return new(place, memory, shift, lowCell, highCell, between + value);
        }
    }

    private readonly struct Column(ArrayView<float> updates, long column, long columns, int rows) : IColumnSource
    {
        public int Rows => rows;

        public int BitsAt(int row) => (int)Interop.FloatAsInt(updates[(row * columns) + column]);
    }
}
