// NNM and bucketing: hand cases, and what holds of them whatever the rows are.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class MixingTests
{
    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Nnm_takes_the_mean_of_the_nearest_and_of_equally_near_ones_the_first(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);

        // Row 1 is as far from row 0 as from row 2.
        Staging mixed = Staging.Of(backend, "nnm:f=1", [[1, 2, 3], [4, 5, 6], [7, 8, 9]]);

        Staging.Near([[2.5f, 3.5f, 4.5f], [2.5f, 3.5f, 4.5f], [5.5f, 6.5f, 7.5f]], mixed.Rows);
        Assert.Null(mixed.Kept);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Nnm_without_malicious_clients_is_the_mean_everywhere_and_reckons_with_those_of_the_setting(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = [[0], [1], [3], [10], [100]];

        Staging.Near([.. rows.Select(_ => new[] { 22.8f })], Staging.Of(backend, "nnm", rows).Rows);
        Staging.Near([[4f / 3], [4f / 3], [4f / 3], [14f / 3], [113f / 3]], Staging.Of(backend, "nnm", rows, malicious: 2).Rows);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Nnm_is_what_a_slow_definition_says(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        for (ulong seed = 0; seed < 30; seed++)
        {
            int n = 3 + (int)(seed % 10);
            int near = n - ((n - 1) / 2);
            float[][] rows = Staging.Normal(seed, n, 7);
            float[][] expected =
            [
                .. rows.Select(row =>
                {
                    float[][] nearest = [.. rows.OrderBy(other => row.Zip(other).Sum(pair => ((double)pair.First - pair.Second) * ((double)pair.First - pair.Second))).Take(near)];
                    return Enumerable.Range(0, 7).Select(k => (float)nearest.Average(other => (double)other[k])).ToArray();
                }),
            ];

            Staging.Near(expected, Staging.Of(backend, $"nnm:f={(n - 1) / 2}", rows).Rows);
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void A_row_of_no_numbers_or_huge_ones_spoils_itself_only(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        foreach (float bad in (float[])[float.NaN, float.PositiveInfinity, 1e30f])
        {
            Staging mixed = Staging.Of(backend, "nnm:f=1", [[1, 1], [2, 2], [bad, bad], [3, 3], [4, 4]]);

            Staging.Near([[2.5f, 2.5f], [2.5f, 2.5f]], mixed.Rows[..2]);
            Staging.Near([[2.5f, 2.5f], [2.5f, 2.5f]], mixed.Rows[3..]);
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Buckets_hold_every_row_once_and_the_short_one_is_averaged_on_its_own(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = [[1], [2], [4], [8], [16], [32], [64]]; // each set of rows has a sum of its own

        Staging buckets = Staging.Of(backend, "bucketing:s=3", rows);

        Assert.Null(buckets.Kept);
        int[] sums = [(int)Math.Round(3 * buckets.Rows[0][0]), (int)Math.Round(3 * buckets.Rows[1][0]), (int)Math.Round(buckets.Rows[2][0])];
        Assert.Equal(127, sums[0] | sums[1] | sums[2]);
        Assert.Equal(127, sums.Sum());
        Assert.Equal([3, 3, 1], sums.Select(sum => int.PopCount(sum)));
    }

    [Fact]
    public void Buckets_are_drawn_anew_from_each_rounds_key_and_are_the_same_on_every_backend()
    {
        float[][] rows = Staging.Normal(3, 10, 4);
        float[][][] first = [.. TestBackends.Names.Select(name => Buckets(name, 1))];

        Assert.All(first, buckets => Staging.Near(first[0], buckets));
        Assert.NotEqual(first[0][0], Buckets("reference", 2)[0]);

        float[][] Buckets(string name, ulong seed)
        {
            using Backend backend = TestBackends.Open(name);
            return Staging.Of(backend, "bucketing", rows, seed: seed).Rows;
        }
    }

    [Fact]
    public void Which_rows_share_a_bucket_is_fair()
    {
        using var backend = new ReferenceBackend();
        const int Draws = 2000;
        int together = Enumerable.Range(0, Draws).Count(seed => Staging.Of(backend, "bucketing", [[1], [2], [4], [8]], seed: (ulong)seed).Rows.Any(row => row[0] == 1.5f));

        Assert.InRange(together, (Draws / 3) - 105, (Draws / 3) + 105); // five standard deviations of 21
    }

    [Theory]
    [InlineData("bucketing:s=1", 5)]
    [InlineData("bucketing:s=2", 3)]
    [InlineData("bucketing:s=5", 1)]
    [InlineData("nnm:f=2", 5)]
    public void The_number_of_rows_follows_from_the_clients(string stage, int rows)
    {
        using var backend = new ReferenceBackend();

        Staging result = Staging.Of(backend, stage, Staging.Normal(1, 5, 3));

        Assert.Equal(rows, result.Rows.Length);
    }

    [Theory]
    [InlineData("nnm:f=3", "f is 3; allowed is 0 to 2, below half of 5 rows")]
    [InlineData("nnm:f=-1", "f is -1; allowed is 0 to 2, below half of 5 rows")]
    [InlineData("arc:f=3", "f is 3; allowed is 0 to 2, below half of 5 rows")]
    [InlineData("bucketing:s=0", "s is 0; allowed is 1 to n = 5")]
    [InlineData("bucketing:s=6", "s is 6; allowed is 1 to n = 5")]
    [InlineData("clipping:c=0", "c is 0; allowed is any number above 0")]
    [InlineData("clipping:c=NaN", "c is NaN; allowed is any number above 0")]
    [InlineData("clipping:c=Infinity", "c is Infinity; allowed is any number above 0")]
    [InlineData("anomaly_detection:threshold=0", "threshold is 0; allowed is any number above 0")]
    [InlineData("anomaly_detection:threshold=NaN", "threshold is NaN; allowed is any number above 0")]
    public void Parameters_out_of_range_are_refused(string stage, string message)
    {
        using var backend = new ReferenceBackend();

        var error = Assert.Throws<InputException>(() => Staging.Of(backend, stage, Staging.Normal(1, 5, 3)));

        Assert.Equal($"--defense {stage}: {message}", error.Message);
    }
}
