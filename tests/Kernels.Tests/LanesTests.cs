// Kernels that read aligned rows sixteen bytes at a time leave the bits that others do, whatever the rows hold.
using FlGpu.Kernels;

namespace FlGpu.Kernels.Tests;

public sealed class LanesTests
{
    private const int Rows = 13;
    private const int Columns = 132;

    public static TheoryData<string, int> OperationsAndGroupSizes
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (string name in s_operations.Keys)
            {
                foreach (int groupSize in Backends.KernelRuntimeName == "ILGPU" ? (int[])[1, 2] : [1, 2, 32, 128])
                {
                    data.Add(name, groupSize);
                }
            }

            return data;
        }
    }

    /// <summary>Each runs on a matrix of 13 rows and returns another whose columns are those of the same numbers.</summary>
    private static readonly Dictionary<string, Func<Backend, Matrix, Matrix>> s_operations = new()
    {
        ["weighted_sum"] = (backend, updates) => Into(backend, 1, updates, sum => backend.Run(new WeightedSum(updates, Weights(backend, 1), sum))),
        ["row_mix"] = (backend, updates) => Into(backend, 10, updates, mixed => backend.Run(new RowMix(updates, Weights(backend, 10), mixed))),
        ["column_moments"] = (backend, updates) => Into(
            backend, 2, updates, both => backend.Run(new ColumnMoments(updates, both.SliceRows(0, 1), both.SliceRows(1, 1), LostDegrees: 1))),
        ["sign_sums"] = (backend, updates) => Into(backend, 1, updates, sums => backend.Run(new SignSums(updates, sums))),
        ["signs"] = (backend, updates) => Into(backend, 1, updates, signs => backend.Run(new Signs(updates.SliceRows(3, 1), signs))),
        ["beyond_range"] = (backend, updates) => Into(backend, 3, updates, sent => backend.Run(new BeyondRange(updates, sent, 2, RngKey.FromSeed(2)))),
        ["add_gaussian_noise"] = (backend, updates) => In(updates, () => backend.Run(new AddGaussianNoise(updates, Weights(backend, 1), RngKey.FromSeed(3)))),
        ["keep_small"] = (backend, updates) => In(updates, () => backend.Run(new KeepSmall(updates, updates.SliceRows(Rows - 1, 1), 1))),
        ["scale_rows"] = (backend, updates) => In(updates, () => backend.Run(new ScaleRows(updates, Weights(backend, 1)))),
        ["gather_rows"] = (backend, updates) => Into(
            backend, Rows, updates, gathered => backend.Run(new GatherRows(updates, Reversed(backend), Weights(backend, 1), gathered))),
        ["blend_rows"] = (backend, updates) => Into(
            backend, Rows, updates, target =>
            {
                backend.Run(new BlendRows(updates, Reversed(backend), Weights(backend, 1), target, Keep: 0));
                backend.Run(new BlendRows(updates, Reversed(backend), Weights(backend, 1), target, Keep: 0.7f));
            }),
        ["add_clipped_rows"] = (backend, updates) => Into(
            backend, Rows, updates, target =>
            {
                using Matrix norms = backend.AllocateMatrix(1, Rows);
                backend.Run(new AddClippedRows(updates, Reversed(backend), target, norms, Keep: 0, Clip: 5));
                backend.Run(new AddClippedRows(updates, Reversed(backend), target, norms, Keep: 0.7f, Clip: 5));
            }),
        ["fill"] = (backend, updates) => Into(backend, 2, updates, filled => backend.Run(new Fill(filled, -0f))),
    };

    [Theory]
    [MemberData(nameof(OperationsAndGroupSizes))]
    public void Aligned_rows_give_the_bits_of_rows_that_are_one_column_longer(string name, int groupSize)
    {
        float[] aligned = ResultOf(name, groupSize, Columns);
        float[] longer = ResultOf(name, groupSize, Columns + 1);

        float[] same = [.. longer.Where((_, e) => e % (Columns + 1) < Columns)];
        Assert.Equal(same.Select(BitConverter.SingleToInt32Bits), aligned.Select(BitConverter.SingleToInt32Bits));
        Assert.Contains(aligned, value => value != 0 || name == "fill");
    }

    [Theory]
    [InlineData(132)]
    [InlineData(133)]
    public void Every_sign_is_counted_once_and_that_of_NaN_never(int columns)
    {
        using GpuBackend cpu = Backends.OpenCpu(threads: 1, groupSize: 2);
        float[] row = new float[columns];
        row.AsSpan(0, 40).Fill(-1e-30f);
        row.AsSpan(40, 7).Fill(float.NaN);
        row.AsSpan(50, 9).Fill(float.PositiveInfinity);
        row[59] = -0f;
        using Matrix updates = cpu.Upload(1, columns, row);
        using Matrix shares = cpu.AllocateMatrix(1, 3);

        cpu.Run(new SignShares(updates, shares));

        Assert.Equal([(float)(9.0 / columns), (float)((columns - 56.0) / columns), (float)(40.0 / columns)], shares.ToArray());
    }

    private static float[] ResultOf(string name, int groupSize, int columns)
    {
        using GpuBackend cpu = Backends.OpenCpu(threads: 1, groupSize);
        // The last column of the longer rows is zero, so that norms are the same.
        RngStream stream = RngKey.FromSeed(1).Stream();
        float[] values = new float[Rows * columns];
        for (int i = 0; i < Rows; i++)
        {
            for (int k = 0; k < Columns; k++)
            {
                values[(i * columns) + k] = (float)stream.NextNormal();
            }
        }

        // Rows without weight, and columns, that hold what spreads.
        values[columns] = float.NaN;
        values[columns + 5] = float.PositiveInfinity;
        values[(2 * columns) + 6] = float.NegativeInfinity;
        values[(3 * columns) + 7] = -0f;
        values[(3 * columns) + 8] = float.NaN;
        using Matrix updates = cpu.Upload(Rows, columns, values);
        using Matrix result = s_operations[name](cpu, updates);
        return result.ToArray();
    }

    private static Matrix Into(Backend backend, int rows, Matrix updates, Action<Matrix> run)
    {
        Matrix result = backend.AllocateMatrix(rows, updates.Columns);
        run(result);
        return result;
    }

    private static Matrix In(Matrix updates, Action run)
    {
        run();
        return updates.SliceRows(0, updates.Rows);
    }

    /// <summary>Every fifth is zero, the second of the first row among them.</summary>
    private static Matrix Weights(Backend backend, int rows) =>
        backend.Upload(rows, Rows, [.. Enumerable.Range(0, rows * Rows).Select(i => i % 5 == 1 ? 0 : 0.1f * (i + 1))]);

    private static Buffer<int> Reversed(Backend backend) => backend.Upload<int>([.. Enumerable.Range(0, Rows).Select(i => Rows - 1 - i)]);
}
