// Which laws each rule of the catalogue keeps, in one table that no rule can be missing from.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class EveryRuleLawTests
{
    private const int N = 15;
    private const int F = 3;
    private const int D = 20;
    private const int Cases = 10;

    private static readonly float[] s_server = [.. Enumerable.Range(0, D).Select(k => 1f + (k % 3))];

    [Flags]
    private enum Laws
    {
        /// <summary>The order of clients does not matter.</summary>
        Order = 1,

        /// <summary>Doubled updates give the doubled aggregate.</summary>
        Scale = 2,

        /// <summary>Shifted updates give the shifted aggregate.</summary>
        Shift = 4,

        /// <summary>Each coordinate of the aggregate lies between the smallest and the largest of the updates.</summary>
        Hull = 8,

        /// <summary>The aggregate is finite while no more than f updates are not.</summary>
        Finite = 16,

        /// <summary>Told of no malicious clients, and without any, it is the mean.</summary>
        Mean = 32,

        All = 63,
    }

    /// <summary>What a rule keeps, and how it is written where it is told of no malicious client.</summary>
    private static readonly Dictionary<string, (Laws Laws, string Without)> s_table = new()
    {
        ["auror"] = (Laws.All & ~Laws.Mean, ""),
        ["bulyan"] = (Laws.All, "bulyan:f=0"),
        ["caf"] = (Laws.All, "caf:f=0"),
        ["centered_clipping"] = (Laws.Order | Laws.Finite | Laws.Mean, "centered_clipping:tau=1000"), // from zero on, and no farther than tau
        ["cge"] = (Laws.All & ~Laws.Shift, "cge:f=0"), // norms are what it looks at
        ["clipped_clustering"] = (Laws.Order | Laws.Scale | Laws.Finite, ""),
        ["dnc"] = (Laws.All, "dnc:f=0"),
        ["fl_detector"] = (Laws.All, "fl_detector"), // in its first round it knows nothing of anybody
        ["fl_trust"] = (Laws.Order | Laws.Finite, ""), // the length is the server's own update's
        ["flame:lambda=0"] = (Laws.Order | Laws.Scale | Laws.Finite, ""),
        ["fools_gold"] = (Laws.Order | Laws.Finite, ""),
        ["geometric_median"] = (Laws.Order | Laws.Hull | Laws.Finite, ""), // three steps from zero on, with a smallest distance
        ["krum"] = (Laws.All & ~Laws.Mean, ""),
        ["mda"] = (Laws.All & ~Laws.Order, "mda:f=0"), // of subsets with one diameter the first is taken
        ["meamed"] = (Laws.All, "meamed:f=0"),
        ["median"] = (Laws.All & ~Laws.Mean, ""),
        ["monna"] = (Laws.All & ~Laws.Order, "monna:f=0"), // trusts the client at one index
        ["multi_krum"] = (Laws.All, "multi_krum:f=0"),
        ["none"] = (Laws.All & ~Laws.Finite, "none"),
        ["norm_clip"] = (Laws.Order | Laws.Finite | Laws.Mean, "norm_clip:clip=1000"),
        ["phocas"] = (Laws.All, "phocas:f=0"),
        ["rlr"] = (Laws.Order | Laws.Scale | Laws.Finite | Laws.Mean, "rlr:threshold=0"),
        ["sign_guard"] = (Laws.Order | Laws.Scale | Laws.Finite, ""),
        ["sign_majority"] = (Laws.Order | Laws.Finite, ""),
        ["smea"] = (Laws.All, "smea:f=0"),
        ["trimmed_mean"] = (Laws.All, "trimmed_mean:f=0"),
        ["weak_dp"] = (Laws.Order | Laws.Finite, ""), // noise
    };

    public static TheoryData<string, string> Rules => TestBackends.With([.. s_table.Keys]);

    [Fact]
    public void Every_rule_is_in_the_table() =>
        Assert.Equal(Catalogue.All<IDefense>().Select(listing => listing.Name).Order(), s_table.Keys.Select(rule => rule.Split(':')[0]).Order());

    [Theory]
    [MemberData(nameof(Rules))]
    public void The_laws_of_the_table_hold(string name, string rule)
    {
        (Laws laws, string without) = s_table[rule];
        using Backend backend = TestBackends.Open(name);
        for (int test = 0; test < Cases; test++)
        {
            RngStream stream = RngKey.FromSeed(91).Fold((ulong)test).Stream();
            float[][] rows = RandomRounds.Rows(stream, N, D, F, distance: 1);
            float[] aggregate = Run(backend, rule, rows, F);
            void Holds(Laws law, Func<double, int, double> expected, Func<float[][]> changed)
            {
                if (laws.HasFlag(law))
                {
                    LastingRule.Near([.. aggregate.Select((x, k) => expected(x, k))], Run(backend, rule, changed(), F), 1e-4);
                }
            }

            int[] order = [.. Enumerable.Range(0, N)];
            stream.Shuffle<int>(order);
            Holds(Laws.Order, (x, _) => x, () => [.. order.Select(i => rows[i])]);
            Holds(Laws.Scale, (x, _) => 2 * x, () => [.. rows.Select(row => row.Select(x => 2 * x).ToArray())]);
            Holds(Laws.Shift, (x, k) => x + (k % 4), () => [.. rows.Select(row => row.Select((x, k) => x + (k % 4)).ToArray())]);
            if (laws.HasFlag(Laws.Hull))
            {
                Assert.All(aggregate.Select((x, k) => (x, rows.Min(row => row[k]), rows.Max(row => row[k]))), c => Assert.InRange(c.x, c.Item2 - 1e-5f, c.Item3 + 1e-5f));
            }

            if (laws.HasFlag(Laws.Mean))
            {
                float[][] honest = RandomRounds.Rows(stream, N, D, 0);
                LastingRule.Near(RandomRounds.Mean(honest, [.. Enumerable.Range(0, N)]), Run(backend, without, honest, 0), 1e-5);
            }

            foreach (float value in (float[])[float.NaN, float.PositiveInfinity, float.NegativeInfinity, float.MaxValue])
            {
                float[][] poisoned = [.. rows.Select((row, i) => i < N - F ? row : [.. row.Select((x, k) => k % 2 == test % 2 ? value : x)])];
                Assert.Equal(laws.HasFlag(Laws.Finite) || value == float.MaxValue, Array.TrueForAll(Run(backend, rule, poisoned, F), float.IsFinite));
            }
        }
    }

    private static float[] Run(Backend backend, string defense, float[][] rows, int malicious)
    {
        using var rule = new LastingRule(backend, defense, N, D, malicious);
        return rule.Run(rows, server: s_server).Aggregate;
    }
}
