// Sums over the columns for all pairs of rows on a GPU: tiles of pairs with register blocking, split over the columns when the pairs are few.
namespace FlGpu.Kernels;

/// <summary>What two elements of a column add to the sum of their rows.</summary>
internal interface ITileTerm
{
    /// <summary>The sum with the term added.</summary>
    static abstract float Add(float a, float b, float sum);
}

/// <summary>(a - b)^2: differences are taken first, so that rows that nearly agree keep their digits.</summary>
internal readonly struct TileDifference : ITileTerm
{
    public static float Add(float a, float b, float sum)
    {
        float difference = a - b;
        return sum + (difference * difference);
    }
}

/// <summary>a b.</summary>
internal readonly struct TileProduct : ITileTerm
{
    public static float Add(float a, float b, float sum) => sum + (a * b);
}

/// <summary>a b from halves of the digits, the way of <see cref="TensorTiles"/>, where there are no tensor cores.</summary>
internal readonly struct TileSplitProduct : ITileTerm
{
    public static float Add(float a, float b, float sum)
    {
        (float aHigh, float bHigh) = (Interop.IntAsFloat(Tf32.High(a)), Interop.IntAsFloat(Tf32.High(b)));
        (float aLow, float bLow) = (Interop.IntAsFloat(Tf32.Low(a)), Interop.IntAsFloat(Tf32.Low(b)));
        return sum + (aLow * bHigh) + (aHigh * bLow) + (aHigh * bHigh);
    }
}

/// <summary>What a group does with a tile.</summary>
internal interface ITileWork
{
    /// <summary>Does the pairs of the tile that starts at a row and an other, over a slice of the columns. Called by all threads of the group.</summary>
    void Run(int firstRow, int firstOther, long slice, long firstSlab, long endSlab);
}

/// <summary>
/// A group computes a tile of 64 x 64 pairs from 64 + 64 rows in shared memory, 32 columns at a time; a thread owns 4 x 4 of the pairs, so that 8
/// values loaded serve 16 terms. The next 32 columns are on their way meanwhile.
/// </summary>
internal static class PairTiles
{
    public const int GroupSize = 256;

    public const int MostTileRows = 64;
    public const int SlabColumns = 32;
    public const int SlabQuads = SlabColumns / 4;

    // A row in shared memory is 16 bytes longer than its 32 floats: eight rows below each other lie in different banks.
    public const int StrideQuads = SlabQuads + 1;

    private const int EnoughGroups = 2048;
    private const int FewestSliceColumns = 2048;
    private const long MostPartialBytes = 64 << 20;

    /// <summary>Launches the squared distances between all rows.</summary>
    public static void Distances(GpuBackend gpu, Matrix rows, Matrix squared)
    {
        if (gpu.UsesTensorCores)
        {
            FromTensorCores(gpu, rows, squared, DifferenceKernel, distances: true);
        }
        else
        {
            Launch(gpu, rows, squared, DifferenceKernel, distances: true);
        }
    }

    /// <summary>Launches the inner products of all rows.</summary>
    public static void Products(GpuBackend gpu, Matrix rows, Matrix products)
    {
        if (gpu.UsesTensorCores)
        {
            FromTensorCores(gpu, rows, products, ProductKernel, distances: false);
        }
        else
        {
            Launch(gpu, rows, products, ProductKernel, distances: false);
        }
    }

    private static void Launch(
        GpuBackend gpu, Matrix rows, Matrix result, Action<ArrayView<float>, ArrayView<float>, ArrayView<int>, int, int> kernel, bool distances)
    {
        int slices = SlicesFor(rows.Rows, rows.Columns);
        ArrayView<float> output = GpuBackend.View(result);
        ArrayView<float> partial = slices == 1 ? output : gpu.Scratch(slices * result.Length);
        Sum(gpu, rows, partial, EveryTile(partial), slices, output, kernel, distances);
    }

