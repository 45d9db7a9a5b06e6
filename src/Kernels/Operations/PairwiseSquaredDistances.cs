// squared[i, j] = the squared Euclidean distance between rows i and j.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FlGpu.Kernels;

/// <summary>
/// Squared Euclidean distances between all rows of <paramref name="Updates"/> (n x d) into <paramref name="Squared"/>
/// (n x n, symmetric, zero diagonal). Differences are taken before squaring: the cheaper |a|^2 + |b|^2 - 2ab cancels
/// when honest updates are close together.
/// </summary>
[About("squared Euclidean distances between all pairs of rows")]
public readonly record struct PairwiseSquaredDistances(Matrix Updates, Matrix Squared) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new((long)Updates.Rows * (Updates.Rows - 1) / 2 * Updates.Columns * 3, Updates.Bytes, Squared.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key);
        Matrix squared = backend.AllocateMatrix(clients, clients);
        var operation = new PairwiseSquaredDistances(updates, squared);
        return new(() => backend.Run(operation), squared, operation.Cost, parameters, 2.0 * parameters, Restore: null, [updates, squared]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Updates.Rows; i++)
        {
            Squared[i, i] = 0;
            for (int j = i + 1; j < Updates.Rows; j++)
            {
                double sum = 0;
                for (int k = 0; k < Updates.Columns; k++)
                {
                    double difference = (double)Updates[i, k] - Updates[j, k];
                    sum += difference * difference;
                }

                Squared[i, j] = Squared[j, i] = (float)sum;
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd)
    {
        int n = Updates.Rows;
        int slices = Slabs.SlicesFor(n, Updates.Columns);
        int panels = (n + Slabs.PanelRows(n) - 1) / Slabs.PanelRows(n);
        float* partial = slices == 1 ? Squared.Host : simd.Workspace((long)slices * n * n);
        simd.ForEachTile(slices * panels, Cost.Flops, new Slabs(Updates.Host, partial, n, Updates.Columns, slices));
        simd.ForEachTile(n, (long)n * n * slices, new Mirror(partial, Squared.Host, n, slices));
    }

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => DistanceTiles.Launch(gpu, Updates, Squared);

    /// <summary>
    /// A tile is a panel of rows against all rows after them, over a slice of the columns. It packs 512 columns at a time
    /// and keeps its sums in double precision; the slices are added up afterwards, in order.
    /// </summary>
    private readonly unsafe struct Slabs(float* updates, float* partial, int n, int columns, int slices) : ITiles
    {
        private const int BlockColumns = 1024;

        // A packed row is a little longer than a power of two, so that rows do not fall on the same cache sets.
        private const int Stride = BlockColumns + 16;
        private const int TileRows = 4;
        private const int TileColumns = 6;
        private const int TileSums = TileRows * TileColumns;
        private const int RowsTogether = 12; // whole tiles either way

        // A panel and the rows against it stay in the L2 cache: all rows where there are few, else somewhat more of the panel.
        private const int MostRowsInOnePanel = 16 * RowsTogether;
        private const int SharedPanelRows = 11 * RowsTogether;
        private const int OtherRows = 6 * RowsTogether;
        private const int MaxSlices = 8;
        private const long MaxPartialBytes = 32 << 20;

        public nuint ScratchBytes =>
            (nuint)((PanelRows(n) + OtherRows) * Stride * sizeof(float)) + ((nuint)MostTiles * TileSums * sizeof(double)) + 4096;

        private long MostTiles => (PanelRows(n) / TileRows) * ((n / TileColumns) + (n / OtherRows) + 2L);

        public static int PanelRows(int n) => n <= MostRowsInOnePanel ? (n + RowsTogether - 1) / RowsTogether * RowsTogether : SharedPanelRows;

        /// <summary>Fixed by the shape alone, so that the bits do not depend on the number of threads.</summary>
        public static int SlicesFor(int n, int columns)
        {
            long byMemory = Math.Max(1, MaxPartialBytes / ((long)n * n * sizeof(float)));
            return (int)Math.Min(Math.Min(MaxSlices, byMemory), (columns + BlockColumns - 1) / BlockColumns);
        }

        public void Run(int tile, byte* scratch)
        {
            int slice = tile % slices;
            int panelRows = PanelRows(n);
            int firstRow = tile / slices * panelRows;
            int panel = Math.Min(panelRows, n - firstRow);
            int blocks = (columns + BlockColumns - 1) / BlockColumns;
            int firstBlock = (int)((long)blocks * slice / slices);
            int endBlock = (int)((long)blocks * (slice + 1) / slices);

            float* mine = (float*)scratch;
            float* others = mine + (panelRows * Stride);
            double* sums = (double*)(others + (OtherRows * Stride));
            NativeMemory.Clear(sums, (nuint)MostTiles * TileSums * sizeof(double));
            for (int block = firstBlock; block < endBlock; block++)
            {
                int k = block * BlockColumns;
                int width = Math.Min(BlockColumns, columns - k);
                double* tileSums = sums;
                Pack(mine, firstRow, panel, k, width);
                for (int j0 = 0; firstRow + j0 < n; j0 += j0 < panel ? panel : OtherRows)
                {
                    float* theirs = mine;
                    int count = panel;
                    if (j0 > 0)
                    {
                        theirs = others;
                        count = Math.Min(OtherRows, n - firstRow - j0);
                        Pack(others, firstRow + j0, count, k, width);
                    }

                    // While this is multiplied, what will be packed next is fetched: a row with each tile.
                    int nextRow = firstRow + j0 + count;
                    float* ahead = nextRow < n ? updates + ((long)nextRow * columns) + k : updates + ((long)firstRow * columns) + k + BlockColumns;
                    int rowsAhead = nextRow < n ? Math.Min(OtherRows, n - nextRow) : k + BlockColumns < columns ? panel : 0;

                    // The few rows of j stay in the L1 cache while those of i come by.
                    for (int j = 0; j < count; j += TileColumns)
                    {
                        for (int i = 0; i < EndRow(j0 + j, panel); i += TileRows, tileSums += TileSums)
                        {
                            float* own = mine + (i * Stride);
                            Distances(own, theirs + (j * Stride), (width + 15) & ~15, tileSums, rowsAhead > 0 ? ahead : own);
                            ahead += columns;
                            rowsAhead--;
                        }
                    }
                }
            }

            Unpack(sums, firstRow, panel, partial + (slices == 1 ? 0 : (long)slice * n * n));
        }

        /// <summary>Pairs left of the diagonal are the mirror of others: where the rows of a tile of columns from j on end.</summary>
        private static int EndRow(int j, int panel) => Math.Min(panel, j + TileColumns - 1);

        /// <summary>Goes through the tiles in the order in which they were summed and writes what is right of the diagonal.</summary>
        private void Unpack(double* tileSums, int firstRow, int panel, float* output)
        {
            for (int j0 = 0; firstRow + j0 < n; j0 += j0 < panel ? panel : OtherRows)
            {
                int end = j0 < panel ? panel : Math.Min(j0 + OtherRows, n - firstRow);
                for (int j = j0; j < end; j += TileColumns)
                {
                    for (int i = 0; i < EndRow(j, panel); i += TileRows, tileSums += TileSums)
                    {
                        for (int e = 0; e < TileSums; e++)
                        {
                            int row = firstRow + i + (e % TileRows);
                            int column = firstRow + j + (e / TileRows);
                            if (row < column && column < n)
                            {
                                output[((long)row * n) + column] = (float)tileSums[e];
                            }
                        }
                    }
                }
            }
        }

        private void Pack(float* packed, int firstRow, int rows, int k, int width)
        {
            int padded = (rows + RowsTogether - 1) / RowsTogether * RowsTogether;
            int paddedWidth = (width + 15) & ~15;
            for (int i = 0; i < padded; i++, packed += Stride)
            {
                var target = new Span<float>(packed, paddedWidth);
                if (i < rows)
                {
                    new Span<float>(updates + ((long)(firstRow + i) * columns) + k, width).CopyTo(target);
                    target[width..].Clear();
                }
                else
                {
                    target.Clear();
                }
            }
        }

        /// <summary>Adds the squared distances of 4 rows to 6 rows over one block: 24 sums in registers. Fetches the row at <paramref name="ahead"/>.</summary>
        [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
        private static void Distances(float* a, float* b, int width, double* sums, float* ahead)
        {
            float* a1 = a + Stride, a2 = a1 + Stride, a3 = a2 + Stride;
            float* b1 = b + Stride, b2 = b1 + Stride, b3 = b2 + Stride, b4 = b3 + Stride, b5 = b4 + Stride;
            Vector512<float> s00 = Vector512<float>.Zero, s10 = s00, s20 = s00, s30 = s00;
            Vector512<float> s01 = s00, s11 = s00, s21 = s00, s31 = s00;
            Vector512<float> s02 = s00, s12 = s00, s22 = s00, s32 = s00;
            Vector512<float> s03 = s00, s13 = s00, s23 = s00, s33 = s00;
            Vector512<float> s04 = s00, s14 = s00, s24 = s00, s34 = s00;
            Vector512<float> s05 = s00, s15 = s00, s25 = s00, s35 = s00;
            for (int k = 0; k < width; k += 16)
            {
                Vector512<float> x0 = Vector512.Load(a + k), x1 = Vector512.Load(a1 + k), x2 = Vector512.Load(a2 + k), x3 = Vector512.Load(a3 + k);
                Vector512<float> y = Vector512.Load(b + k);
                if (Sse.IsSupported)
                {
                    Sse.Prefetch1(ahead + k);
                }

                s00 = AddSquare(x0 - y, s00);
                s10 = AddSquare(x1 - y, s10);
                s20 = AddSquare(x2 - y, s20);
                s30 = AddSquare(x3 - y, s30);
                y = Vector512.Load(b1 + k);
                s01 = AddSquare(x0 - y, s01);
                s11 = AddSquare(x1 - y, s11);
                s21 = AddSquare(x2 - y, s21);
                s31 = AddSquare(x3 - y, s31);
                y = Vector512.Load(b2 + k);
                s02 = AddSquare(x0 - y, s02);
                s12 = AddSquare(x1 - y, s12);
                s22 = AddSquare(x2 - y, s22);
                s32 = AddSquare(x3 - y, s32);
                y = Vector512.Load(b3 + k);
                s03 = AddSquare(x0 - y, s03);
                s13 = AddSquare(x1 - y, s13);
                s23 = AddSquare(x2 - y, s23);
                s33 = AddSquare(x3 - y, s33);
                y = Vector512.Load(b4 + k);
                s04 = AddSquare(x0 - y, s04);
                s14 = AddSquare(x1 - y, s14);
                s24 = AddSquare(x2 - y, s24);
                s34 = AddSquare(x3 - y, s34);
                y = Vector512.Load(b5 + k);
                s05 = AddSquare(x0 - y, s05);
                s15 = AddSquare(x1 - y, s15);
                s25 = AddSquare(x2 - y, s25);
                s35 = AddSquare(x3 - y, s35);
            }

            AddColumn(sums, s00, s10, s20, s30);
            AddColumn(sums + 4, s01, s11, s21, s31);
            AddColumn(sums + 8, s02, s12, s22, s32);
            AddColumn(sums + 12, s03, s13, s23, s33);
            AddColumn(sums + 16, s04, s14, s24, s34);
            AddColumn(sums + 20, s05, s15, s25, s35);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector512<float> AddSquare(Vector512<float> difference, Vector512<float> sum) =>
            Vector512.MultiplyAddEstimate(difference, difference, sum);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<double> Widen(Vector128<float> values) =>
            Avx.IsSupported ? Avx.ConvertToVector256Double(values) : Vector256.Create(Vector128.WidenLower(values), Vector128.WidenUpper(values));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void AddColumn(double* sums, Vector512<float> r0, Vector512<float> r1, Vector512<float> r2, Vector512<float> r3)
        {
            Vector128<float> totals;
            if (Avx512F.IsSupported)
            {
                // A 4 x 16 transpose and sum at once.
                Vector512<float> t0 = Avx512F.UnpackLow(r0, r1) + Avx512F.UnpackHigh(r0, r1);
                Vector512<float> t1 = Avx512F.UnpackLow(r2, r3) + Avx512F.UnpackHigh(r2, r3);
                Vector512<float> t = Avx512F.UnpackLow(t0.AsDouble(), t1.AsDouble()).AsSingle() + Avx512F.UnpackHigh(t0.AsDouble(), t1.AsDouble()).AsSingle();
                Vector256<float> u = t.GetLower() + t.GetUpper();
                totals = u.GetLower() + u.GetUpper();
            }
            else
            {
                totals = Vector128.Create(Vector512.Sum(r0), Vector512.Sum(r1), Vector512.Sum(r2), Vector512.Sum(r3));
            }

            (Vector256.Load(sums) + Widen(totals)).Store(sums);
        }
    }

    /// <summary>A tile is a row: it adds up the slices of its part right of the diagonal and mirrors it below.</summary>
    private readonly unsafe struct Mirror(float* partial, float* squared, int n, int slices) : ITiles
    {
        public void Run(int tile, byte* scratch)
        {
            long row = tile;
            squared[(row * n) + row] = 0;
            for (long j = row + 1; j < n; j++)
            {
                double sum = 0;
                for (int s = 0; s < slices; s++)
                {
                    sum += partial[((long)s * n * n) + (row * n) + j];
                }

                squared[(row * n) + j] = squared[(j * n) + row] = (float)sum;
            }
        }
    }
}
