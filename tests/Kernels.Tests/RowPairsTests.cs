// What the passes over all pairs of rows give beside the pairs: norms, from zero or an origin, and rows whose lengths differ widely.
using FlGpu.Kernels;

namespace FlGpu.Kernels.Tests;

public sealed class RowPairsTests
{
    // Around the widths of tiles, panels and blocks of columns.
    public static TheoryData<string, int, int> Shapes
    {
        get
        {
            var data = new TheoryData<string, int, int>();
            foreach ((int n, int d) in ((int, int)[])[(1, 1), (2, 15), (5, 16), (6, 17), (13, 1023), (12, 1025), (37, 2100)])
            {
                foreach (string backend in (string[])["reference", "simd", "cpu"])
                {
                    data.Add(backend, n, d);
                }
            }

            data.Add("simd", 193, 1100);
            data.Add("simd", 265, 33);
            data.Add("simd", 3, 9001);
            return data;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Norms_from_zero_and_from_an_origin_come_with_the_distances_and_leave_them_as_they_are(string name, int n, int d)
    {
        using Backend backend = Open(name);
        (Matrix rows, Matrix origin) = (TestData.Normal(backend, n, d, RngKey.FromSeed(1)), TestData.Normal(backend, 1, d, RngKey.FromSeed(2)));
        (Matrix alone, Matrix squared, Matrix norms) = (backend.AllocateMatrix(n, n), backend.AllocateMatrix(n, n), backend.AllocateMatrix(1, n));
        backend.Run(new PairwiseSquaredDistances(rows, alone));
        float[] values = rows.ToArray();
        float[] from = origin.ToArray();

        backend.Run(new PairwiseSquaredDistances(rows, squared, norms));
        Assert.Equal(alone.ToArray(), squared.ToArray());
        AssertNorms(norms, i => Enumerable.Range(0, d).Sum(k => Math.Pow(values[(i * d) + k], 2)));

        backend.Run(new PairwiseSquaredDistances(rows, squared, norms, origin));
        Assert.Equal(alone.ToArray(), squared.ToArray());
        AssertNorms(norms, i => Enumerable.Range(0, d).Sum(k => Math.Pow((double)values[(i * d) + k] - from[k], 2)));

        backend.Run(new GramMatrix(rows, squared, norms));
        AssertNorms(norms, i => Enumerable.Range(0, d).Sum(k => Math.Pow(values[(i * d) + k], 2)));
        float[] products = squared.ToArray();
        Assert.All(norms.ToArray().Select((norm, i) => (norm, i)), pair => Assert.Equal((double)pair.norm * pair.norm, products[pair.i * (n + 1)], 2e-6 * pair.norm * pair.norm));
        foreach (Matrix owned in (Matrix[])[rows, origin, alone, squared, norms])
        {
            owned.Dispose();
        }
    }

    [Theory]
    [InlineData("reference")]
    [InlineData("simd")]
    [InlineData("cpu")]
    public void Inner_products_keep_their_digits_beside_a_row_ten_billion_times_as_long(string name)
    {
        using Backend backend = Open(name);
        const int N = 7;
        const int D = 1300;
        float[] values;
        using (Matrix random = TestData.Normal(backend, N, D, RngKey.FromSeed(3)))
        {
            values = random.ToArray();
        }

        values.AsSpan(2 * D, D).Clear();
        for (int k = 0; k < D; k++)
        {
            values[(3 * D) + k] *= 1e10f;
        }

        values[5 * D] = float.NaN;
        values[6 * D] = 1e30f;
        using Matrix rows = backend.Upload(N, D, values);
        using Matrix products = backend.AllocateMatrix(N, N);
        using Matrix norms = backend.AllocateMatrix(1, N);

        backend.Run(new GramMatrix(rows, products, norms));

        float[] actual = products.ToArray();
        double[] length = [.. Enumerable.Range(0, N).Select(i => Math.Sqrt(Product(i, i)))];
        foreach (int i in (int[])[0, 1, 2, 3, 4])
        {
            foreach (int j in (int[])[0, 1, 2, 3, 4])
            {
                Assert.Equal(Product(i, j), actual[(i * N) + j], (1e-6 * length[i] * length[j]) + 1e-30);
            }
        }

        Assert.Equal(0, norms.ToArray()[2]);
        Assert.True(float.IsNaN(norms.ToArray()[5]));
        Assert.Equal(1e30, norms.ToArray()[6], 1e24);
        Assert.Equal(float.PositiveInfinity, actual[(6 * N) + 6]);

        double Product(int i, int j) => Enumerable.Range(0, D).Sum(k => (double)values[(i * D) + k] * values[(j * D) + k]);
    }

    [Theory]
    [InlineData("reference")]
    [InlineData("simd")]
    [InlineData("cpu")]
    public void Rows_are_added_clipped_where_they_are_longer_and_not_at_all_where_they_are_no_numbers(string name)
    {
        using Backend backend = Open(name);
        using Matrix updates = backend.Upload(4, 2, [3, 4, 0.3f, 0.4f, float.NaN, 1, float.PositiveInfinity, 0]);
        using Buffer<int> to = backend.Upload<int>([4, 0, 1, 2]);
        using Matrix target = backend.Upload(5, 2, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        using Matrix norms = backend.AllocateMatrix(1, 4);

        backend.Run(new AddClippedRows(updates, to, target, norms, Keep: 2, Clip: 1));

        Near([2.3f, 4.4f, 6, 8, 10, 12, 7, 8, 18.6f, 20.8f], target.ToArray());
        Near([5, 0.5f, float.NaN, float.PositiveInfinity], norms.ToArray());

        backend.Run(new Fill(target, float.NaN));
        backend.Run(new AddClippedRows(updates, to, target, norms, Keep: 0, Clip: float.PositiveInfinity));

        Near([0.3f, 0.4f, 0, 0, 0, 0, float.NaN, float.NaN, 3, 4], target.ToArray());
    }

    private static Backend Open(string name) => name switch
    {
        "reference" => new ReferenceBackend(),
        "simd" => new SimdBackend(2),
        _ => Backends.OpenCpu(threads: 2, groupSize: 1),
    };

    private static void Near(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.True(
            pair.First.Equals(pair.Second) || Math.Abs(pair.First - pair.Second) <= 1e-6f * Math.Abs(pair.First), $"{pair.Second} is not {pair.First}"));
    }

    private static void AssertNorms(Matrix norms, Func<int, double> squareOf) =>
        Assert.All(norms.ToArray().Select((norm, i) => (norm, i)), pair => Assert.Equal(1, pair.norm / Math.Sqrt(squareOf(pair.i)), 1e-6));
}
