// Squared distances between all pairs of rows on a GPU: tiles of pairs with register blocking, split over the columns when the pairs are few.
namespace FlGpu.Kernels;

/// <summary>
/// A group computes a tile of 64 x 64 pairs from 64 + 64 rows in shared memory, 32 columns at a time; a thread owns 4 x 4 of the pairs, so that 8
/// values loaded serve 16 differences. Differences are taken first and squared: rows that nearly agree keep their digits.
/// </summary>
internal static class DistanceTiles
{
    public const int GroupSize = 256;

    private const int MostTileRows = 64;
    private const int Pairs = 4;
    private const int SlabColumns = 32;
    private const int SlabQuads = SlabColumns / 4;

    // A row in shared memory is 16 bytes longer than its 32 floats: eight rows below each other lie in different banks.
    private const int StrideQuads = SlabQuads + 1;
    private const int Stride = StrideQuads * 4;

    // Single precision adds up this many columns at most before its sum goes into double precision.
    private const int RunSlabs = 16;

    private const int EnoughGroups = 2048;
    private const int FewestSliceColumns = 2048;
    private const long MostPartialBytes = 64 << 20;

    /// <summary>Launches the tiles and the sum over the slices of the columns.</summary>
    public static void Launch(GpuBackend gpu, Matrix updates, Matrix squared)
    {
        int n = updates.Rows;
        int slices = SlicesFor(n, updates.Columns);
        ArrayView<float> output = GpuBackend.View(squared);
        ArrayView<float> partial = slices == 1 ? output : gpu.Scratch((long)slices * n * n);
        var tiling = new DistanceTiling(gpu.GroupSize(GroupSize));
        long tiles = (long)slices * Tiles(n, tiling.Height) * Tiles(n, tiling.Width);
        gpu.Runtime.Launch(TileKernel, gpu.GroupEach(tiles, GroupSize), GpuBackend.View(updates), partial, n, slices);
        gpu.Runtime.Launch(SumKernel, gpu.ThreadEach((long)n * n), partial, output, n, slices);
    }

    /// <summary>Fixed by the shape alone, so that the bits do not depend on the device.</summary>
    private static int SlicesFor(int n, int columns)
    {
        long tiles = (long)Tiles(n, MostTileRows) * (Tiles(n, MostTileRows) + 1) / 2;
        long byMemory = MostPartialBytes / ((long)n * n * sizeof(float));
        return (int)Math.Max(1, Math.Min(Math.Min(EnoughGroups / tiles, columns / FewestSliceColumns), byMemory));
    }

    private static int Tiles(int n, int size) => (n + size - 1) / size;

    /// <summary>A group owns a tile of pairs and a slice of the columns at a time. Tiles below the diagonal mirror others and are left out.</summary>
    private static void TileKernel(ArrayView<float> updates, ArrayView<float> partial, int n, int slices)
    {
        ArrayView<Float4> a = SharedMemory.Allocate<Float4>(MostTileRows * StrideQuads);
        ArrayView<Float4> b = SharedMemory.Allocate<Float4>(MostTileRows * StrideQuads);
        var tiling = new DistanceTiling(Group.DimX);
        long columns = updates.Length / n;
        long slabs = (columns + SlabColumns - 1) / SlabColumns;
        int tilesDown = (n + tiling.Height - 1) / tiling.Height;
        int tilesAcross = (n + tiling.Width - 1) / tiling.Width;
        long tiles = (long)tilesDown * tilesAcross;
        for (long t = Grid.IdxX; t < tiles * slices; t += Grid.DimX)
        {
            long slice = t / tiles;
            int tile = (int)(t - (slice * tiles));
            int firstRow = tile / tilesAcross * tiling.Height;
            int firstOther = tile % tilesAcross * tiling.Width;
            if (firstOther + tiling.Width - 1 > firstRow)
            {
                Tile(updates, partial.SubView(slice * n * n, (long)n * n), a, b, tiling, n, columns, firstRow, firstOther,
                    slabs * slice / slices, slabs * (slice + 1) / slices);
            }
        }
    }

