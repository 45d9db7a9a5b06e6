// The mean of each column's values closest to a center on a GPU: the largest distance that counts is found by rank, then the values are added.
namespace FlGpu.Kernels;

/// <summary>
/// Two kernels as in <see cref="PanelRankMean"/>, for more rows than fit a thread's registers: up to 1,024 rows the values stay in the registers of a
/// group, beyond in the L2 cache.
/// </summary>
internal static class PanelMeanAroundCenter
{
    /// <summary>Launches the kernel that fits the number of rows.</summary>
    public static void Launch(GpuBackend gpu, Matrix updates, Buffer<int> rows, Matrix center, int count, Matrix mean)
    {
        PanelLaunch panels = PanelLaunch.For(gpu, (int)rows.Length, updates.Columns);
        gpu.Runtime.Launch(
            panels.InRegisters ? RegisterKernel(panels.RowsOfThread) : LongKernel, panels.Config, GpuBackend.View(updates), GpuBackend.View(rows),
            GpuBackend.View(center), GpuBackend.View(mean), count, panels.Place);
    }

    /// <summary>The kernel whose threads have so many rows in registers.</summary>
    public static Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, PanelPlace> RegisterKernel(int rowsOfThread) =>
        MadeKernels.OfRows<Action<ArrayView<float>, ArrayView<int>, ArrayView<float>, ArrayView<float>, int, PanelPlace>>(
            typeof(PanelMeanAroundCenter), rowsOfThread);

    /// <summary>A group owns a panel, of which each thread has its rows of one column in registers.</summary>
    [ResidentThreads(PanelLaunch.MostThreads)]
    private static void RegisterKernel<TRows>(
        ArrayView<float> updates, ArrayView<int> rows, ArrayView<float> center, ArrayView<float> mean, int count, PanelPlace place)
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
            var source = new ListedRows(updates, rows, column, columns);
            TRows values = TRows.Load(source, place.FirstRow, place.RowStep);
            GroupBarrier.Wait();
            double sum = Sum(new RegisterShare<TRows>(values), source, center[column], place, memory, count);
            if (place.FirstRow == 0 && panel + place.Column < columns)
            {
                mean[column] = (float)(sum / count);
            }
        }
    }

    /// <summary>A group owns a panel and reads it anew in each pass.</summary>
    [ResidentThreads(PanelLaunch.MostThreads)]
    private static void LongKernel(ArrayView<float> updates, ArrayView<int> rows, ArrayView<float> center, ArrayView<float> mean, int count, PanelPlace place)
    {
        ArrayView<int> counters = SharedMemory.Allocate<int>(PanelMemory.CountersLength);
        ArrayView<int> cells = SharedMemory.Allocate<int>(PanelMemory.CellsLength);
        ArrayView<double> sums = SharedMemory.Allocate<double>(PanelLaunch.MostThreads);
        long columns = mean.Length;
        var memory = new PanelMemory(counters, cells, sums);
        for (long panel = (long)Grid.IdxX << place.WidthBits; panel < columns; panel += (long)Grid.DimX << place.WidthBits)
        {
            long column = Math.Min(panel + place.Column, columns - 1);
            var source = new ListedRows(updates, rows, column, columns);
            GroupBarrier.Wait();
            double sum = Sum(new StreamedShare<ListedRows>(source, place), source, center[column], place, memory, count);
            if (place.FirstRow == 0 && panel + place.Column < columns)
            {
                mean[column] = (float)(sum / count);
            }
        }
    }

    /// <summary>
    /// The sum of the closest values of the thread's column, for the column's first thread. What it leaves in memory is read until the group's next
    /// barrier.
    /// </summary>
    private static double Sum<TShare>(TShare values, ListedRows source, float center, PanelPlace place, PanelMemory memory, int count)
        where TShare : struct, IColumnShare
    {
        RankSelection.Narrow(new DistanceShare<TShare>(values, center), place, memory, count - 1, count - 1, enough: 0);
        int cell = PanelMemory.CellAt(0, place.Column);
        int farthest = RankSelection.Key((uint)memory.Cells[cell + PanelMemory.Prefix]);
        int ties = count - memory.Cells[cell + PanelMemory.Below];
        bool allTies = ties == memory.Cells[cell + PanelMemory.Count];
        memory.Sums[Group.IdxX] = values.ForEach(new SumOfClosest(center, farthest, allTies ? 1 : 0, 0)).Sum;
        GroupBarrier.Wait();
        double sum = 0;
        if (place.FirstRow == 0)
        {
            for (int i = 0; i < place.RowStep; i++)
            {
                sum += memory.Sums[(i << place.WidthBits) + place.Column];
            }

            // Of the rows that tie for the last places those listed first count: rare, so one thread goes through them.
            for (int row = 0; !allTies && ties > 0; row++)
            {
                int bits = source.BitsAt(row);
                if (Distance(bits, center) == farthest)
                {
                    sum += Interop.IntAsFloat((uint)bits);
                    ties--;
                }
            }
        }

        return sum;
    }

    /// <summary>The key of the distance of a value, given as its bits, to the center.</summary>
    private static int Distance(int bits, float center) => OrderedKey.Of(MathF.Abs(Interop.IntAsFloat((uint)bits) - center));

    /// <summary>A share of values as the keys of their distances to the center.</summary>
    private readonly struct DistanceShare<TShare>(TShare values, float center) : IColumnShare where TShare : struct, IColumnShare
    {
        public TVisitor ForEach<TVisitor>(TVisitor visitor) where TVisitor : struct, IRowVisitor<TVisitor> =>
            values.ForEach(new OfDistance<TVisitor>(visitor, center)).Visitor;
    }

    private readonly struct OfDistance<TVisitor>(TVisitor visitor, float center) : IRowVisitor<OfDistance<TVisitor>> where TVisitor : struct, IRowVisitor<TVisitor>
    {
        public TVisitor Visitor => visitor;

        public OfDistance<TVisitor> With(int row) => new(visitor.With(Distance(row, center)), center);
    }

    /// <summary>Adds the values closer than the farthest distance that counts, and those at that distance if all of them count.</summary>
    private readonly struct SumOfClosest(float center, int farthest, int allTies, double sum) : IRowVisitor<SumOfClosest>
    {
        public double Sum => sum;

        public SumOfClosest With(int row)
        {
            int distance = Distance(row, center);
            bool counts = distance < farthest || (allTies != 0 && distance == farthest);
            return new(center, farthest, allTies, sum + (counts ? Interop.IntAsFloat((uint)row) : 0));
        }
    }

    /// <summary>The listed rows of a column.</summary>
    private readonly struct ListedRows(ArrayView<float> updates, ArrayView<int> rows, long column, long columns) : IColumnSource
    {
        public int Rows => (int)rows.Length;

        public int BitsAt(int row) => (int)Interop.FloatAsInt(updates[(rows[row] * columns) + column]);
    }
}
