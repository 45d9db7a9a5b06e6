// One number for each pair of rows of a matrix, read once: how a CPU takes distances and inner products between all clients.
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace FlGpu.Kernels;

/// <summary>What is added up over the columns of a pair of rows; it is the same whichever of the two comes first.</summary>
internal interface IPairTerm
{
    /// <summary>Whether a row with itself gives zero whatever it holds.</summary>
    static abstract bool ZeroDiagonal { get; }

    /// <summary><paramref name="sum"/> with the term of sixteen columns.</summary>
    static abstract Vector512<float> Add(Vector512<float> x, Vector512<float> y, Vector512<float> sum);
}

/// <summary>(x - y)^2.</summary>
internal readonly struct SquaredDifferenceTerm : IPairTerm
{
    public static bool ZeroDiagonal => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> x, Vector512<float> y, Vector512<float> sum)
    {
        Vector512<float> difference = x - y;
        return Vector512.MultiplyAddEstimate(difference, difference, sum);
    }
}

/// <summary>x y.</summary>
internal readonly struct ProductTerm : IPairTerm
{
    public static bool ZeroDiagonal => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> Add(Vector512<float> x, Vector512<float> y, Vector512<float> sum) => Vector512.MultiplyAddEstimate(x, y, sum);
}

/// <summary>The sums of a term over all pairs of rows.</summary>
internal static class RowPairs<TTerm> where TTerm : struct, IPairTerm
{
    /// <summary>
    /// Writes the sums of all pairs of <paramref name="rows"/> (n x d) to <paramref name="output"/> (n x n, symmetric) and, where they are
    /// wanted, the rows' lengths as seen from <paramref name="origin"/> (1 x d; null: zero) to <paramref name="norms"/> (1 x n).
    /// </summary>
    public static unsafe void Run(SimdBackend simd, Matrix rows, Matrix output, Matrix? norms, Matrix? origin, long flops)
    {
        int n = rows.Rows;
        int slices = Slabs.SlicesFor(n, rows.Columns);
        int panels = (n + Slabs.PanelRows(n) - 1) / Slabs.PanelRows(n);
        long lengthFloats = norms is null ? 0 : 2L * slices * n; // doubles
        long partialFloats = slices == 1 ? 0 : (long)slices * n * n;
        float* workspace = simd.Workspace(lengthFloats + partialFloats);
        double* lengths = norms is null ? null : (double*)workspace;
        float* partial = slices == 1 ? output.Host : workspace + lengthFloats;
        simd.ForEachTile(slices * panels, flops, new Slabs(rows.Host, partial, lengths, origin is null ? null : origin.Host, n, rows.Columns, slices));
        simd.ForEachTile(Mirror.Tiles(n), (long)n * n * slices, new Mirror(partial, output.Host, lengths, norms is null ? null : norms.Host, n, slices));
    }

