// Inner products of all pairs of rows on the tensor cores of a CUDA device: TF32 factors in halves, by inline PTX.
namespace FlGpu.Kernels;

/// <summary>
/// The two halves of a float that tensor cores multiply as they are: TF32 has the exponent of a float and 10 of its 23 digits. High + Low has 21 or
/// more of them, so that three products of halves are nearly that of the floats: Henry, Tang and Heinecke, ARITH 2019.
/// </summary>
internal static class Tf32
{
    private const uint Kept = 0xffffe000;
    private const uint HalfOfLastKept = 0x1000;

    /// <summary>The bits of the nearest TF32 number.</summary>
    public static uint High(float value) => (Interop.FloatAsInt(value) + HalfOfLastKept) & Kept;

    /// <summary>The bits of the TF32 number nearest to what High leaves; NaN where the value is infinite.</summary>
    public static uint Low(float value) => High(value - Interop.IntAsFloat(High(value)));
}

/// <summary>
/// The tiles of <see cref="PairTiles"/>, 64 x 64 pairs by eight warps. A warp owns 32 x 16 of them, four fragments of 16 x 8, whose sums are registers
/// that the PTX declares: what ILGPU passes out of inline PTX goes through local memory. Sums stay in single precision for 128 columns, because
/// tensor cores round towards zero.
/// </summary>
internal static class TensorTiles
{
    private const int RunSlabs = 4;
    private const int Stride = PairTiles.StrideQuads * 4;

    // Columns that one instruction takes.
    private const int Depth = 8;

    // Distances that are a smaller share of the two squares they are the difference of have not digits enough.
    private const double SureShare = 1.0 / 8;

    private const string Multiply = "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 ";
    private const string Factors = "{%0,%1,%2,%3}, {%4,%5}, ";
    private const string Sums0 = "{acc0,acc1,acc2,acc3}";
    private const string Sums1 = "{acc4,acc5,acc6,acc7}";
    private const string Sums2 = "{acc8,acc9,acc10,acc11}";
    private const string Sums3 = "{acc12,acc13,acc14,acc15}";

    /// <summary>For devices of compute capability 8.0 or more and groups of 256 alone. A group owns a tile of pairs and a slice of the columns at a time.</summary>
    internal static void ProductKernel(ArrayView<float> rows, ArrayView<float> partial, ArrayView<int> wanted, int n, int slices)
    {
        CudaAsm.Emit(".reg .f32 acc<16>; .reg .f64 total<16>; .reg .f64 wide;");
        ArrayView<Float4> a = SharedMemory.Allocate<Float4>(PairTiles.MostTileRows * PairTiles.StrideQuads);
        ArrayView<Float4> b = SharedMemory.Allocate<Float4>(PairTiles.MostTileRows * PairTiles.StrideQuads);
        var tiling = new PairTiling(Group.DimX);
        PairTiles.ForEach(new Tile(new(rows, n, rows.Length / n), partial, a, b, tiling), tiling, wanted, n, rows.Length / n, slices);
    }

    /// <summary>
    /// A group owns a tile: from its products to distances, or the products themselves, and whether the tile has to be done again because a result
    /// of it has not enough digits or is no number.
    /// </summary>
    internal static void JudgeKernel(ArrayView<float> products, ArrayView<float> result, ArrayView<int> again, int n, int distances)
    {
        var tiling = new PairTiling(Group.DimX);
        int tilesAcross = tiling.TilesAcross(n);
        for (int tile = Grid.IdxX; tile < again.Length; tile += Grid.DimX)
        {
            if (Group.IdxX == 0)
            {
                again[tile] = 0;
            }

            GroupBarrier.Wait();
            long firstRow = (long)(tile / tilesAcross) * tiling.Height;
            long firstOther = (long)(tile % tilesAcross) * tiling.Width;
            for (int e = Group.IdxX; e < tiling.Height * tiling.Width; e += Group.DimX)
            {
                long i = firstRow + (e / tiling.Width);
                long j = firstOther + (e % tiling.Width);
                if (i <= j && j < n)
                {
                    double value = products[(i * n) + j];
                    bool isSure = value < float.PositiveInfinity && value > float.NegativeInfinity;
                    if (distances != 0)
                    {
                        double squares = (double)products[i * (n + 1)] + products[j * (n + 1)];
                        value = i == j ? 0 : squares - (2 * value);
                        // Not so where one of them is NaN.
                        isSure = i == j || (value >= SureShare * squares && value < float.PositiveInfinity);
                    }

                    result[(i * n) + j] = (float)value;
                    result[(j * n) + i] = (float)value;
                    if (!isSure)
                    {
                        // Whoever writes this writes the same.
                        again[tile] = 1;
                    }
                }
            }

            GroupBarrier.Wait();
        }
    }

