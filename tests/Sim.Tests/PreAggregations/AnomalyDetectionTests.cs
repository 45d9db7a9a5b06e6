// Anomaly detection: it finds planted outliers of each kind and keeps honest clients.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class AnomalyDetectionTests
{
    private const int Honest = 16;
    private const int Malicious = 4;

    private static readonly Dictionary<string, Func<float[], float>> s_planted = new()
    {
        ["boosted"] = _ => 10, // a large norm in the honest direction
        ["opposite"] = _ => -1, // an honest norm in the opposite direction
        ["huge"] = _ => 1e30f,
        ["nan"] = _ => float.NaN,
        ["infinite"] = _ => float.NegativeInfinity,
    };

    public static TheoryData<string, string> Planted => TestBackends.With([.. s_planted.Keys]);

    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(Planted))]
    public void Planted_outliers_are_rejected_and_honest_clients_kept(string name, string kind)
    {
        using Backend backend = TestBackends.Open(name);
        int honestRejected = 0;
        for (ulong seed = 0; seed < 20; seed++)
        {
            float[][] rows = Staging.Normal(seed, Honest + Malicious, 50, mean: 1);
            foreach (float[] row in rows[Honest..])
            {
                float factor = s_planted[kind](row);
                for (int k = 0; k < row.Length; k++)
                {
                    row[k] *= factor;
                }
            }

            Staging result = Staging.Of(backend, "anomaly_detection", rows);

            Assert.All(result.Kept!, row => Assert.InRange(row, 0, Honest - 1));
            Assert.Equal(result.Kept!.Order(), result.Kept!);
            Staging.Near([.. result.Kept!.Select(row => rows[row])], result.Rows, 0);
            honestRejected += Honest - result.Kept!.Count;
        }

        Assert.InRange(honestRejected, 0, 20 * Honest / 50); // at most 2 %
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void A_row_far_from_the_others_is_found_by_its_distance_alone(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);

        // Around (100, 0): the outlier has an honest norm, and a cosine as near to 1 as the others' by the other side.
        float[][] rows = [[100, 1], [101, 0], [100, -1], [99, 0], [100.5f, 0.5f], [99.5f, -0.5f], [98, 20]];

        Assert.Equal([0, 1, 2, 3, 4, 5], Staging.Of(backend, "anomaly_detection", rows).Kept!);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void A_short_update_is_not_suspicious_by_its_norm(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = Staging.Normal(1, 12, 50, mean: 1);
        float[] own = rows[3];

        rows[3] = [.. own.Select(x => 0.1f * x)];
        Assert.Contains(3, Staging.Of(backend, "anomaly_detection", rows).Kept!);
        rows[3] = [.. own.Select(x => 3 * x)];
        Assert.DoesNotContain(3, Staging.Of(backend, "anomaly_detection", rows).Kept!);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Equal_rows_are_all_kept_and_one_that_differs_is_not(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = [.. Enumerable.Range(0, 6).Select(_ => new[] { 0.1f, 0.7f, -0.3f })];

        Assert.Equal(6, Staging.Of(backend, "anomaly_detection", rows).Kept!.Count);
        rows[2] = [0.1f, 0.7f, 0.3f];
        Assert.Equal([0, 1, 3, 4, 5], Staging.Of(backend, "anomaly_detection", rows).Kept!);
        Assert.Equal(3, Staging.Of(backend, "anomaly_detection", [[0, 0], [0, 0], [0, 0]]).Kept!.Count);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void At_most_half_are_rejected_and_rows_of_no_numbers_first(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[] nan = [float.NaN, 0];

        Assert.Equal([2, 3], Staging.Of(backend, "anomaly_detection", [nan, nan, nan, nan]).Kept!);
        Assert.Equal([2, 3, 4], Staging.Of(backend, "anomaly_detection", [nan, nan, nan, [1, 1], [2, 2]]).Kept!);
        Assert.Equal([0], Staging.Of(backend, "anomaly_detection", [nan]).Kept!);
        Assert.Equal([1, 2], Staging.Of(backend, "anomaly_detection", [nan, [1, 1], [1, 2], nan]).Kept!);
        Assert.Equal([0, 1, 2], Staging.Of(backend, "anomaly_detection", [[1, 1], [1, 1], [1000, 0], nan, nan]).Kept!);
        for (ulong seed = 0; seed < 30; seed++)
        {
            int n = 1 + (int)(seed % 9);
            Assert.InRange(Staging.Of(backend, "anomaly_detection:threshold=0.01", Staging.Normal(seed, n, 3)).Kept!.Count, (n + 1) / 2, n);
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Scaling_and_reordering_change_nothing(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        for (ulong seed = 0; seed < 20; seed++)
        {
            float[][] rows = [.. Staging.Normal(seed, 9, 6), .. Staging.Normal(seed + 100, 3, 6, mean: 3)];
            int[] kept = [.. Staging.Of(backend, "anomaly_detection", rows).Kept!];

            Assert.Equal(kept, Staging.Of(backend, "anomaly_detection", [.. rows.Select(row => row.Select(x => 4 * x).ToArray())]).Kept!);
            Assert.Equal(kept.Select(row => 11 - row).Order(), Staging.Of(backend, "anomaly_detection", [.. rows.Reverse()]).Kept!);
        }
    }

    [Fact]
    public void A_higher_threshold_rejects_fewer()
    {
        using var backend = new ReferenceBackend();
        float[][] rows = [[0.9f, 0], [1, 0], [1.1f, 0], [1.2f, 0], [1.3f, 0], [3, 0]];

        Assert.Equal(5, Staging.Of(backend, "anomaly_detection", rows).Kept!.Count);
        Assert.Equal(6, Staging.Of(backend, "anomaly_detection:threshold=50", rows).Kept!.Count);
    }
}
