// Iid: equal random parts, or the clients' own samples where data come that way.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class IidTests
{
    private static readonly RngKey s_key = RngKey.FromSeed(7);

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(99)]
    [InlineData(100)]
    public void All_rows_are_dealt_in_parts_of_nearly_one_size(int clients)
    {
        Samples samples = PartitionAssert.Cyclic(100);
        int[][] owned = new Iid().Split(samples, null, clients, s_key);
        PartitionAssert.DealsAll(samples, clients, owned);
        Assert.InRange(owned.Max(rows => rows.Length) - owned.Min(rows => rows.Length), 0, 1);
    }

    [Fact]
    public void Every_client_has_about_the_same_classes()
    {
        Samples samples = new(new float[10000], [.. Enumerable.Range(0, 10000).Select(row => row / 1000)], 1, 10);
        int[][] owned = new Iid().Split(samples, null, 10, s_key);
        Assert.All(owned, rows => Assert.All(
            rows.CountBy(row => samples.Labels[row]), label => Assert.InRange(label.Value, 60, 140)));
        Assert.All(owned, rows => Assert.Equal(10, rows.DistinctBy(row => samples.Labels[row]).Count()));
    }

    [Fact]
    public void Clients_keep_the_samples_that_come_as_theirs()
    {
        int[][] owned = new Iid().Split(PartitionAssert.Cyclic(6), [1, 3, 2], 3, s_key);
        Assert.Equal([[0], [1, 2, 3], [4, 5]], owned);
    }

    [Fact]
    public void The_deal_depends_on_the_key_only() => PartitionAssert.DependsOnKeyOnly(new Iid());

    [Fact]
    public void Clients_out_of_range_are_refused() => PartitionAssert.RefusesClientsOutOfRange(new Iid());

    [Fact]
    public void A_client_whose_size_is_0_is_refused()
    {
        var error = Assert.Throws<InputException>(() => new Iid().Split(PartitionAssert.Cyclic(6), [4, 0, 2], 3, s_key));
        Assert.Contains("--clients 3: client 1 has no samples", error.Message);
    }

    [Theory]
    [InlineData(new[] { 4, 2 })]
    [InlineData(new[] { 1, 2, 2 })]
    public void Sizes_that_do_not_fit_are_a_fault_of_the_program(int[] sizes)
    {
        Assert.Throws<ArgumentException>(() => new Iid().Split(PartitionAssert.Cyclic(6), sizes, 3, s_key));
    }
}