    /// <summary>The row, in a factor of 16 rows by 8 columns, of a lane's element 0 to 3; its element of a factor of 8 x 8 is in row FactorRow(lane, 0).</summary>
    public static int FactorRow(int lane, int element) => (lane / 4) + (element % 2 * 8);

    /// <summary>Its column; element 0 and 1 of a factor of 8 x 8 have those of 0 and 2.</summary>
    public static int FactorColumn(int lane, int element) => (lane % 4) + (element / 2 * 4);

    /// <summary>How far behind a lane's element 0 another one lies in shared memory: the same for all lanes.</summary>
    private static int OffsetOf(int element) => (FactorRow(0, element) * Stride) + FactorColumn(0, element);

    /// <summary>The row, in a result of 16 x 8, of a lane's element 0 to 3.</summary>
    public static int SumRow(int lane, int element) => (lane / 4) + (element / 2 * 8);

    /// <summary>Its column.</summary>
    public static int SumColumn(int lane, int element) => (lane % 4 * 2) + (element % 2);

    private readonly struct Tile(TileRows rows, ArrayView<float> partial, ArrayView<Float4> a, ArrayView<Float4> b, PairTiling tiling) : ITileWork
    {
        public void Run(int firstRow, int firstOther, long slice, long firstSlab, long endSlab)
        {
            int n = rows.Count;
            // The same for all lanes of a warp, as its tensor cores ask.
            bool needed = tiling.WarpIsNeeded(firstRow, firstOther, n);
            int row = ((tiling.WarpRow + FactorRow(tiling.Lane, 0)) * Stride) + FactorColumn(tiling.Lane, 0);
            int other = ((tiling.WarpOther + FactorRow(tiling.Lane, 0)) * Stride) + FactorColumn(tiling.Lane, 0);
            ArrayView<float> rowElements = a.Cast<float>();
            ArrayView<float> otherElements = b.Cast<float>();
            int slabsInRun = 0;
            Clear();
            TileQuads next = rows.Fetch(firstRow, firstOther, firstSlab);
            for (long slab = firstSlab; slab < endSlab; slab++)
            {
                rows.Put(next, a, firstRow, tiling.Height, b, firstOther, tiling.Width, slab);
                GroupBarrier.Wait();
                next = rows.Fetch(firstRow, firstOther, slab + 1);
                if (needed)
                {
                    for (int column = 0; column < PairTiles.SlabColumns; column += Depth)
                    {
                        MultiplyFour(rowElements, row + column, otherElements, other + column);
                    }

                    slabsInRun++;
                    if (slabsInRun == RunSlabs || slab == endSlab - 1)
                    {
                        Flush();
                        slabsInRun = 0;
                    }
                }

                GroupBarrier.Wait();
            }

            if (needed)
            {
                Store(slice * n * n, firstRow + tiling.WarpRow, firstOther + tiling.WarpOther);
            }
        }

        private void Store(long first, int i, int j)
        {
            CudaAsm.Emit("mov.f64 %0, total0;", out double s0);
            CudaAsm.Emit("mov.f64 %0, total1;", out double s1);
            CudaAsm.Emit("mov.f64 %0, total2;", out double s2);
            CudaAsm.Emit("mov.f64 %0, total3;", out double s3);
            CudaAsm.Emit("mov.f64 %0, total4;", out double s4);
            CudaAsm.Emit("mov.f64 %0, total5;", out double s5);
            CudaAsm.Emit("mov.f64 %0, total6;", out double s6);
            CudaAsm.Emit("mov.f64 %0, total7;", out double s7);
            CudaAsm.Emit("mov.f64 %0, total8;", out double s8);
            CudaAsm.Emit("mov.f64 %0, total9;", out double s9);
            CudaAsm.Emit("mov.f64 %0, total10;", out double s10);
            CudaAsm.Emit("mov.f64 %0, total11;", out double s11);
            CudaAsm.Emit("mov.f64 %0, total12;", out double s12);
            CudaAsm.Emit("mov.f64 %0, total13;", out double s13);
            CudaAsm.Emit("mov.f64 %0, total14;", out double s14);
            CudaAsm.Emit("mov.f64 %0, total15;", out double s15);
            Store(first, i, j, s0, s1, s2, s3);
            Store(first, i, j + 8, s4, s5, s6, s7);
            Store(first, i + 16, j, s8, s9, s10, s11);
            Store(first, i + 16, j + 8, s12, s13, s14, s15);
        }

        private void Store(long first, int i, int j, double s0, double s1, double s2, double s3)
        {
            int lane = tiling.Lane;
            PairTiling.Store(partial, first, rows.Count, i + SumRow(lane, 0), j + SumColumn(lane, 0), s0);
            PairTiling.Store(partial, first, rows.Count, i + SumRow(lane, 1), j + SumColumn(lane, 1), s1);
            PairTiling.Store(partial, first, rows.Count, i + SumRow(lane, 2), j + SumColumn(lane, 2), s2);
            PairTiling.Store(partial, first, rows.Count, i + SumRow(lane, 3), j + SumColumn(lane, 3), s3);
        }
    }

