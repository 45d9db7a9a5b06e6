// DnC against a separate implementation in double precision, from the paper.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class DnCTests
{
    [Theory]
    [InlineData("simd", 200)]
    [InlineData("reference", 20)]
    [InlineData("cpu", 20)]
    public void DnC_is_algorithm_2_of_the_paper(string name, int cases)
    {
        using Backend backend = TestBackends.Open(name);
        int unclear = 0;
        for (int i = 0; i < cases; i++)
        {
            RngStream stream = RngKey.FromSeed(47).Fold((ulong)i).Stream();
            int n = 4 + stream.NextInt32(12);
            int d = 2 + stream.NextInt32(39);
            int f = stream.NextInt32((n + 1) / 2);
            int iterations = 1 + stream.NextInt32(4);
            int dimensions = 1 + stream.NextInt32(50);
            double c = stream.NextInt32(2) == 0 ? 1 : 1.5;
            float[][] rows = RandomRounds.Rows(stream, n, d, f, stream.NextDouble());
            (int[] good, bool clear) = Paper(rows, f, iterations, dimensions, c);

            Aggregation result = Aggregation.Of(
                backend, FormattableString.Invariant($"dnc:f={f},niters={iterations},sub_dim={dimensions},c={c}"), rows, f);

            unclear += clear ? 0 : 1;
            if (clear)
            {
                RandomRounds.Near(RandomRounds.Mean(rows, good), result.Aggregate);
                Assert.Equal(good, RandomRounds.Kept(result));
            }
        }

        // Where two scores at the cut differ by less than single precision resolves, either update may go.
        Assert.InRange(unclear, 0, cases / 20);
    }

    [Fact]
    public void Nobody_left_is_a_zero_update()
    {
        using var backend = new ReferenceBackend();
        float[][] rows = [[1, 0], [0, 1], [-1, 0.1f]];
        Assert.Contains(Enumerable.Range(1, 9), iterations =>
            Aggregation.Of(backend, $"dnc:f=2,sub_dim=1,niters={iterations}", rows) is { } result
            && result.Weights.All(weight => weight == 0) && result.Aggregate.All(x => x == 0));
    }

    // Shejwalkar and Houmansadr, NDSS 2021, algorithm 2, with the singular vector from the b x b covariance.
    private static (int[] Good, bool Clear) Paper(float[][] rows, int f, int iterations, int dimensions, double c)
    {
        int n = rows.Length;
        int d = rows[0].Length;
        bool clear = true;
        IEnumerable<int> good = Enumerable.Range(0, n);
        for (int iteration = 0; iteration < iterations; iteration++)
        {
            RngKey key = RngKey.FromSeed(1).Fold((ulong)Purpose.Defense).Fold((ulong)iteration);
            int[] columns = RandomColumns.Draw(new int[d], Math.Min(dimensions, d), key).ToArray();
            Assert.Equal(Math.Min(dimensions, d), columns.Distinct().Count());
            double[][] centred = [.. rows.Select(row => columns.Select(k => row[k] - rows.Average(other => (double)other[k])).ToArray())];
            double[,] covariance = new double[columns.Length, columns.Length];
            for (int p = 0; p < columns.Length; p++)
            {
                for (int q = 0; q < columns.Length; q++)
                {
                    covariance[p, q] = centred.Sum(row => row[p] * row[q]);
                }
            }

            (double[] values, double[,] vectors) = Jacobi.Eigenvalues(covariance);
            double[] sorted = [.. values.OrderDescending()];
            int top = Array.IndexOf(values, sorted[0]);
            double[] scores = [.. centred.Select(row => Math.Pow(row.Select((x, p) => x * vectors[p, top]).Sum(), 2))];
            int kept = n - (int)(c * f);
            int[] order = [.. Enumerable.Range(0, n).OrderBy(i => scores[i])];
            bool separate = sorted.Length == 1 || sorted[1] < sorted[0] * (1 - 1e-3);
            clear &= kept == n || (separate && scores[order[kept]] - scores[order[kept - 1]] > 1e-4 * scores.Max());
            good = good.Intersect(order.Take(kept));
        }

        return ([.. good.Order()], clear);
    }
}