    /// <summary>
    /// A tile is a panel of rows against all rows after them, over a slice of the columns. It packs 512 columns at a time
    /// and keeps its sums in double precision; the slices are added up afterwards, in order. Each row is packed once as a row of its own
    /// panel: that is when the square of its length is taken, where lengths are wanted.
    /// </summary>
    private readonly unsafe struct Slabs(float* updates, float* partial, double* lengths, float* origin, int n, int columns, int slices) : ITiles
    {
        private const int BlockColumns = 512;

        // A packed row is a little longer than a power of two, so that rows do not fall on the same cache sets.
        private const int Stride = BlockColumns + 16;
        private const int TileRows = 5;
        private const int TileColumns = 5;
        private const int TileSums = TileRows * TileColumns;
        private const int RowsTogether = 5; // whole tiles either way

        // A panel and the rows against it stay in the L2 cache: all rows where there are few, else somewhat more of the panel.
        private const int MostRowsInOnePanel = 52 * RowsTogether;
        private const int SharedPanelRows = 40 * RowsTogether;
        private const int OtherRows = 20 * RowsTogether;
        private const int MaxSlices = 8;

        // Of fewer columns, putting the slices together would be felt.
        private const int SliceColumns = 3 * BlockColumns;
        private const long MaxPartialBytes = 32 << 20;

        public nuint ScratchBytes =>
            (nuint)((PanelRows(n) + OtherRows) * Stride * sizeof(float)) + ((nuint)((MostTiles * TileSums) + PanelRows(n)) * sizeof(double)) + 4096;

        private long MostTiles => (PanelRows(n) / TileRows) * ((n / TileColumns) + (n / OtherRows) + 2L);

        public static int PanelRows(int n) => n <= MostRowsInOnePanel ? (n + RowsTogether - 1) / RowsTogether * RowsTogether : SharedPanelRows;

        /// <summary>Fixed by the shape alone, so that the bits do not depend on the number of threads.</summary>
        public static int SlicesFor(int n, int columns)
        {
            long byMemory = Math.Max(1, MaxPartialBytes / ((long)n * n * sizeof(float)));
            return (int)Math.Min(Math.Min(MaxSlices, byMemory), 1 + (columns / SliceColumns));
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
            double* squares = sums + (MostTiles * TileSums);
            NativeMemory.Clear(sums, (nuint)((MostTiles * TileSums) + panelRows) * sizeof(double));
            for (int block = firstBlock; block < endBlock; block++)
            {
                int k = block * BlockColumns;
                int width = Math.Min(BlockColumns, columns - k);
                double* tileSums = sums;
                Pack(mine, firstRow, panel, k, width);
                if (lengths != null)
                {
                    for (int i = 0; i < panel; i++)
                    {
                        float* row = mine + (i * Stride);
                        squares[i] += origin == null ? RowNorms.SquareOf(row, width) : DistancesToVector.SquareOf(row, origin + k, width);
                    }
                }

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
                            AddTile(own, theirs + (j * Stride), (width + 15) & ~15, tileSums, rowsAhead > 0 ? ahead : own);
                            ahead += columns;
                            rowsAhead--;
                        }
                    }
                }
            }

            Unpack(sums, firstRow, panel, partial + (slices == 1 ? 0 : (long)slice * n * n));
            if (lengths != null)
            {
                new Span<double>(squares, panel).CopyTo(new(lengths + ((long)slice * n) + firstRow, panel));
            }
        }

        /// <summary>Pairs left of the diagonal are the mirror of others: where the rows of a tile of columns from j on end.</summary>
        private static int EndRow(int j, int panel) => Math.Min(panel, j + TileColumns - 1);

        /// <summary>Goes through the tiles in the order in which they were summed and writes the diagonal and what is right of it.</summary>
        private void Unpack(double* tileSums, int firstRow, int panel, float* output)
        {
            for (int j0 = 0; firstRow + j0 < n; j0 += j0 < panel ? panel : OtherRows)
            {
                int end = j0 < panel ? panel : Math.Min(j0 + OtherRows, n - firstRow);
                for (int j = j0; j < end; j += TileColumns)
                {
                    for (int i = 0; i < EndRow(j, panel); i += TileRows, tileSums += TileSums)
                    {
                        int row = firstRow + i;
                        int column = firstRow + j;
                        bool whole = row + TileRows <= column && column + TileColumns <= n;
                        for (int e = 0; e < TileSums; e++)
                        {
                            int r = row + (e / TileColumns), c = column + (e % TileColumns);
                            if (whole || (r <= c && c < n))
                            {
                                output[((long)r * n) + c] = (float)tileSums[(e % TileColumns * TileRows) + (e / TileColumns)];
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

        /// <summary>
        /// Adds the terms of 5 rows with 5 rows over one block: 25 sums in registers, for which ten loads do. Fetches the row at <paramref name="ahead"/>.
        /// </summary>
        [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
        private static void AddTile(float* a, float* b, int width, double* sums, float* ahead)
        {
            Vector512<float> s00 = Vector512<float>.Zero, s10 = s00, s20 = s00, s30 = s00, s40 = s00;
            Vector512<float> s01 = s00, s11 = s00, s21 = s00, s31 = s00, s41 = s00;
            Vector512<float> s02 = s00, s12 = s00, s22 = s00, s32 = s00, s42 = s00;
            Vector512<float> s03 = s00, s13 = s00, s23 = s00, s33 = s00, s43 = s00;
            Vector512<float> s04 = s00, s14 = s00, s24 = s00, s34 = s00, s44 = s00;
            for (float* end = a + width; a < end; a += 16, b += 16, ahead += 16)
            {
                Vector512<float> x0 = Vector512.Load(a), x1 = Vector512.Load(a + Stride), x2 = Vector512.Load(a + (2 * Stride));
                Vector512<float> x3 = Vector512.Load(a + (3 * Stride)), x4 = Vector512.Load(a + (4 * Stride));
                Vector512<float> y = Vector512.Load(b);
                if (Sse.IsSupported)
                {
                    Sse.Prefetch1(ahead);
                }

                s00 = TTerm.Add(x0, y, s00);
                s10 = TTerm.Add(x1, y, s10);
                s20 = TTerm.Add(x2, y, s20);
                s30 = TTerm.Add(x3, y, s30);
                s40 = TTerm.Add(x4, y, s40);
                y = Vector512.Load(b + Stride);
                s01 = TTerm.Add(x0, y, s01);
                s11 = TTerm.Add(x1, y, s11);
                s21 = TTerm.Add(x2, y, s21);
                s31 = TTerm.Add(x3, y, s31);
                s41 = TTerm.Add(x4, y, s41);
                y = Vector512.Load(b + (2 * Stride));
                s02 = TTerm.Add(x0, y, s02);
                s12 = TTerm.Add(x1, y, s12);
                s22 = TTerm.Add(x2, y, s22);
                s32 = TTerm.Add(x3, y, s32);
                s42 = TTerm.Add(x4, y, s42);
                y = Vector512.Load(b + (3 * Stride));
                s03 = TTerm.Add(x0, y, s03);
                s13 = TTerm.Add(x1, y, s13);
                s23 = TTerm.Add(x2, y, s23);
                s33 = TTerm.Add(x3, y, s33);
                s43 = TTerm.Add(x4, y, s43);
                y = Vector512.Load(b + (4 * Stride));
                s04 = TTerm.Add(x0, y, s04);
                s14 = TTerm.Add(x1, y, s14);
                s24 = TTerm.Add(x2, y, s24);
                s34 = TTerm.Add(x3, y, s34);
                s44 = TTerm.Add(x4, y, s44);
            }

            AddFour(sums, s00, s10, s20, s30);
            AddFour(sums + 4, s40, s01, s11, s21);
            AddFour(sums + 8, s31, s41, s02, s12);
            AddFour(sums + 12, s22, s32, s42, s03);
            AddFour(sums + 16, s13, s23, s33, s43);
            AddFour(sums + 20, s04, s14, s24, s34);
            sums[24] += Vector512.Sum(s44);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static Vector256<double> Widen(Vector128<float> values) =>
            Avx.IsSupported ? Avx.ConvertToVector256Double(values) : Vector256.Create(Vector128.WidenLower(values), Vector128.WidenUpper(values));

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void AddFour(double* sums, Vector512<float> r0, Vector512<float> r1, Vector512<float> r2, Vector512<float> r3)
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

    /// <summary>A tile is sixteen rows: it adds up the slices of their part from the diagonal on and mirrors it below.</summary>
    private readonly unsafe struct Mirror(float* partial, float* output, double* lengths, float* norms, int n, int slices) : ITiles
    {
        private const int Side = 16;

        public nuint ScratchBytes => Side * Side * sizeof(float);

        public static int Tiles(int n) => (n + Side - 1) / Side;

        public void Run(int tile, byte* scratch)
        {
            int first = tile * Side;
            int end = Math.Min(n, first + Side);
            for (int column = first; column < n; column += Side)
            {
                if (column > first && column + Side <= n)
                {
                    Square(first, column, (float*)scratch);
                }
                else
                {
                    for (int row = first; row < end; row++)
                    {
                        OneByOne(row, Math.Max(row, column), Math.Min(n, column + Side));
                    }
                }
            }

            for (int row = first; row < end && norms != null; row++)
            {
                double square = 0;
                for (int s = 0; s < slices; s++)
                {
                    square += lengths[((long)s * n) + row];
                }

                norms[row] = (float)Math.Sqrt(square);
            }
        }

        private void Square(int row, int column, float* square)
        {
            for (int i = 0; i < Side; i++)
            {
                long at = ((long)(row + i) * n) + column;
                Vector512<double> lower = Vector512<double>.Zero, upper = lower;
                for (int s = 0; s < slices; s++)
                {
                    Vector512<float> values = Vector512.Load(partial + ((long)s * n * n) + at);
                    lower += Vector512.WidenLower(values);
                    upper += Vector512.WidenUpper(values);
                }

                Vector512<float> sums = Vector512.Narrow(lower, upper);
                sums.Store(output + at);
                sums.Store(square + (i * Side));
            }

            Transpose.Square(square, Side, output + ((long)column * n) + row, n);
        }

        private void OneByOne(long row, int column, int end)
        {
            for (long j = column; j < end; j++)
            {
                double sum = 0;
                for (int s = 0; s < slices; s++)
                {
                    sum += partial[((long)s * n * n) + (row * n) + j];
                }

                output[(row * n) + j] = output[(j * n) + row] = j == row && TTerm.ZeroDiagonal ? 0 : (float)sum;
            }
        }
    }
}
