// The mean distance to the nearest others where distances are equal, infinite or NaN.
namespace FlGpu.Kernels.Tests;

public class NeighbourMeansTests
{
    public static TheoryData<int, int> Backends_and_rows
    {
        get
        {
            var data = new TheoryData<int, int>();
            foreach (int backend in (int[])[0, 1, 2])
            {
                foreach (int n in (int[])[2, 3, 16, 17, 33, 130])
                {
                    data.Add(backend, n);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Backends_and_rows))]
    public void They_are_those_of_a_sorted_row_without_the_row_itself(int which, int n)
    {
        using Backend backend = which switch { 0 => new ReferenceBackend(), 1 => new SimdBackend(2), _ => Backends.OpenCpu(threads: 1, groupSize: 1) };
        foreach (Func<int, int, float> distance in (Func<int, int, float>[])
            [
                (i, j) => 1 + (i * j % 7),
                (i, j) => 5,
                (i, j) => 0,
                (i, j) => (i + j) % 3 == 0 ? 1e-40f : 3e38f,
                (i, j) => i == 1 || j == 1 ? float.PositiveInfinity : i + j,
                (i, j) => i == 1 || j == 1 ? float.NaN : i + j,
                (i, j) => i == 0 || j == 0 ? -float.NaN : i * j % 5,
                (i, j) => (i + j) % 4 == 0 ? -float.NaN : (i + j) % 4 == 1 ? float.PositiveInfinity : 0.5f,
            ])
        {
            float[] rows = new float[n * n];
            for (int i = 0; i < n * n; i++)
            {
                rows[i] = i / n == i % n ? 0 : distance(i / n, i % n);
            }

            using Matrix distances = backend.Upload(n, n, rows);
            using Matrix means = backend.AllocateMatrix(1, n);
            foreach (int neighbours in (int[])[1, (n + 1) / 2, n - 1])
            {
                backend.Run(new NeighbourMeans(distances, means, neighbours));

                float[] actual = means.ToArray();
                for (int i = 0; i < n; i++)
                {
                    // float.CompareTo puts NaN first.
                    double expected = Enumerable.Range(0, n).Where(j => j != i).Select(j => (double)rows[(i * n) + j])
                        .OrderBy(x => double.IsNaN(x)).ThenBy(x => x).Take(neighbours).Average();
                    Assert.True(
                        double.IsNaN(expected) ? float.IsNaN(actual[i]) : expected == actual[i] || Math.Abs(expected - actual[i]) <= 1e-6 * expected,
                        $"row {i} of {n}, {neighbours} neighbours: {actual[i]}, not {expected}");
                }
            }
        }
    }
}
