// Dirichlet: all rows dealt, the more unevenly the smaller alpha.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class DirichletTests
{
    private static readonly RngKey s_key = RngKey.FromSeed(7);

    [Theory]
    [InlineData(1e-300, 3)]
    [InlineData(0.05, 10)]
    [InlineData(0.5, 1)]
    [InlineData(0.5, 50)]
    [InlineData(1000, 200)]
    [InlineData(double.MaxValue, 200)]
    public void All_rows_are_dealt(double alpha, int clients)
    {
        Samples samples = PartitionAssert.Cyclic(1003);
        PartitionAssert.DealsAll(samples, clients, new Dirichlet(alpha).Split(samples, null, clients, s_key));
    }

    [Fact]
    public void Classes_are_dealt_with_the_variance_of_the_distribution()
    {
        // A share of Dirichlet(a, ..., a) over n clients has mean 1/n and variance (n - 1) / (n^2 (n a + 1)).
        const int Clients = 5;
        Samples samples = PartitionAssert.Cyclic(400_000, classes: 400);
        foreach (double alpha in new[] { 0.2, 1, 10 })
        {
            int[][] owned = new Dirichlet(alpha).Split(samples, null, Clients, s_key);
            foreach (int[] rows in owned)
            {
                Dictionary<int, int> counts = rows.CountBy(row => samples.Labels[row]).ToDictionary();
                double[] shares = [.. Enumerable.Range(0, 400).Select(c => counts.GetValueOrDefault(c) / 1000.0)];
                double expected = (Clients - 1) / (Clients * Clients * ((Clients * alpha) + 1));
                Assert.Equal(0.2, shares.Average(), 4 * Math.Sqrt(expected / 400));
                Assert.InRange(shares.Average(share => (share - 0.2) * (share - 0.2)), expected * 0.7, expected * 1.3);
            }
        }
    }

    [Fact]
    public void Which_samples_of_a_class_a_client_has_is_random()
    {
        Samples samples = PartitionAssert.Cyclic(1000, classes: 2);
        int[] rows = new Dirichlet(1000).Split(samples, null, 2, s_key)[0];
        Assert.InRange(rows.Where(row => row % 2 == 0).Average(), 440, 560);
        Assert.InRange(rows.Where(row => row % 2 == 1).Average(), 440, 560);
    }

    [Fact]
    public void The_deal_depends_on_the_key_only() => PartitionAssert.DependsOnKeyOnly(new Dirichlet());

    [Fact]
    public void Proportions_depend_on_the_key()
    {
        Samples samples = PartitionAssert.Cyclic(1000);
        int[] Sizes(ulong seed) => [.. new Dirichlet().Split(samples, null, 5, RngKey.FromSeed(seed)).Select(rows => rows.Length)];
        Assert.NotEqual(Sizes(1), Sizes(2));
    }

    [Fact]
    public void Clients_out_of_range_are_refused() => PartitionAssert.RefusesClientsOutOfRange(new Dirichlet());

    [Fact]
    public void The_deal_does_not_depend_on_the_clients_sizes()
    {
        Samples samples = PartitionAssert.Cyclic(100);
        Assert.Equal(
            new Dirichlet().Split(samples, null, 2, s_key), new Dirichlet().Split(samples, [99, 1], 2, s_key));
    }

    [Fact]
    public void A_client_that_always_stays_empty_is_an_error()
    {
        // One class for each of at most 10 clients: an eleventh can have nothing.
        var error = Assert.Throws<InputException>(
            () => new Dirichlet(1e-300).Split(PartitionAssert.Cyclic(1000), null, 11, s_key));
        Assert.Contains("--clients 11 with partition dirichlet, alpha=1E-300", error.Message);
        Assert.Contains("fewer clients or a larger alpha", error.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-0.5)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void An_alpha_out_of_range_is_an_error(double alpha)
    {
        var error = Assert.Throws<InputException>(() => new Dirichlet(alpha));
        Assert.Contains("must be above 0 and finite", error.Message);
    }
}