    private static void Tile(
        ArrayView<float> updates, ArrayView<float> partial, ArrayView<Float4> a, ArrayView<Float4> b, DistanceTiling tiling,
        int n, long columns, int firstRow, int firstOther, long firstSlab, long endSlab)
    {
        // Warps own compact blocks of pairs: one that lies beyond the last row or below the diagonal only helps to load.
        bool needed = firstRow + tiling.WarpRow < n && firstOther + tiling.WarpOther < n
            && firstOther + tiling.WarpOther + (Pairs * tiling.OtherStep) - 1 > firstRow + tiling.WarpRow;
        int row = (tiling.WarpRow + tiling.RowInWarp) * StrideQuads;
        int other = (tiling.WarpOther + tiling.OtherInWarp) * StrideQuads;
        int rowStep = tiling.RowStep * StrideQuads;
        int otherStep = tiling.OtherStep * StrideQuads;
        var zero = new Float4(0, 0, 0, 0);
        Float4 run0 = zero, run1 = zero, run2 = zero, run3 = zero;
        var total0 = new Double4(0, 0, 0, 0);
        Double4 total1 = total0, total2 = total0, total3 = total0;
        int slabsInRun = 0;
        for (long slab = firstSlab; slab < endSlab; slab++)
        {
            LoadSlab(updates, a.Cast<float>(), firstRow, tiling.Height, n, slab * SlabColumns, columns);
            LoadSlab(updates, b.Cast<float>(), firstOther, tiling.Width, n, slab * SlabColumns, columns);
            GroupMlp.Sync();
            if (needed)
            {
                for (int quad = 0; quad < SlabQuads; quad++)
                {
                    Float4 b0 = b[other + quad];
                    Float4 b1 = b[other + otherStep + quad];
                    Float4 b2 = b[other + (2 * otherStep) + quad];
                    Float4 b3 = b[other + (3 * otherStep) + quad];
                    run0 = AddSquares(a[row + quad], b0, b1, b2, b3, run0);
                    run1 = AddSquares(a[row + rowStep + quad], b0, b1, b2, b3, run1);
                    run2 = AddSquares(a[row + (2 * rowStep) + quad], b0, b1, b2, b3, run2);
                    run3 = AddSquares(a[row + (3 * rowStep) + quad], b0, b1, b2, b3, run3);
                }

                slabsInRun++;
                if (slabsInRun == RunSlabs || slab == endSlab - 1)
                {
                    total0 += run0;
                    total1 += run1;
                    total2 += run2;
                    total3 += run3;
                    run0 = run1 = run2 = run3 = zero;
                    slabsInRun = 0;
                }
            }

            GroupMlp.Sync();
        }

        if (needed)
        {
            int i = firstRow + tiling.WarpRow + tiling.RowInWarp;
            int j = firstOther + tiling.WarpOther + tiling.OtherInWarp;
            Store(partial, n, i, j, tiling.OtherStep, total0);
            Store(partial, n, i + tiling.RowStep, j, tiling.OtherStep, total1);
            Store(partial, n, i + (2 * tiling.RowStep), j, tiling.OtherStep, total2);
            Store(partial, n, i + (3 * tiling.RowStep), j, tiling.OtherStep, total3);
        }
    }

    /// <summary>
    /// Loads rows of 32 columns: a warp reads 128 bytes of a row, four rows on their way at once. Rows beyond the last are copies of it; columns
    /// beyond the last are zero in both factors.
    /// </summary>
    private static void LoadSlab(ArrayView<float> updates, ArrayView<float> tile, int firstRow, int rows, int n, long firstColumn, long columns)
    {
        for (int e = Group.IdxX; e < rows * SlabColumns; e += 4 * Group.DimX)
        {
            float v0 = Load(updates, e, firstRow, n, firstColumn, columns);
            float v1 = Load(updates, e + Group.DimX, firstRow, n, firstColumn, columns);
            float v2 = Load(updates, e + (2 * Group.DimX), firstRow, n, firstColumn, columns);
            float v3 = Load(updates, e + (3 * Group.DimX), firstRow, n, firstColumn, columns);
            tile[PlaceOf(e)] = v0;
            tile[PlaceOf(e + Group.DimX)] = v1;
            tile[PlaceOf(e + (2 * Group.DimX))] = v2;
            tile[PlaceOf(e + (3 * Group.DimX))] = v3;
        }
    }

