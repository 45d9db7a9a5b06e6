// Clipping and adaptive robust clipping.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class ClippingTests
{
    private static readonly float[][] s_rows = [[1, 2, 3], [4, 5, 6], [7, 8, 9]];

    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Clipping_and_arc_give_what_ByzFLs_tests_expect(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);

        Staging clipped = Staging.Of(backend, "clipping", s_rows);
        Staging adaptive = Staging.Of(backend, "arc:f=1", s_rows);

        Staging.Near([[0.53452248f, 1.06904497f, 1.60356745f], [0.91168461f, 1.13960576f, 1.36752692f], [1.00514142f, 1.14873305f, 1.29232469f]], clipped.Rows);
        Staging.Near([[1, 2, 3], [4, 5, 6], [4.41004009f, 5.04004582f, 5.67005155f]], adaptive.Rows);
        Assert.Equal([0, 1, 2], clipped.Kept!);
        Assert.Equal([0, 1, 2], adaptive.Kept!);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Rows_within_the_bound_keep_their_bits_and_rows_of_no_numbers_become_zero(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = [[0.1f, -0.3f], [3, -4], [float.NaN, 1], [float.PositiveInfinity, 0], [0, 0]];

        Staging clipped = Staging.Of(backend, "clipping:c=5", rows);

        Assert.Equal([rows[0], rows[1], [0, 0], [0, 0], [0, 0]], clipped.Rows);
        Staging.Near([rows[0], [0.3f, -0.4f], [0, 0], [0, 0], [0, 0]], Staging.Of(backend, "clipping:c=0.5", rows).Rows);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Arc_clips_as_many_as_it_says_to_the_longest_of_the_others(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        for (int n = 1; n <= 11; n++)
        {
            for (int f = 0; 2 * f < n; f++)
            {
                float[][] rows = Staging.Normal((ulong)((100 * n) + f), n, 5);
                double[] norms = [.. rows.Select(Norm)];
                int clipped = (int)(2.0 * f / n * (n - f));
                double bound = norms.Order().ElementAt(n - clipped - 1);

                double[] result = [.. Staging.Of(backend, $"arc:f={f}", rows).Rows.Select(Norm)];

                Assert.Equal(clipped, norms.Count(norm => norm > bound));
                Assert.All(norms.Zip(result), pair => Assert.Equal(Math.Min(bound, pair.First), pair.Second, 1e-5));
            }
        }
    }

    [Fact]
    public void Arc_removes_rows_of_no_numbers_and_leaves_the_others_that_it_need_not_clip()
    {
        using var backend = new ReferenceBackend();

        Staging result = Staging.Of(backend, "arc:f=1", [[1, 0], [float.NaN, 0], [0, 2], [1, 1], [0, 1]]);

        Assert.Equal([[1f, 0], [0, 0], [0, 2], [1, 1], [0, 1]], result.Rows);
    }

    private static double Norm(float[] row) => Math.Sqrt(row.Sum(x => (double)x * x));
}
