// The kernels of the median and the trimmed mean where columns are hard: ties, signed zeros, infinities, NaN, one narrow range, many rows.
using FlGpu.Kernels;

namespace FlGpu.Kernels.Tests;

public sealed class RankKernelTests
{
    // The second number is for groups that share 32 columns: more than one panel, and none that is full but the first.
    private const int FewColumns = 11;
    private const int ManyColumns = 37;

    // A network's, a group's registers' and the long panel's numbers of rows, at and around their limits.
    private static readonly int[] s_rows = [1, 2, 7, 64, 127, 128, 129, 130, 160, 500, 1000, 1023, 1024, 1025, 3000];

    private static bool IsIlgpu => Backends.KernelRuntimeName == "ILGPU";

    public static TheoryData<string, int> ColumnsAndGroupSizes
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (string kind in (string[])["normal", "ties", "one value", "narrow", "infinities", "nan", "zeros"])
            {
                foreach (int groupSize in IsIlgpu && kind is not ("normal" or "nan") ? (int[])[1, 2, 8] : IsIlgpu ? [1, 2, 8, 32, 128] : [1, 2, 8, 32, 48, 128, 256])
                {
                    data.Add(kind, groupSize);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(ColumnsAndGroupSizes))]
    public void Ranks_are_exact_in_columns_of(string kind, int groupSize)
    {
        using GpuBackend cpu = Backends.OpenCpu(threads: 2, groupSize);
        using var reference = new ReferenceBackend();
        int columns = groupSize == 256 ? ManyColumns : FewColumns;
        // A barrier among 128 threads of ILGPU's CPU accelerator takes milliseconds.
        int[] rows = groupSize <= 2 ? s_rows : !IsIlgpu ? [129, 130, 160, 500, 1000, 1023, 1024, 1025] : groupSize == 8 ? [129, 160, 256, 257] : [130, 1000];
        foreach (int n in rows)
        {
            float[] values = Values(kind, n, columns);
            foreach ((int first, int last) in ((int, int)[])[((n - 1) / 2, n / 2), (n / 2, n / 2), (n / 5, n - 1 - (n / 5)), (0, 0), (0, n - 1), (n - 1, n - 1)])
            {
                float[] expected = Mean(reference, values, n, first, last, (ranks, _) => ranks.Reference());
                float[] actual = Mean(cpu, values, n, first, last, (ranks, backend) => ranks.Gpu((GpuBackend)backend));
                for (int k = 0; k < columns; k++)
                {
                    // A single rank is a value of the column, bit for bit; a mean is summed in another order.
                    double tolerance = first == last ? 0 : 1e-6 * Math.Max(1, Math.Abs(expected[k]));
                    Assert.True(
                        expected[k].Equals(actual[k]) || Math.Abs(expected[k] - actual[k]) <= tolerance,
                        $"n={n} ranks {first}..{last} column {k}: {actual[k]:R} instead of {expected[k]:R}");
                }
            }
        }
    }

    private static float[] Mean(Backend backend, float[] values, int n, int first, int last, Action<RankMean, Backend> run)
    {
        int columns = values.Length / n;
        using Matrix updates = backend.Upload(n, columns, values);
        using Matrix mean = backend.AllocateMatrix(1, columns);
        run(new(updates, mean, first, last), backend);
        return mean.ToArray();
    }

    private static float[] Values(string kind, int n, int columns)
    {
        RngStream random = RngKey.FromSeed((ulong)n).Stream();
        float[] values = new float[n * columns];
        foreach (ref float value in values.AsSpan())
        {
            int draw = random.NextInt32(1_000_000);
            float plain = (draw - 500_000) * 1e-5f;
            value = kind switch
            {
                "ties" => (draw % 5) - 2,
                "one value" => 0.25f,
                "narrow" => 1 + (draw % 400 * 1.1920929e-7f),
                "infinities" => draw % 5 == 0 ? float.PositiveInfinity : draw % 5 == 1 ? float.NegativeInfinity : plain,
                "nan" => draw % 4 == 0 ? float.NaN : draw % 4 == 1 ? -float.NaN : plain,
                "zeros" => draw % 3 == 0 ? 0f : draw % 3 == 1 ? -0f : plain,
                _ => plain,
            };
        }

        return values;
    }
}