    /// <summary>All tiles by products on the tensor cores, and once more by <paramref name="kernel"/> those that have not enough digits.</summary>
    private static void FromTensorCores(
        GpuBackend gpu, Matrix rows, Matrix result, Action<ArrayView<float>, ArrayView<float>, ArrayView<int>, int, int> kernel, bool distances)
    {
        int n = rows.Rows;
        int slices = SlicesFor(n, rows.Columns);
        long tiles = TilesOf(n, gpu);
        ArrayView<float> scratch = gpu.Scratch(((slices + 1) * result.Length) + tiles);
        ArrayView<float> partial = scratch.SubView(0, slices * result.Length);
        ArrayView<float> products = scratch.SubView(slices * result.Length, result.Length);
        ArrayView<int> again = scratch.SubView((slices + 1) * result.Length, tiles).Cast<int>();
        ArrayView<float> output = GpuBackend.View(result);
        Sum(gpu, rows, partial, EveryTile(partial), slices, products, gpu.Runtime.HasTensorCores ? TensorTiles.ProductKernel : SplitProductKernel, distances: false);
        gpu.Runtime.Launch(TensorTiles.JudgeKernel, gpu.GroupEach(tiles, GroupSize), products, output, again, n, distances ? 1 : 0);
        Sum(gpu, rows, partial, again, slices, output, kernel, distances);
    }

    private static void Sum(
        GpuBackend gpu, Matrix rows, ArrayView<float> partial, ArrayView<int> wanted, int slices, ArrayView<float> output,
        Action<ArrayView<float>, ArrayView<float>, ArrayView<int>, int, int> kernel, bool distances)
    {
        gpu.Runtime.Launch(kernel, gpu.GroupEach(slices * TilesOf(rows.Rows, gpu), GroupSize), GpuBackend.View(rows), partial, wanted, rows.Rows, slices);
        gpu.Runtime.Launch(SumKernel, gpu.ThreadEach(output.Length, GroupSize), partial, wanted, output, rows.Rows, slices, distances ? 1 : 0);
    }

    private static ArrayView<int> EveryTile(ArrayView<float> any) => any.SubView(0, 0).Cast<int>();

    private static long TilesOf(int n, GpuBackend gpu)
    {
        var tiling = new PairTiling(gpu.GroupSize(GroupSize));
        return (long)Tiles(n, tiling.Height) * Tiles(n, tiling.Width);
    }

    /// <summary>Fixed by the shape alone, so that the bits do not depend on the device.</summary>
    private static int SlicesFor(int n, int columns)
    {
        long tiles = (long)Tiles(n, MostTileRows) * (Tiles(n, MostTileRows) + 1) / 2;
        long byMemory = MostPartialBytes / ((long)n * n * sizeof(float));
        return (int)Math.Max(1, Math.Min(Math.Min(EnoughGroups / tiles, columns / FewestSliceColumns), byMemory));
    }

    private static int Tiles(int n, int size) => (n + size - 1) / size;

    /// <summary>A group owns a tile of pairs and a slice of the columns at a time.</summary>
    private static void DifferenceKernel(ArrayView<float> rows, ArrayView<float> partial, ArrayView<int> wanted, int n, int slices)
    {
        ArrayView<Float4> a = SharedMemory.Allocate<Float4>(MostTileRows * StrideQuads);
        ArrayView<Float4> b = SharedMemory.Allocate<Float4>(MostTileRows * StrideQuads);
        var tiling = new PairTiling(Group.DimX);
        ForEach(new TermTile<TileDifference>(new(rows, n, rows.Length / n), partial, a, b, tiling), tiling, wanted, n, rows.Length / n, slices);
    }

    /// <summary>The same for products.</summary>
    private static void ProductKernel(ArrayView<float> rows, ArrayView<float> partial, ArrayView<int> wanted, int n, int slices)
    {
        ArrayView<Float4> a = SharedMemory.Allocate<Float4>(MostTileRows * StrideQuads);
        ArrayView<Float4> b = SharedMemory.Allocate<Float4>(MostTileRows * StrideQuads);
        var tiling = new PairTiling(Group.DimX);
        ForEach(new TermTile<TileProduct>(new(rows, n, rows.Length / n), partial, a, b, tiling), tiling, wanted, n, rows.Length / n, slices);
    }