    private static float Load(ArrayView<float> updates, int e, int firstRow, int n, long firstColumn, long columns)
    {
        long row = IntrinsicMath.Min(firstRow + (e / SlabColumns), n - 1);
        long column = firstColumn + (e % SlabColumns);
        float value = updates[(row * columns) + Math.Min(column, columns - 1)];
        return column < columns ? value : 0;
    }

    private static int PlaceOf(int e) => (e / SlabColumns * Stride) + (e % SlabColumns);

    private static Float4 AddSquares(Float4 a, Float4 b0, Float4 b1, Float4 b2, Float4 b3, Float4 sums) =>
        new(AddSquares(a, b0, sums.X), AddSquares(a, b1, sums.Y), AddSquares(a, b2, sums.Z), AddSquares(a, b3, sums.W));

    private static float AddSquares(Float4 a, Float4 b, float sum)
    {
        float x = a.X - b.X;
        float y = a.Y - b.Y;
        float z = a.Z - b.Z;
        float w = a.W - b.W;
        sum += x * x;
        sum += y * y;
        sum += z * z;
        return sum + (w * w);
    }

    private static void Store(ArrayView<float> partial, int n, int i, int j, int step, Double4 sums)
    {
        Store(partial, n, i, j, sums.X);
        Store(partial, n, i, j + step, sums.Y);
        Store(partial, n, i, j + (2 * step), sums.Z);
        Store(partial, n, i, j + (3 * step), sums.W);
    }

    private static void Store(ArrayView<float> partial, int n, int i, int j, double sum)
    {
        if (i < j && j < n)
        {
            partial[((long)i * n) + j] = (float)sum;
        }
    }

    /// <summary>A thread owns an element right of the diagonal, or on it: it adds the slices in order and writes the sum to both places.</summary>
    private static void SumKernel(ArrayView<float> partial, ArrayView<float> squared, int n, int slices)
    {
        long pairs = (long)n * n;
        for (long e = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; e < pairs; e += (long)Grid.DimX * Group.DimX)
        {
            long i = e / n;
            long j = e - (i * n);
            if (i == j)
            {
                squared[e] = 0;
            }
            else if (i < j)
            {
                double sum = 0;
                for (int slice = 0; slice < slices; slice++)
                {
                    sum += partial[(slice * pairs) + e];
                }

                squared[e] = (float)sum;
                squared[(j * n) + i] = (float)sum;
            }
        }
    }
}

/// <summary>
/// Where the 4 x 4 pairs of each thread lie in a group's tile, for groups of a power of two up to 256 threads. A warp is 8 x 4 threads and owns 32
/// rows against 16 others; a thread's rows are 8 apart, so that neighbours read neighbouring rows.
/// </summary>
internal readonly struct DistanceTiling(int groupSize)
{
    private int Lanes => IntrinsicMath.Min(groupSize, 32);

    private int Warp => Group.IdxX / Lanes;

    private int Lane => Group.IdxX % Lanes;

    private int WarpsDown => groupSize >= 64 ? 2 : 1;

    /// <summary>Distance between the rows of a thread: the threads of a warp below each other.</summary>
    public int RowStep => IntrinsicMath.Min(Lanes, 8);

    /// <summary>Distance between its others: the threads of a warp side by side.</summary>
    public int OtherStep => Lanes / RowStep;

    /// <summary>Rows of the tile.</summary>
    public int Height => 4 * RowStep * WarpsDown;

    /// <summary>Others of the tile.</summary>
    public int Width => 4 * OtherStep * (groupSize / Lanes / WarpsDown);

    public int WarpRow => Warp % WarpsDown * 4 * RowStep;

    public int WarpOther => Warp / WarpsDown * 4 * OtherStep;

    public int RowInWarp => Lane % RowStep;

    public int OtherInWarp => Lane / RowStep;
}
