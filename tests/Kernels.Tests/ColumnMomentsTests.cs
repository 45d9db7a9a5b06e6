// Means and deviations of columns that a single pass over them could spoil.
using FlGpu.Kernels;

namespace FlGpu.Kernels.Tests;

public sealed class ColumnMomentsTests
{
    public static TheoryData<string> BackendNames => ["reference", "simd", "cpu"];

    [Theory]
    [MemberData(nameof(BackendNames))]
    public void Deviations_keep_their_digits_far_from_zero_and_where_the_first_value_is_far_from_the_others(string name)
    {
        const int N = 1000;
        using Backend backend = name switch
        {
            "reference" => new ReferenceBackend(),
            "simd" => new SimdBackend(2),
            _ => Backends.OpenCpu(threads: 2, groupSize: 1),
        };

        // Far from zero; the first far from the others; all the same; the last infinite.
        Func<int, float>[] columns =
        [
            i => 1e6f + (i % 2), i => i == 0 ? 1e10f : i % 3, _ => 0.1f, i => i == N - 1 ? float.PositiveInfinity : i, i => i == 0 ? -1e-20f : 1e-20f * (i % 5),
        ];
        float[] values = [.. Enumerable.Range(0, N).SelectMany(i => columns.Select(column => column(i)))];
        using Matrix updates = backend.Upload(N, columns.Length, values);
        using Matrix mean = backend.AllocateMatrix(1, columns.Length);
        using Matrix deviation = backend.AllocateMatrix(1, columns.Length);

        backend.Run(new ColumnMoments(updates, mean, deviation, LostDegrees: 1));

        for (int k = 0; k < columns.Length; k++)
        {
            double[] column = [.. Enumerable.Range(0, N).Select(i => (double)values[(i * columns.Length) + k])];
            double average = column.Average();
            double expected = Math.Sqrt(column.Sum(value => (value - average) * (value - average)) / (N - 1));
            AssertNear(average, mean.ToArray()[k]);
            AssertNear(expected, deviation.ToArray()[k]);
        }

        static void AssertNear(double expected, float actual) => Assert.True(
            ((float)expected).Equals(actual) || Math.Abs(expected - actual) <= 1e-6 * Math.Abs(expected), $"{actual:R} instead of {expected:R}");
    }
}