    /// <summary>The same for products of halves.</summary>
    private static void SplitProductKernel(ArrayView<float> rows, ArrayView<float> partial, ArrayView<int> wanted, int n, int slices)
    {
        ArrayView<Float4> a = SharedMemory.Allocate<Float4>(MostTileRows * StrideQuads);
        ArrayView<Float4> b = SharedMemory.Allocate<Float4>(MostTileRows * StrideQuads);
        var tiling = new PairTiling(Group.DimX);
        ForEach(new TermTile<TileSplitProduct>(new(rows, n, rows.Length / n), partial, a, b, tiling), tiling, wanted, n, rows.Length / n, slices);
    }

    /// <summary>
    /// Hands the launch's groups the tiles that are wanted, slice by slice: all where <paramref name="wanted"/> is empty. Tiles below the diagonal
    /// mirror others and are left out.
    /// </summary>
    public static void ForEach<TWork>(TWork work, PairTiling tiling, ArrayView<int> wanted, int n, long columns, int slices) where TWork : struct, ITileWork
    {
        long slabs = (columns + SlabColumns - 1) / SlabColumns;
        int tilesAcross = tiling.TilesAcross(n);
        long tiles = (long)tiling.TilesDown(n) * tilesAcross;
        for (long t = Grid.IdxX; t < tiles * slices; t += Grid.DimX)
        {
            long slice = t / tiles;
            int tile = (int)(t - (slice * tiles));
            int firstRow = tile / tilesAcross * tiling.Height;
            int firstOther = tile % tilesAcross * tiling.Width;
            if (firstOther + tiling.Width > firstRow && IsWanted(wanted, tile))
            {
                work.Run(firstRow, firstOther, slice, slabs * slice / slices, slabs * (slice + 1) / slices);
            }
        }
    }

    private static bool IsWanted(ArrayView<int> wanted, long tile)
    {
        int mark = 1;
        if (wanted.Length > 0)
        {
            mark = wanted[tile];
        }

        return mark != 0;
    }

    /// <summary>
    /// A thread owns an element right of the diagonal, or on it: it adds the slices in order and writes the sum to both places. The distance of
    /// a row to itself is zero, whatever it holds.
    /// </summary>
    private static void SumKernel(ArrayView<float> partial, ArrayView<int> wanted, ArrayView<float> result, int n, int slices, int distances)
    {
        var tiling = new PairTiling(Group.DimX);
        long tilesAcross = tiling.TilesAcross(n);
        long pairs = (long)n * n;
        for (long e = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; e < pairs; e += (long)Grid.DimX * Group.DimX)
        {
            long i = e / n;
            long j = e - (i * n);
            if (i <= j && IsWanted(wanted, (i / tiling.Height * tilesAcross) + (j / tiling.Width)))
            {
                double sum = 0;
                for (int slice = 0; slice < slices; slice++)
                {
                    sum += partial[(slice * pairs) + e];
                }

                float value = i == j && distances != 0 ? 0 : (float)sum;
                result[e] = value;
                result[(j * n) + i] = value;
            }
        }
    }
}

