// Products of rows from halves of their digits: right to the digits of single precision, and done again where they are not. The layout of the
// tensor cores' factors is held against what the PTX ISA says of mma.m16n8k8 with .tf32; the instruction itself needs a GPU.
using FlGpu.Kernels;

namespace FlGpu.Kernels.Tests;

public sealed class TensorTilesTests
{
    private const int Warp = 32;

    public static TheoryData<string, int> OperationsAndGroupSizes
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (string name in (string[])["pairwise_squared_distances", "gram_matrix"])
            {
                // A barrier among 128 threads of ILGPU's CPU accelerator takes milliseconds.
                foreach (int groupSize in Backends.KernelRuntimeName == "ILGPU" ? (int[])[1, 2, 32] : [1, 2, 32, 128, 256])
                {
                    data.Add(name, groupSize);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(OperationsAndGroupSizes))]
    public void Pairs_of_rows_agree_with_the_reference(string name, int groupSize)
    {
        using GpuBackend cpu = Backends.OpenCpu(threads: 2, groupSize, likeTensorCores: true);
        OperationListing operation = Operations.All.Single(o => o.Name == name);
        bool isSlow = Backends.KernelRuntimeName == "ILGPU" && groupSize > 2;
        foreach (int n in isSlow ? (int[])[9] : [1, 2, 5, 33, 70])
        {
            foreach (int d in isSlow ? (int[])[65] : [1, 6, 32, 129, 1000])
            {
                Agreement agreement = Conformance.Compare(operation, cpu, n, d, RngKey.FromSeed((ulong)((n * 10_000) + d)));
                Assert.True(agreement.Passed, $"n={n} d={d}: error {agreement.Error:E1}, repeatable {agreement.Repeatable}");
            }
        }
    }

    [Fact]
    public void Distances_of_rows_that_nearly_agree_keep_their_digits_and_those_of_rows_that_are_no_numbers_are_as_without()
    {
        const int N = 70;
        const int D = 200;
        using var reference = new ReferenceBackend();
        using GpuBackend plain = Backends.OpenCpu(threads: 1, groupSize: 1);
        using GpuBackend split = Backends.OpenCpu(threads: 1, groupSize: 1, likeTensorCores: true);
        float[] values = Values();
        float[] expected = Distances(reference);
        float[] without = Distances(plain);
        float[] actual = Distances(split);
        for (int e = 0; e < actual.Length; e++)
        {
            if (!double.IsFinite(expected[e]) || e / N is 40 or 41 || e % N is 40 or 41)
            {
                Assert.Equal(without[e], actual[e]);
            }
            else
            {
                Assert.Equal(expected[e], actual[e], 1e-5 * expected[e]);
            }
        }

        Assert.Equal(0, actual[(3 * N) + 4]);
        Assert.True(actual[(3 * N) + 5] > 0);

        float[] Distances(Backend backend)
        {
            using Matrix rows = backend.Upload(N, D, values);
            using Matrix squared = backend.AllocateMatrix(N, N);
            backend.Run(new PairwiseSquaredDistances(rows, squared));
            return squared.ToArray();
        }

        float[] Values()
        {
            using Matrix random = TestData.Normal(reference, N, D, RngKey.FromSeed(3));
            float[] all = random.ToArray();
            // Rows 3, 4 and 5 are far out together: two the same, one a little beside them. Rows 40 and 41 are no numbers, or have no squares.
            for (int k = 0; k < D; k++)
            {
                all[(3 * D) + k] = all[(4 * D) + k] = 100 + all[k];
                all[(5 * D) + k] = all[(3 * D) + k] + (1e-3f * all[D + k]);
                all[(41 * D) + k] = 1e30f;
            }

            all[40 * D] = float.NaN;
            return all;
        }
    }

    [Fact]
    public void Products_of_rows_without_squares_are_as_without_tensor_cores()
    {
        using GpuBackend split = Backends.OpenCpu(threads: 1, groupSize: 1, likeTensorCores: true);
        using Matrix rows = split.Upload(3, 2, [1e30f, 1e30f, 1e-20f, 2, float.PositiveInfinity, 1]);
        using Matrix products = split.AllocateMatrix(3, 3);
        split.Run(new GramMatrix(rows, products));
        float inf = float.PositiveInfinity;
        Assert.Equal([inf, 2e30f, inf, 2e30f, 4, inf, inf, inf, inf], products.ToArray());
    }

    [Fact]
    public void Two_halves_are_TF32_numbers_and_leave_less_than_a_millionth_of_a_millionth_of_the_square()
    {
        using var reference = new ReferenceBackend();
        using Matrix random = TestData.Normal(reference, 1, 2000, RngKey.FromSeed(4));
        foreach (float value in random.ToArray())
        {
            (uint high, uint low) = (Tf32.High(value), Tf32.Low(value));
            Assert.Equal(0u, (high | low) & 0x1fff);
            double left = value - (double)BitConverter.UInt32BitsToSingle(high) - BitConverter.UInt32BitsToSingle(low);
            Assert.InRange(Math.Abs(left), 0, Math.Abs(value) * Math.Pow(2, -22));
        }
    }

    [Fact]
    public void A_warps_factors_and_sums_lie_where_the_instruction_has_them()
    {
        // What each lane loads, then what the instruction makes of it: element i of lane (g, t) = (lane / 4, lane % 4) belongs to row g or g + 8 and column
        // t or t + 4 of the first factor, to row t or t + 4 and column g of the second, and to row g or g + 8 and column 2 t or 2 t + 1 of the sums.
        double[,] rows = new double[16, 8];
        double[,] others = new double[8, 8];
        for (int lane = 0; lane < Warp; lane++)
        {
            (int g, int t) = (lane / 4, lane % 4);
            rows[g, t] = Row(TensorTiles.FactorRow(lane, 0), TensorTiles.FactorColumn(lane, 0));
            rows[g + 8, t] = Row(TensorTiles.FactorRow(lane, 1), TensorTiles.FactorColumn(lane, 1));
            rows[g, t + 4] = Row(TensorTiles.FactorRow(lane, 2), TensorTiles.FactorColumn(lane, 2));
            rows[g + 8, t + 4] = Row(TensorTiles.FactorRow(lane, 3), TensorTiles.FactorColumn(lane, 3));
            others[t, g] = Other(TensorTiles.FactorRow(lane, 0), TensorTiles.FactorColumn(lane, 0));
            others[t + 4, g] = Other(TensorTiles.FactorRow(lane, 0), TensorTiles.FactorColumn(lane, 2));
        }

        HashSet<(int, int)> stored = [];
        for (int lane = 0; lane < Warp; lane++)
        {
            (int g, int t) = (lane / 4, lane % 4);
            foreach ((int element, int row, int column) in ((int, int, int)[])[(0, g, 2 * t), (1, g, (2 * t) + 1), (2, g + 8, 2 * t), (3, g + 8, (2 * t) + 1)])
            {
                double sum = Enumerable.Range(0, 8).Sum(k => rows[row, k] * others[k, column]);
                (int i, int j) = (TensorTiles.SumRow(lane, element), TensorTiles.SumColumn(lane, element));
                Assert.Equal(Enumerable.Range(0, 8).Sum(k => Row(i, k) * Other(j, k)), sum);
                Assert.True(stored.Add((i, j)));
            }
        }

        Assert.Equal(16 * 8, stored.Count);

        static double Row(int i, int k) => 1 + (i * 8) + k;
        static double Other(int j, int k) => 1000 + (j * j * 8) + (k * k);
    }
}
