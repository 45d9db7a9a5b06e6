// Shards: few labels for each client, all rows dealt.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class ShardsTests
{
    private static readonly RngKey s_key = RngKey.FromSeed(7);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(10, 2)]
    [InlineData(7, 3)]
    [InlineData(50, 2)]
    [InlineData(100, 1)]
    public void All_rows_are_dealt_in_shards_of_nearly_one_size(int clients, int perClient)
    {
        Samples samples = PartitionAssert.Cyclic(100);
        int[][] owned = new Shards(perClient).Split(samples, null, clients, s_key);
        PartitionAssert.DealsAll(samples, clients, owned);
        Assert.InRange(owned.Max(rows => rows.Length) - owned.Min(rows => rows.Length), 0, perClient);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void A_client_sees_few_labels(int perClient)
    {
        // Shards smaller than a class: each spans two labels at most.
        Samples samples = PartitionAssert.Cyclic(1003);
        int[][] owned = new Shards(perClient).Split(samples, null, 20, s_key);
        Assert.All(owned, rows => Assert.InRange(rows.DistinctBy(row => samples.Labels[row]).Count(), 1, 2 * perClient));
    }

    [Fact]
    public void A_clients_shards_are_random_ones()
    {
        // 10 shards of one label each; dealt in order, client 0 would have labels 0 and 1, client 1 labels 2 and 3, ...
        Samples samples = PartitionAssert.Cyclic(1000);
        string[] pairs =
        [
            .. from seed in Enumerable.Range(0, 20)
               let rows = new Shards(2).Split(samples, null, 5, RngKey.FromSeed((ulong)seed))[0]
               select string.Join(' ', rows.Select(row => samples.Labels[row]).Distinct().Order()),
        ];
        Assert.InRange(pairs.Distinct().Count(), 10, 20);
    }

    [Fact]
    public void Which_samples_of_a_label_a_shard_has_is_random()
    {
        // One label, two shards: in file order the first would have rows 0 to 499.
        int[] rows = new Shards(1).Split(PartitionAssert.Cyclic(1000, classes: 1), null, 2, s_key)[0];
        Assert.InRange(rows.Average(), 440, 560);
    }

    [Fact]
    public void The_deal_depends_on_the_key_only() => PartitionAssert.DependsOnKeyOnly(new Shards());

    [Fact]
    public void Clients_out_of_range_are_refused() => PartitionAssert.RefusesClientsOutOfRange(new Shards());

    [Theory]
    [InlineData(51, 2, 102)]
    [InlineData(2, int.MaxValue, 4294967294)]
    public void More_shards_than_samples_are_an_error(int clients, int perClient, long shards)
    {
        var error = Assert.Throws<InputException>(
            () => new Shards(perClient).Split(PartitionAssert.Cyclic(100), null, clients, s_key));
        Assert.Contains($"--clients {clients} with partition shards, per_client={perClient}: {shards} shards", error.Message);
        Assert.Contains("at most the 100 training samples", error.Message);
    }

    [Fact]
    public void No_shards_are_an_error()
    {
        var error = Assert.Throws<InputException>(() => new Shards(0));
        Assert.Contains("per_client=0 must be 1 or more", error.Message);
    }
}