    /// <summary>Eight columns of 32 rows times 16 others.</summary>
    private static void MultiplyFour(ArrayView<float> rows, int row, ArrayView<float> others, int other)
    {
        var upper = new RowFactors(rows, row);
        var lower = new RowFactors(rows, row + (16 * Stride));
        var left = new OtherFactors(others, other);
        var right = new OtherFactors(others, other + (8 * Stride));
        // Neighbours add to different sums, so that none waits for the one before.
        CudaAsm.Emit(Multiply + Sums0 + ", " + Factors + Sums0 + ";", upper.Low0, upper.Low1, upper.Low2, upper.Low3, left.High0, left.High1);
        CudaAsm.Emit(Multiply + Sums1 + ", " + Factors + Sums1 + ";", upper.Low0, upper.Low1, upper.Low2, upper.Low3, right.High0, right.High1);
        CudaAsm.Emit(Multiply + Sums2 + ", " + Factors + Sums2 + ";", lower.Low0, lower.Low1, lower.Low2, lower.Low3, left.High0, left.High1);
        CudaAsm.Emit(Multiply + Sums3 + ", " + Factors + Sums3 + ";", lower.Low0, lower.Low1, lower.Low2, lower.Low3, right.High0, right.High1);
        CudaAsm.Emit(Multiply + Sums0 + ", " + Factors + Sums0 + ";", upper.High0, upper.High1, upper.High2, upper.High3, left.Low0, left.Low1);
        CudaAsm.Emit(Multiply + Sums1 + ", " + Factors + Sums1 + ";", upper.High0, upper.High1, upper.High2, upper.High3, right.Low0, right.Low1);
        CudaAsm.Emit(Multiply + Sums2 + ", " + Factors + Sums2 + ";", lower.High0, lower.High1, lower.High2, lower.High3, left.Low0, left.Low1);
        CudaAsm.Emit(Multiply + Sums3 + ", " + Factors + Sums3 + ";", lower.High0, lower.High1, lower.High2, lower.High3, right.Low0, right.Low1);
        CudaAsm.Emit(Multiply + Sums0 + ", " + Factors + Sums0 + ";", upper.High0, upper.High1, upper.High2, upper.High3, left.High0, left.High1);
        CudaAsm.Emit(Multiply + Sums1 + ", " + Factors + Sums1 + ";", upper.High0, upper.High1, upper.High2, upper.High3, right.High0, right.High1);
        CudaAsm.Emit(Multiply + Sums2 + ", " + Factors + Sums2 + ";", lower.High0, lower.High1, lower.High2, lower.High3, left.High0, left.High1);
        CudaAsm.Emit(Multiply + Sums3 + ", " + Factors + Sums3 + ";", lower.High0, lower.High1, lower.High2, lower.High3, right.High0, right.High1);
    }

