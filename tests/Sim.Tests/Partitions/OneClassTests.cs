// One class a client, and the clients beyond the classes share one.
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Sim.Tests.Partitions;

public class OneClassTests
{
    private static readonly Samples s_samples = new(new float[40], [.. Enumerable.Range(0, 40).Select(i => i % 4)], 1, 4);

    [Fact]
    public void Each_client_has_its_class_and_further_ones_share_the_extra_class()
    {
        int[][] parts = new OneClass(extra: 2).Split(s_samples, null, 7, RngKey.FromSeed(1));

        Assert.Equal([10, 10, 3, 10, 3, 2, 2], parts.Select(part => part.Length));
        Assert.Equal([0, 1, 2, 3, 2, 2, 2], parts.Select(part => Assert.Single(part.Select(row => s_samples.Labels[row]).Distinct())));
        Assert.Equal(Enumerable.Range(0, 40), parts.SelectMany(part => part).Order());
    }

    [Theory]
    [InlineData(4, 4, "extra is 4")]
    [InlineData(-1, 4, "extra is -1")]
    [InlineData(1, 3, "--clients is 3")]
    [InlineData(1, 14, "--clients")]
    public void What_cannot_be_dealt_is_refused(int extra, int clients, string message) =>
        Assert.Contains(
            message, Assert.Throws<InputException>(() => new OneClass(extra).Split(s_samples, null, clients, RngKey.FromSeed(1))).Message, StringComparison.Ordinal);
}
