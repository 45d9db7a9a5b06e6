// What the tests of all partitions share: samples to deal, and the rules that every partition keeps.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

internal static class PartitionAssert
{
    /// <summary>Samples whose labels go 0, 1, ..., classes - 1, 0, ...; one feature each.</summary>
    public static Samples Cyclic(int count, int classes = 10) =>
        new(new float[count], [.. Enumerable.Range(0, count).Select(row => row % classes)], 1, classes);

    /// <summary>Every client has a row, and every row has one client.</summary>
    public static void DealsAll(Samples samples, int clients, int[][] owned)
    {
        Assert.Equal(clients, owned.Length);
        Assert.All(owned, Assert.NotEmpty);
        Assert.Equal(Enumerable.Range(0, samples.Count), owned.SelectMany(rows => rows).Order());
    }

    /// <summary>The same key deals alike, another differently.</summary>
    public static void DependsOnKeyOnly(IPartition partition)
    {
        Samples samples = Cyclic(500);
        int[][] first = partition.Split(samples, null, 7, RngKey.FromSeed(1));
        Assert.Equal(first, partition.Split(samples, null, 7, RngKey.FromSeed(1)));
        Assert.NotEqual(first, partition.Split(samples, null, 7, RngKey.FromSeed(2)));
    }

    /// <summary>Fewer clients than one, and more than samples, are errors that say what is allowed.</summary>
    public static void RefusesClientsOutOfRange(IPartition partition)
    {
        foreach (int clients in new[] { -1, 0, 21, int.MaxValue })
        {
            var error = Assert.Throws<InputException>(() => partition.Split(Cyclic(20), null, clients, RngKey.FromSeed(1)));
            Assert.Contains($"--clients {clients} must be from 1 to 20", error.Message);
        }
    }
}
