// The order of neighbours is that of a stable sort, for few and for many, with ties, infinity and NaN.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class NearestTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(300)]
    public void The_nearest_come_first_and_of_equal_ones_the_lower_index(int n)
    {
        var nearest = new Nearest(300);
        RngStream stream = RngKey.FromSeed(12).Stream();
        foreach (float scale in (float[])[1, 1e-30f, 1e30f])
        {
            float[] distances = new float[n];
            for (int j = 0; j < n; j++)
            {
                distances[j] = stream.NextInt32(8) switch
                {
                    0 => float.NaN,
                    1 => float.PositiveInfinity,
                    2 => 0,
                    3 => scale,
                    _ => (float)Math.Abs(scale * stream.NextNormal()),
                };
            }

            foreach (int self in (int[])[-1, 0, n / 2, n - 1])
            {
                int[] order = new int[n];
                nearest.Order(distances, self, order);

                Assert.Equal(
                    Enumerable.Range(0, n).OrderBy(j => j != self).ThenBy(j => float.IsNaN(distances[j]) ? float.PositiveInfinity : distances[j]), order);
            }
        }
    }
}