    private static void Clear()
    {
        CudaAsm.Emit("mov.f32 acc0, 0f00000000; mov.f64 total0, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc1, 0f00000000; mov.f64 total1, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc2, 0f00000000; mov.f64 total2, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc3, 0f00000000; mov.f64 total3, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc4, 0f00000000; mov.f64 total4, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc5, 0f00000000; mov.f64 total5, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc6, 0f00000000; mov.f64 total6, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc7, 0f00000000; mov.f64 total7, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc8, 0f00000000; mov.f64 total8, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc9, 0f00000000; mov.f64 total9, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc10, 0f00000000; mov.f64 total10, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc11, 0f00000000; mov.f64 total11, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc12, 0f00000000; mov.f64 total12, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc13, 0f00000000; mov.f64 total13, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc14, 0f00000000; mov.f64 total14, 0d0000000000000000;");
        CudaAsm.Emit("mov.f32 acc15, 0f00000000; mov.f64 total15, 0d0000000000000000;");
    }

    private static void Flush()
    {
        CudaAsm.Emit("cvt.f64.f32 wide, acc0; add.f64 total0, total0, wide; mov.f32 acc0, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc1; add.f64 total1, total1, wide; mov.f32 acc1, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc2; add.f64 total2, total2, wide; mov.f32 acc2, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc3; add.f64 total3, total3, wide; mov.f32 acc3, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc4; add.f64 total4, total4, wide; mov.f32 acc4, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc5; add.f64 total5, total5, wide; mov.f32 acc5, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc6; add.f64 total6, total6, wide; mov.f32 acc6, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc7; add.f64 total7, total7, wide; mov.f32 acc7, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc8; add.f64 total8, total8, wide; mov.f32 acc8, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc9; add.f64 total9, total9, wide; mov.f32 acc9, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc10; add.f64 total10, total10, wide; mov.f32 acc10, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc11; add.f64 total11, total11, wide; mov.f32 acc11, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc12; add.f64 total12, total12, wide; mov.f32 acc12, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc13; add.f64 total13, total13, wide; mov.f32 acc13, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc14; add.f64 total14, total14, wide; mov.f32 acc14, 0f00000000;");
        CudaAsm.Emit("cvt.f64.f32 wide, acc15; add.f64 total15, total15, wide; mov.f32 acc15, 0f00000000;");
    }

    /// <summary>A lane's elements of 16 rows by 8 columns, in halves.</summary>
    private readonly struct RowFactors
    {
        public readonly uint High0, High1, High2, High3, Low0, Low1, Low2, Low3;

        public RowFactors(ArrayView<float> rows, int row)
        {
            float v0 = rows[row];
            float v1 = rows[row + OffsetOf(1)];
            float v2 = rows[row + OffsetOf(2)];
            float v3 = rows[row + OffsetOf(3)];
            (High0, High1, High2, High3) = (Tf32.High(v0), Tf32.High(v1), Tf32.High(v2), Tf32.High(v3));
            (Low0, Low1, Low2, Low3) = (Tf32.Low(v0), Tf32.Low(v1), Tf32.Low(v2), Tf32.Low(v3));
        }
    }

    /// <summary>A lane's elements of 8 others by 8 columns, in halves.</summary>
    private readonly struct OtherFactors
    {
        public readonly uint High0, High1, Low0, Low1;

        public OtherFactors(ArrayView<float> others, int other)
        {
            float v0 = others[other];
            float v1 = others[other + OffsetOf(2)];
            (High0, High1) = (Tf32.High(v0), Tf32.High(v1));
            (Low0, Low1) = (Tf32.Low(v0), Tf32.Low(v1));
        }
    }
}