/// <summary>A tile of which each thread adds up 4 x 4 pairs in registers, in single precision for 512 columns at most, then in double.</summary>
internal readonly struct TermTile<TTerm>(TileRows rows, ArrayView<float> partial, ArrayView<Float4> a, ArrayView<Float4> b, PairTiling tiling) : ITileWork
    where TTerm : struct, ITileTerm
{
    private const int RunSlabs = 16;

    public void Run(int firstRow, int firstOther, long slice, long firstSlab, long endSlab)
    {
        int n = rows.Count;
        // Warps own compact blocks of pairs: one that lies beyond the last row or below the diagonal only helps to load.
        bool needed = tiling.WarpIsNeeded(firstRow, firstOther, n);
        int row = (tiling.WarpRow + tiling.RowInWarp) * PairTiles.StrideQuads;
        int other = (tiling.WarpOther + tiling.OtherInWarp) * PairTiles.StrideQuads;
        int rowStep = tiling.RowStep * PairTiles.StrideQuads;
        int otherStep = tiling.OtherStep * PairTiles.StrideQuads;
        var zero = new Float4(0, 0, 0, 0);
        Float4 run0 = zero, run1 = zero, run2 = zero, run3 = zero;
        var total0 = new Double4(0, 0, 0, 0);
        Double4 total1 = total0, total2 = total0, total3 = total0;
        int slabsInRun = 0;
        TileQuads next = rows.Fetch(firstRow, firstOther, firstSlab);
        for (long slab = firstSlab; slab < endSlab; slab++)
        {
            rows.Put(next, a, firstRow, tiling.Height, b, firstOther, tiling.Width, slab);
            GroupBarrier.Wait();
            next = rows.Fetch(firstRow, firstOther, slab + 1);
            if (needed)
            {
                for (int quad = 0; quad < PairTiles.SlabQuads; quad++)
                {
                    Float4 b0 = b[other + quad];
                    Float4 b1 = b[other + otherStep + quad];
                    Float4 b2 = b[other + (2 * otherStep) + quad];
                    Float4 b3 = b[other + (3 * otherStep) + quad];
                    run0 = Add(a[row + quad], b0, b1, b2, b3, run0);
                    run1 = Add(a[row + rowStep + quad], b0, b1, b2, b3, run1);
                    run2 = Add(a[row + (2 * rowStep) + quad], b0, b1, b2, b3, run2);
                    run3 = Add(a[row + (3 * rowStep) + quad], b0, b1, b2, b3, run3);
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

            GroupBarrier.Wait();
        }

        if (needed)
        {
            int i = firstRow + tiling.WarpRow + tiling.RowInWarp;
            int j = firstOther + tiling.WarpOther + tiling.OtherInWarp;
            long first = slice * n * n;
            Store(first, i, j, total0);
            Store(first, i + tiling.RowStep, j, total1);
            Store(first, i + (2 * tiling.RowStep), j, total2);
            Store(first, i + (3 * tiling.RowStep), j, total3);
        }
    }

    private static Float4 Add(Float4 a, Float4 b0, Float4 b1, Float4 b2, Float4 b3, Float4 sums) =>
        new(Add(a, b0, sums.X), Add(a, b1, sums.Y), Add(a, b2, sums.Z), Add(a, b3, sums.W));

    private static float Add(Float4 a, Float4 b, float sum) =>
        TTerm.Add(a.W, b.W, TTerm.Add(a.Z, b.Z, TTerm.Add(a.Y, b.Y, TTerm.Add(a.X, b.X, sum))));

    private void Store(long first, int i, int j, Double4 sums)
    {
        int step = tiling.OtherStep;
        PairTiling.Store(partial, first, rows.Count, i, j, sums.X);
        PairTiling.Store(partial, first, rows.Count, i, j + step, sums.Y);
        PairTiling.Store(partial, first, rows.Count, i, j + (2 * step), sums.Z);
        PairTiling.Store(partial, first, rows.Count, i, j + (3 * step), sums.W);
    }
}

/// <summary>The quads of a slab that a thread has on their way: two of the tile's rows, two of its others.</summary>
internal readonly struct TileQuads(Float4 a0, Float4 a1, Float4 b0, Float4 b1)
{
    public readonly Float4 A0 = a0;
    public readonly Float4 A1 = a1;
    public readonly Float4 B0 = b0;
    public readonly Float4 B1 = b1;
}

/// <summary>
/// The rows that tiles are loaded from. A warp reads 128 bytes of each of four rows at once, 16 bytes a thread where all rows are aligned to that. Rows
/// beyond the last are copies of it; columns beyond the last are zero.
/// </summary>
internal readonly struct TileRows(ArrayView<float> elements, int count, long columns)
{
    public int Count => count;

    public long Columns => columns;

    /// <summary>Loads a thread's first quads of a slab: in groups of 256 threads all it has to load.</summary>
    public TileQuads Fetch(int firstRow, int firstOther, long slab) =>
        new(
            Quad(firstRow, Group.IdxX, slab), Quad(firstRow, Group.IdxX + Group.DimX, slab),
            Quad(firstOther, Group.IdxX, slab), Quad(firstOther, Group.IdxX + Group.DimX, slab));

    /// <summary>Stores them, and loads and stores the rest.</summary>
    public void Put(TileQuads fetched, ArrayView<Float4> a, int firstRow, int height, ArrayView<Float4> b, int firstOther, int width, long slab)
    {
        a[PlaceOf(Group.IdxX)] = fetched.A0;
        a[PlaceOf(Group.IdxX + Group.DimX)] = fetched.A1;
        b[PlaceOf(Group.IdxX)] = fetched.B0;
        b[PlaceOf(Group.IdxX + Group.DimX)] = fetched.B1;
        for (int e = Group.IdxX + (2 * Group.DimX); e < height * PairTiles.SlabQuads; e += Group.DimX)
        {
            a[PlaceOf(e)] = Quad(firstRow, e, slab);
        }

        for (int e = Group.IdxX + (2 * Group.DimX); e < width * PairTiles.SlabQuads; e += Group.DimX)
        {
            b[PlaceOf(e)] = Quad(firstOther, e, slab);
        }
    }

    private static int PlaceOf(int e) => (e / PairTiles.SlabQuads * PairTiles.StrideQuads) + (e % PairTiles.SlabQuads);

    private Float4 Quad(int firstRow, int e, long slab)
    {
        long row = IntrinsicMath.Min(firstRow + (e / PairTiles.SlabQuads), count - 1);
        long column = (slab * PairTiles.SlabColumns) + (4 * (e % PairTiles.SlabQuads));
        long first = (row * columns) + column;
        float x = 0, y = 0, z = 0, w = 0;
        if (columns % 4 == 0)
        {
            if (column < columns)
            {
                Float4 quad = elements.Cast<Float4>()[first / 4];
                (x, y, z, w) = (quad.X, quad.Y, quad.Z, quad.W);
            }
        }
        else if (columns % 2 == 0)
        {
            if (column < columns)
            {
                Float2 pair = elements.Cast<Float2>()[first / 2];
                (x, y) = (pair.X, pair.Y);
            }

            if (column + 2 < columns)
            {
                Float2 pair = elements.Cast<Float2>()[(first / 2) + 1];
                (z, w) = (pair.X, pair.Y);
            }
        }
        else
        {
            if (column < columns)
            {
                x = elements[first];
            }

            if (column + 1 < columns)
            {
                y = elements[first + 1];
            }

            if (column + 2 < columns)
            {
                z = elements[first + 2];
            }

            if (column + 3 < columns)
            {
                w = elements[first + 3];
            }
        }

        return new(x, y, z, w);
    }
}

/// <summary>
/// Where the pairs of each thread lie in a group's tile, for groups of a power of two up to 256 threads. A warp is 8 x 4 threads and owns 32
/// rows against 16 others; a thread's 4 x 4 pairs are 8 rows and 4 others apart, so that neighbours read neighbouring rows.
/// </summary>
internal readonly struct PairTiling(int groupSize)
{
    private const int Pairs = 4;

    private int Lanes => IntrinsicMath.Min(groupSize, 32);

    private int Warp => Group.IdxX / Lanes;

    private int WarpsDown => groupSize >= 64 ? 2 : 1;

    public int Lane => Group.IdxX % Lanes;

    /// <summary>Distance between the rows of a thread: the threads of a warp below each other.</summary>
    public int RowStep => IntrinsicMath.Min(Lanes, 8);

    /// <summary>Distance between its others: the threads of a warp side by side.</summary>
    public int OtherStep => Lanes / RowStep;

    /// <summary>Rows of the tile.</summary>
    public int Height => Pairs * RowStep * WarpsDown;

    /// <summary>Others of the tile.</summary>
    public int Width => Pairs * OtherStep * (groupSize / Lanes / WarpsDown);

    public int WarpRow => Warp % WarpsDown * Pairs * RowStep;

    public int WarpOther => Warp / WarpsDown * Pairs * OtherStep;

    public int RowInWarp => Lane % RowStep;

    public int OtherInWarp => Lane / RowStep;

    public int TilesDown(int n) => (n + Height - 1) / Height;

    public int TilesAcross(int n) => (n + Width - 1) / Width;

    /// <summary>Whether any pair of the warp's is one of existing rows, and not below the diagonal.</summary>
    public bool WarpIsNeeded(int firstRow, int firstOther, int n) =>
        firstRow + WarpRow < n && firstOther + WarpOther < n && firstOther + WarpOther + (Pairs * OtherStep) > firstRow + WarpRow;

    /// <summary>Writes a pair of existing rows that is not below the diagonal.</summary>
    public static void Store(ArrayView<float> partial, long first, int n, int i, int j, double sum)
    {
        if (i <= j && j < n)
        {
            partial[first + ((long)i * n) + j] = (float)sum;
        }
    }
}
