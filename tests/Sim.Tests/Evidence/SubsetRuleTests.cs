// MDA, SMEA and MoNNA against their definitions, by brute force in double precision.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class SubsetRuleTests
{
    private const int RandomCases = 100;

    public static TheoryData<string> Backends => [.. TestBackends.Names];

    [Theory]
    [MemberData(nameof(Backends))]
    public void Mda_is_the_mean_of_the_subset_with_the_smallest_diameter(string name) => ForEachCase(name, "mda", (rows, f, result) =>
    {
        int[] best = RandomRounds.Subsets(rows.Length, rows.Length - f).MinBy(set => Diameter(rows, set))!;

        RandomRounds.Near(RandomRounds.Mean(rows, best), result.Aggregate);
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public void Smea_is_the_mean_of_the_subset_with_the_smallest_largest_eigenvalue(string name) => ForEachCase(name, "smea", (rows, f, result) =>
    {
        int[] best = RandomRounds.Subsets(rows.Length, rows.Length - f).MinBy(set => LargestVariance(rows, set))!;
        int[] kept = RandomRounds.Kept(result);

        RandomRounds.Near(RandomRounds.Mean(rows, kept), result.Aggregate);
        Assert.Equal(rows.Length - f, kept.Length);
        if (!kept.SequenceEqual(best))
        {
            // Distances come in single precision, so that subsets nearly as good may be taken for the best.
            double smallest = LargestVariance(rows, best);
            Assert.InRange(LargestVariance(rows, kept), smallest, smallest * (1 + 1e-5));
        }
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public void Monna_is_the_mean_of_the_updates_nearest_to_the_trusted_one(string name)
    {
        foreach (int idx in (int[])[0, 2])
        {
            ForEachCase(name, $"monna:idx={idx}", (rows, f, result) =>
            {
                int[] nearest = [.. Enumerable.Range(0, rows.Length).OrderBy(i => RandomRounds.Squared(rows[i], rows[idx])).Take(rows.Length - f)];

                RandomRounds.Near(RandomRounds.Mean(rows, nearest), result.Aggregate);
            });
        }
    }

    [Theory]
    [InlineData("mda", 2.5f, 3.5f, 4.5f)]
    [InlineData("smea", 2.5f, 3.5f, 4.5f)]
    [InlineData("monna", 2.5f, 3.5f, 4.5f)]
    [InlineData("monna:idx=1", 2.5f, 3.5f, 4.5f)]
    [InlineData("caf", 4, 5, 6)]
    public void The_examples_of_ByzFL_hold(string defense, float a, float b, float c)
    {
        foreach (string name in TestBackends.Names)
        {
            using Backend backend = TestBackends.Open(name);
            RandomRounds.Near([a, b, c], Aggregation.Of(backend, defense, [[1, 2, 3], [4, 5, 6], [7, 8, 9]], 1).Aggregate);
        }
    }

    [Theory]
    [InlineData("mda:f=3", 6, "f is 3; allowed is 0 to 2 for 6 clients a round")]
    [InlineData("smea:f=-1", 6, "f is -1; allowed is 0 to 2 for 6 clients a round")]
    [InlineData("caf:f=3", 6, "f is 3; allowed is 0 to 2 for 6 clients a round")]
    [InlineData("monna:f=3", 6, "f is 3; allowed is 0 to 2 for 6 clients a round")]
    [InlineData("monna:idx=6", 6, "idx is 6; allowed is 0 to 5 for 6 clients a round")]
    [InlineData("mda:f=20", 100, "f is 20 of 100 clients a round, 5.36E+20 subsets; allowed are at most 5000000, since all of them are searched")]
    [InlineData("smea:f=20", 100, "f is 20 of 100 clients a round, 5.36E+20 subsets; allowed are at most 50000, since all of them are searched")]
    [InlineData("dnc:f=3,c=2", 6, "c is 2 and f is 3; allowed are numbers from 0 on whose product is below n = 6")]
    [InlineData("dnc:niters=0", 6, "niters is 0; allowed is 1 or more")]
    [InlineData("dnc:sub_dim=0", 6, "sub_dim is 0; allowed is 1 or more")]
    [InlineData("sign_majority:step=0", 6, "step is 0; allowed is any number above 0")]
    [InlineData("rlr:threshold=7", 6, "threshold is 7; allowed is 0 to n = 6")]
    [InlineData("weak_dp:deviation=-1", 6, "deviation is -1; allowed is any number from 0 on")]
    [InlineData("sign_guard:lower=4", 6, "lower is 4 and upper is 3; allowed are 0 <= lower <= upper")]
    [InlineData("sign_guard:share=0", 6, "share is 0; allowed is above 0 to 1")]
    [InlineData("auror:threshold=-1", 6, "threshold is -1; allowed is any number from 0 on")]
    public void Parameters_out_of_range_are_refused(string defense, int clients, string message)
    {
        using var backend = new ReferenceBackend();

        var error = Assert.Throws<InputException>(() => Catalogue.Parse<IDefense>("--defense", defense).Create(new Setting(backend, clients, 0, 2)));

        Assert.Equal($"--defense {defense}: {message}", error.Message);
    }

    private static void ForEachCase(string name, string defense, Action<float[][], int, Aggregation> check)
    {
        using Backend backend = TestBackends.Open(name);
        for (int i = 0; i < RandomCases; i++)
        {
            RngStream stream = RngKey.FromSeed(31).Fold((ulong)i).Stream();
            int n = 3 + stream.NextInt32(7);
            int f = stream.NextInt32((n + 1) / 2);
            float[][] rows = RandomRounds.Rows(stream, n, 1 + stream.NextInt32(20), f, stream.NextDouble());
            check(rows, f, Aggregation.Of(backend, defense, rows, f));
        }
    }

    private static double Diameter(float[][] rows, int[] set) => set.Max(i => set.Max(j => RandomRounds.Squared(rows[i], rows[j])));

    // The largest eigenvalue of the d x d scatter matrix, by the method of Jacobi: nothing in common with the rule's own way.
    private static double LargestVariance(float[][] rows, int[] set)
    {
        int d = rows[0].Length;
        double[] mean = RandomRounds.Mean(rows, set);
        double[,] a = new double[d, d];
        for (int p = 0; p < d; p++)
        {
            for (int q = 0; q < d; q++)
            {
                a[p, q] = set.Sum(i => (rows[i][p] - mean[p]) * (rows[i][q] - mean[q]));
            }
        }

        return Jacobi.Eigenvalues(a).Eigenvalues.Max();
    }
}
