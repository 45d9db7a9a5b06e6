// How the threads of a launch share panels of neighbouring columns that are too long for one thread's registers.
using System.Numerics;

namespace FlGpu.Kernels;

/// <summary>The shape of a launch on panels.</summary>
/// <param name="Config">Groups, each for a panel at a time, and their threads.</param>
/// <param name="Place">Columns of a panel, and rows.</param>
/// <param name="RowsOfThread">The most rows that a thread has in registers; 0 where they do not hold the panel.</param>
internal readonly record struct PanelLaunch(KernelConfig Config, PanelPlace Place, int RowsOfThread)
{
    /// <summary>The most threads of a group. So many are to fit a multiprocessor, which gives each 64 registers.</summary>
    public const int MostThreads = 1024;

    // Half of the 64 registers.
    private const int MostRowsOfThread = 32;

    // 32 columns: a warp loads a line of 128 bytes of one row, its lanes being the columns, and its counters lie in 32 banks.
    private const int RegisterWidthBits = 5;

    // 8 columns, the 32 bytes of a sector. Memory delivers two sectors at a time, but the other one is what the next group, which is about as far,
    // reads from the cache. The panels of one group a multiprocessor of an H100 are 42 MB at 10,000 rows: wider ones would not stay in the
    // cache and be read from memory three times.
    private const int LongWidthBits = 3;

    // What the panels in work should not exceed together; an H100 has 50 MB of L2 cache in two halves, an RTX 4090 has 72 MB.
    private const long CacheBytes = 24 << 20;

    /// <summary>Whether the registers of a group hold a panel.</summary>
    public bool InRegisters => RowsOfThread > 0;

    /// <summary>The launch for <paramref name="columns"/> columns of <paramref name="rows"/> rows.</summary>
    public static PanelLaunch For(GpuBackend gpu, int rows, int columns)
    {
        int groupSize = gpu.GroupSize(RegisterThreads(rows));
        int widthBits = RegisterWidth(groupSize, rows);
        if (widthBits >= 0)
        {
            int rowStep = groupSize >> widthBits;
            return new(gpu.GroupEach(Panels(columns, widthBits), groupSize), new(widthBits, rows), (rows + rowStep - 1) / rowStep);
        }

        // So many groups that all panels in work fit the cache, yet each multiprocessor has one: the more threads, the fewer panels keep the memory busy.
        widthBits = Math.Min(LongWidthBits, BitOperations.TrailingZeroCount(gpu.GroupSize(MostThreads)));
        long panelBytes = (long)rows * sizeof(float) << widthBits;
        long inWork = Math.Clamp(CacheBytes / panelBytes, gpu.Threads, 2 * gpu.Threads);
        return new(gpu.GroupEach(Math.Min(inWork, Panels(columns, widthBits)), MostThreads), new(widthBits, rows), RowsOfThread: 0);
    }

    /// <summary>
    /// As many threads as rows, rounded up to a power of two: 17 to 32 rows a thread. Four groups for up to 256 rows fit a multiprocessor and two for up to
    /// 512, so that some load while others search. A panel of 1,024 rows takes half of all registers, and two of them would leave none to search
    /// with: there is one group, and fewer warps with more rows a thread would hide less latency without making room for a second.
    /// </summary>
    private static int RegisterThreads(int rows) => (int)Math.Min(BitOperations.RoundUpToPowerOf2((uint)rows), MostThreads);

    /// <summary>The most columns, as a power of two, that leave a thread few enough rows; negative where a single column does not.</summary>
    private static int RegisterWidth(int groupSize, int rows)
    {
        int widthBits = Math.Min(RegisterWidthBits, BitOperations.TrailingZeroCount(groupSize));
        while (widthBits >= 0 && (groupSize >> widthBits) * MostRowsOfThread < rows)
        {
            widthBits--;
        }

        return widthBits;
    }

    private static long Panels(int columns, int widthBits) => ((long)columns + (1 << widthBits) - 1) >> widthBits;
}
