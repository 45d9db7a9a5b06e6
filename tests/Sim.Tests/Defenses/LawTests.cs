// What must hold of an aggregate whatever the updates are: laws over random rows, and malicious rows that are not numbers.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class LawTests
{
    private const int RandomCases = 50;

    private static readonly string[] s_equivariant =
    [
        "none", "none:weighting=uniform", "median", "median:even=lower", "median:even=upper", "trimmed_mean", "krum",
        "krum:distance=euclidean,neighbours=n-f-1", "multi_krum", "multi_krum:keep=2,distance=euclidean",
    ];

    public static TheoryData<string, string> Equivariant => TestBackends.With(s_equivariant);

    public static TheoryData<string, string> AllRules => TestBackends.With([.. s_equivariant, "norm_clip:clip=4"]);

    public static TheoryData<string, string> AllWithLargeClip => TestBackends.With([.. s_equivariant, "norm_clip:clip=1000"]);

    public static TheoryData<string, string> InsideHonestHull =>
        TestBackends.With("median", "krum", "krum:distance=euclidean", "multi_krum", "trimmed_mean:f=");

    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(AllRules))]
    public void The_order_of_clients_does_not_matter(string name, string defense) => ForEachCase(name, (backend, stream, updates) =>
    {
        int[] order = [.. Enumerable.Range(0, updates.N)];
        stream.Shuffle<int>(order);

        float[] aggregate = updates.Aggregate(backend, defense);
        float[] permuted = (updates with
        {
            Rows = [.. order.Select(i => updates.Rows[i])],
            Samples = [.. order.Select(i => updates.Samples[i])],
        }).Aggregate(backend, defense);

        Near(aggregate, permuted, 1e-5);
    });

    [Theory]
    [MemberData(nameof(Equivariant))]
    public void Shifting_all_updates_shifts_the_aggregate(string name, string defense) => ForEachCase(name, (backend, stream, updates) =>
    {
        float[] shift = [.. Enumerable.Range(0, updates.D).Select(_ => (float)(3 * stream.NextNormal()))];

        float[] aggregate = updates.Aggregate(backend, defense);
        float[] shifted = updates.Map((x, k) => x + shift[k]).Aggregate(backend, defense);

        Near([.. aggregate.Select((x, k) => x + shift[k])], shifted, 1e-5);
    });

    [Theory]
    [MemberData(nameof(Equivariant))]
    public void Doubling_all_updates_doubles_the_aggregate(string name, string defense) => ForEachCase(name, (backend, _, updates) =>
    {
        float[] aggregate = updates.Aggregate(backend, defense);
        float[] doubled = updates.Map((x, _) => 2 * x).Aggregate(backend, defense);

        Near([.. aggregate.Select(x => 2 * x)], doubled, 1e-5);
    });

    [Theory]
    [MemberData(nameof(Equivariant))]
    public void The_aggregate_lies_between_the_updates(string name, string defense) => ForEachCase(name, (backend, _, updates) =>
        Between(updates.Rows, updates.Aggregate(backend, defense)));

    [Theory]
    [MemberData(nameof(OnEach))]
    public void A_clipped_mean_is_no_longer_than_the_clip_and_is_the_mean_where_nothing_is_longer(string name, string _) =>
        ForEachCase(name, (backend, _, updates) =>
        {
            double longest = updates.Rows.Max(Norm);

            float[] clipped = updates.Aggregate(backend, "norm_clip:clip=0.25");
            Assert.InRange(Norm(clipped), 0, 0.25 + 1e-6);
            Assert.All(updates.Rows.Zip(Aggregation.Of(backend, "norm_clip:clip=0.25", updates.Rows).Weights), pair =>
            {
                Assert.Equal(Math.Min(1, 0.25 / Norm(pair.First)) / updates.N, pair.Second, 1e-6);
                Assert.True(pair.Second > 0);
            });

            string wide = FormattableString.Invariant($"norm_clip:clip={longest * 1.001}");
            Near(updates.Aggregate(backend, "none:weighting=uniform"), updates.Aggregate(backend, wide), 1e-5);
        });

    [Theory]
    [MemberData(nameof(AllWithLargeClip))]
    public void Equal_updates_are_their_aggregate(string name, string defense) => ForEachCase(name, (backend, _, updates) =>
        Near(updates.Rows[0], (updates with { Rows = [.. updates.Rows.Select(_ => updates.Rows[0])] }).Aggregate(backend, defense), 1e-5));

    [Theory]
    [MemberData(nameof(InsideHonestHull))]
    public void Malicious_rows_that_are_no_numbers_or_huge_cannot_pull_the_aggregate_out_of_the_honest_ones(string name, string defense) =>
        ForEachCase(name, (backend, _, updates) =>
        {
            string rule = defense.EndsWith('=') ? $"{defense}{updates.Malicious}" : defense;
            foreach (Updates poisoned in Poisonings(updates))
            {
                Between(updates.Rows[..^updates.Malicious], poisoned.Aggregate(backend, rule));
            }
        });

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Clipping_leaves_no_trace_of_rows_that_are_no_numbers_and_a_short_one_of_huge_ones(string name, string _) =>
        ForEachCase(name, (backend, _, updates) =>
        {
            const double Clip = 4;
            foreach (Updates poisoned in Poisonings(updates))
            {
                float[] aggregate = poisoned.Aggregate(backend, "norm_clip:clip=4");

                double[] expected = new double[updates.D];
                foreach (float[] row in poisoned.Rows.Where(row => row.All(float.IsFinite)))
                {
                    double factor = Math.Min(1, Clip / Norm(row)) / updates.N;
                    for (int k = 0; k < expected.Length; k++)
                    {
                        expected[k] += factor * row[k];
                    }
                }

                Near([.. expected.Select(x => (float)x)], aggregate, 1e-5);
            }
        });

    [Theory]
    [MemberData(nameof(OnEach))]
    public void No_defense_passes_on_what_is_no_number(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);

        float[] aggregate = Aggregation.Of(backend, "none", [[1, 1, 1, 1], [2, 2, 2, 2], [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 3]]).Aggregate;

        Assert.Equal([float.NaN, float.PositiveInfinity, float.NegativeInfinity], aggregate[..3]);
        Assert.Equal(2, aggregate[3], 1e-5);
    }

    private static IEnumerable<Updates> Poisonings(Updates updates)
    {
        float[] values = [float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e30f, -1e30f];
        foreach (float value in values)
        {
            yield return Poison(_ => value);
        }

        yield return Poison(i => values[i % values.Length]);

        Updates Poison(Func<int, float> value) => updates with
        {
            Rows = [.. updates.Rows.Select((row, i) => i < updates.N - updates.Malicious ? row : [.. row.Select(_ => value(i))])],
        };
    }

    private static void ForEachCase(string name, Action<Backend, RngStream, Updates> check)
    {
        using Backend backend = TestBackends.Open(name);
        for (int i = 0; i < RandomCases; i++)
        {
            RngStream stream = RngKey.FromSeed(5).Fold((ulong)i).Stream();
            int n = 5 + stream.NextInt32(11);
            int d = 1 + stream.NextInt32(40);
            float[][] rows = new float[n][];
            int[] samples = new int[n];
            for (int row = 0; row < n; row++)
            {
                rows[row] = new float[d];
                samples[row] = 80 + stream.NextInt32(40);
                foreach (ref float value in rows[row].AsSpan())
                {
                    value = (float)stream.NextNormal();
                }
            }

            check(backend, stream, new(rows, samples));
        }
    }

    private static double Norm(float[] row) => Math.Sqrt(row.Sum(x => (double)x * x));

    private static void Between(float[][] rows, float[] aggregate)
    {
        for (int k = 0; k < aggregate.Length; k++)
        {
            Assert.InRange(aggregate[k], rows.Min(row => row[k]) - 1e-5f, rows.Max(row => row[k]) + 1e-5f);
        }
    }

    private static void Near(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int k = 0; k < expected.Length; k++)
        {
            Assert.Equal(expected[k], actual[k], tolerance);
        }
    }

    /// <summary>Random rows, of which the last floor((n - 3) / 2) are the malicious clients'.</summary>
    private sealed record Updates(float[][] Rows, int[] Samples)
    {
        public int N => Rows.Length;

        public int D => Rows[0].Length;

        public int Malicious => (N - 3) / 2;

        public float[] Aggregate(Backend backend, string defense) => Aggregation.Of(backend, defense, Rows, Malicious, Samples).Aggregate;

        public Updates Map(Func<float, int, float> change) => this with { Rows = [.. Rows.Select(row => row.Select(change).ToArray())] };
    }
}
