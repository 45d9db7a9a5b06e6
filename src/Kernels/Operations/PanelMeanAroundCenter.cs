// The mean of each column's values closest to a center on a GPU: the largest distance that counts is found by rank, then the values are added.
namespace FlGpu.Kernels;

/// <summary>
/// Two kernels as in <see cref="PanelRankMean"/>, for more rows than fit a thread's registers: up to 1,024 rows the distances are searched in shared
/// memory, beyond in the L2 cache.
/// </summary>
internal static class PanelMeanAroundCenter
{
    /// <summary>Launches the kernel that fits the number of rows.</summary>
    public static void Launch(GpuBackend gpu, Matrix updates, Buffer<int> rows, Matrix center, int count, Matrix mean)
    {
        if (rows.Length <= PanelRankMean.MostTileRows)
        {
            gpu.Runtime.Launch(
                TileKernel, PanelRankMean.TileConfig(gpu, updates.Columns), GpuBackend.View(updates), GpuBackend.View(rows), GpuBackend.View(center),
                GpuBackend.View(mean), count, (long)updates.Columns);
            return;
        }

        gpu.Runtime.Launch(
            LongKernel, PanelRankMean.LongConfig(gpu, rows.Length, updates.Columns), GpuBackend.View(updates), GpuBackend.View(rows), GpuBackend.View(center),
            GpuBackend.View(mean), count, (long)updates.Columns);
    }

    /// <summary>A group owns a panel, whose distances it keeps in shared memory.</summary>
    private static void TileKernel(ArrayView<float> updates, ArrayView<int> rows, ArrayView<float> center, ArrayView<float> mean, int count, long columns)
    {
        ArrayView<int> tile = SharedMemory.Allocate<int>(PanelRankMean.TileLength);
        ArrayView<int> counters = SharedMemory.Allocate<int>(1 << PanelRankMean.TileCounterBits);
        ArrayView<int> cells = SharedMemory.Allocate<int>(PanelMemory.CellsLength);
        ArrayView<double> sums = SharedMemory.Allocate<double>(PanelRankMean.TileGroupSize);
        var place = new PanelPlace(PanelPlace.WidthBitsFor(Group.DimX), (int)rows.Length);
        var memory = new PanelMemory(counters, PanelRankMean.TileCounterBits, cells, sums);
        for (long panel = (long)Grid.IdxX << place.WidthBits; panel < columns; panel += (long)Grid.DimX << place.WidthBits)
        {
            // Threads beyond the last column work on it like its owner and do not write.
            long column = Math.Min(panel + place.Column, columns - 1);
            var values = new Distances(updates, rows, column, columns, center[column]);
            for (int row = place.FirstRow; row < place.Rows; row += place.RowStep)
            {
                tile[(row << place.WidthBits) + place.Column] = values.At(row);
            }

            GroupBarrier.Wait();
            double sum = Sum(new TileKeys(tile, place.WidthBits, place.Column), values, place, memory, count);
            if (place.FirstRow == 0 && panel + place.Column < columns)
            {
                mean[column] = (float)(sum / count);
            }
        }
    }

    /// <summary>A group owns a panel and reads it anew in each pass.</summary>
    private static void LongKernel(ArrayView<float> updates, ArrayView<int> rows, ArrayView<float> center, ArrayView<float> mean, int count, long columns)
    {
        ArrayView<int> counters = SharedMemory.Allocate<int>(1 << PanelRankMean.LongCounterBits);
        ArrayView<int> cells = SharedMemory.Allocate<int>(PanelMemory.CellsLength);
        ArrayView<double> sums = SharedMemory.Allocate<double>(PanelRankMean.LongGroupSize);
        var place = new PanelPlace(PanelPlace.WidthBitsFor(Group.DimX), (int)rows.Length);
        var memory = new PanelMemory(counters, PanelRankMean.LongCounterBits, cells, sums);
        for (long panel = (long)Grid.IdxX << place.WidthBits; panel < columns; panel += (long)Grid.DimX << place.WidthBits)
        {
            long column = Math.Min(panel + place.Column, columns - 1);
            var values = new Distances(updates, rows, column, columns, center[column]);
            double sum = Sum(values, values, place, memory, count);
            if (place.FirstRow == 0 && panel + place.Column < columns)
            {
                mean[column] = (float)(sum / count);
            }
        }
    }

    /// <summary>The sum of the closest values of the thread's column, for the column's first thread.</summary>
    private static double Sum<TKeys>(TKeys distances, Distances values, PanelPlace place, PanelMemory memory, int count) where TKeys : struct, IColumnKeys
    {
        RankSelection.Narrow(distances, place, memory, count - 1, count - 1, enough: 0);
        int cell = PanelMemory.CellAt(0, place.Column);
        int farthest = RankSelection.Key((uint)memory.Cells[cell + PanelMemory.Prefix]);
        int ties = count - memory.Cells[cell + PanelMemory.Below];
        bool allTies = ties == memory.Cells[cell + PanelMemory.Count];
        double mine = 0;
        for (int row = place.FirstRow; row < place.Rows; row += place.RowStep)
        {
            int distance = distances.At(row);
            if (distance < farthest || (allTies && distance == farthest))
            {
                mine += values.ValueAt(row);
            }
        }

        memory.Sums[Group.IdxX] = mine;
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
                if (distances.At(row) == farthest)
                {
                    sum += values.ValueAt(row);
                    ties--;
                }
            }
        }

        GroupBarrier.Wait();
        return sum;
    }

    private readonly struct Distances(ArrayView<float> updates, ArrayView<int> rows, long column, long columns, float center) : IColumnKeys
    {
        public int At(int row) => OrderedKey.Of(MathF.Abs(ValueAt(row) - center));

        public float ValueAt(int row) => updates[(rows[row] * columns) + column];
    }
}
