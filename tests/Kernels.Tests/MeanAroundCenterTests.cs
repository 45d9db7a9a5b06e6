// The values closest to a center where many are equally close, on either side of it, and where some are no numbers.
using FlGpu.Kernels;

namespace FlGpu.Kernels.Tests;

public sealed class MeanAroundCenterTests
{
    private const int Columns = 6;

    // In registers, up to their limit, in a group's tile and beyond it.
    public static TheoryData<string, int> Shapes
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (int listed in (int[])[1, 2, 7, 100, 128, 129, 1100])
            {
                data.Add("simd", listed);
                data.Add("cpu", listed);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Of_rows_that_are_equally_close_those_listed_first_count(string name, int listed)
    {
        using var reference = new ReferenceBackend();
        using Backend backend = name == "simd" ? new SimdBackend(2) : Backends.OpenCpu(threads: 2, groupSize: 1);
        foreach (int count in (int[])[1, (listed + 1) / 2, listed])
        {
            Assert.Equal(Mean(reference, listed, count), Mean(backend, listed, count));
        }
    }

    // Small whole numbers, whose sums are exact in any order; every other row is not listed, and the last rows come first.
    private static float[] Mean(Backend backend, int listed, int count)
    {
        int n = 2 * listed;
        float[] values = [.. Enumerable.Range(0, n * Columns).Select(e => Value(e / Columns, e % Columns))];
        using Matrix updates = backend.Upload(n, Columns, values);
        using Matrix center = backend.Upload(1, Columns, [0, 0.5f, -3, 0, 0, 1]);
        using Buffer<int> rows = backend.Upload<int>([.. Enumerable.Range(0, listed).Select(r => n - 1 - (2 * r))]);
        using Matrix mean = backend.AllocateMatrix(1, Columns);
        backend.Run(new MeanAroundCenter(updates, rows, center, count, mean));
        return mean.ToArray();

        static float Value(int i, int k) => k switch
        {
            3 when i % 5 == 1 => float.NaN,
            4 when i % 7 == 3 => float.NegativeInfinity,
            5 => 1,
            _ => (((i * 7) + (i / 3 * 5) + k) % 9) - 4,
        };
    }
}
