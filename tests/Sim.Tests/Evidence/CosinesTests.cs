// Cosines do not depend on how long the rows are, down and up to where floats end.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class CosinesTests
{
    private const int N = 9;
    private const int D = 700;

    public static TheoryData<string> Backends => [.. TestBackends.Names];

    [Theory]
    [MemberData(nameof(Backends))]
    public void The_lengths_of_the_rows_do_not_matter(string name)
    {
        using Backend backend = TestBackends.Open(name);
        RngStream stream = RngKey.FromSeed(12).Stream();
        float[][] rows = LastingRule.RandomRows(ref stream, N, D);
        double[,] expected = new double[N, N];
        for (int i = 0; i < N; i++)
        {
            for (int j = 0; j < N; j++)
            {
                expected[i, j] = LastingRule.Cosine(rows[i], rows[j]);
            }
        }

        foreach (float[] lengths in (float[][])[[1], [1, 1e10f], [3e-7f, 1], [1, 1e-25f], [1e25f, 1], [1e-30f, 1, 1e30f]])
        {
            double[,] actual = Of(backend, [.. rows.Select((row, i) => row.Select(x => x * lengths[i % lengths.Length]).ToArray())]);

            Assert.All(Enumerable.Range(0, N * N), e => Assert.Equal(expected[e / N, e % N], actual[e / N, e % N], 1e-6));
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void The_same_direction_is_exactly_1_and_no_direction_0(string name)
    {
        using Backend backend = TestBackends.Open(name);
        RngStream stream = RngKey.FromSeed(13).Stream();
        float[] row = LastingRule.RandomRows(ref stream, 1, D)[0];
        float[][] rows =
        [
            row, [.. row.Select(x => 3 * x)], [.. row.Select(x => -0.1f * x)], [.. row.Select(x => 7e9f * x)], new float[D],
            [.. row.Select((x, k) => k == 5 ? float.NaN : x)], [.. row.Select((x, k) => k == 5 ? float.NegativeInfinity : x)],
        ];

        double[,] actual = Of(backend, rows);

        double[] sign = [1, 1, -1, 1, 0, 0, 0];
        Assert.All(Enumerable.Range(0, sign.Length * sign.Length), e =>
        {
            (int i, int j) = (e / sign.Length, e % sign.Length);
            double expected = i == j ? 1 : sign[i] * sign[j];
            Assert.Equal(expected, actual[i, j], expected < 0 ? 1e-6 : 0);
        });
    }

    private static double[,] Of(Backend backend, float[][] rows)
    {
        using Matrix matrix = backend.Upload(rows.Length, D, [.. rows.SelectMany(row => row)]);
        using var cosines = new Cosines(backend, rows.Length, D);
        double[,] values = new double[rows.Length, rows.Length];
        cosines.Of(matrix, values);
        return values;
    }
}
