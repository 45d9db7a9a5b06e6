// Stages in front of rules: what comes out is what the parts do one after another, and the weights are the clients'.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class CompositionTests
{
    private static readonly float[][] s_rows = [[1, 1], [1.2f, 1], [0.9f, 1.1f], [1, 0.8f], [1.1f, 1.2f], [-40, 30]];

    public static TheoryData<string, string> OnEach => TestBackends.With("");

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Mixed_rows_go_to_the_rule_and_leave_no_weights(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        foreach ((string stage, string rule) in ((string, string)[])[("nnm:f=1", "trimmed_mean:f=1"), ("bucketing:s=2", "krum:f=0"), ("nnm", "multi_krum")])
        {
            float[][] mixed = Staging.Of(backend, stage, s_rows, malicious: 1).Rows;

            Aggregation whole = Aggregation.Of(backend, $"{stage}+{rule}", s_rows, malicious: 1);

            Staging.Near([Aggregation.Of(backend, rule, mixed, malicious: 1).Aggregate], [whole.Aggregate]);
            Assert.Empty(whole.Weights);
            Assert.InRange(whole.Aggregate[0], 0.8f, 1.3f);
        }
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void A_detection_weighs_whom_it_keeps_and_nobody_else(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);

        Aggregation median = Aggregation.Of(backend, "anomaly_detection+median", s_rows, malicious: 1);
        Aggregation mean = Aggregation.Of(backend, "anomaly_detection+none", s_rows, malicious: 1, samples: [1, 2, 3, 4, 10, 1000]);
        Aggregation quiet = Aggregation.Of(backend, "anomaly_detection:threshold=1e30+median", s_rows[..5]);

        Staging.Near([[1, 1]], [median.Aggregate]);
        Staging.Near([[0.2f, 0.2f, 0.2f, 0.2f, 0.2f, 0]], [median.Weights]);
        Staging.Near([[0.05f, 0.1f, 0.15f, 0.2f, 0.5f, 0]], [mean.Weights]);
        Staging.Near([[0.2f, 0.2f, 0.2f, 0.2f, 0.2f]], [quiet.Weights]);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void The_f_behind_a_detection_is_lowered_by_whom_it_removed(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);

        // Of the five that are left, multi_krum keeps n - f = 5: f was 1 and one is gone; nnm then mixes all five.
        Aggregation krum = Aggregation.Of(backend, "anomaly_detection+multi_krum", s_rows, malicious: 1);
        Aggregation mixed = Aggregation.Of(backend, "anomaly_detection+nnm+median", s_rows, malicious: 1);

        Staging.Near([[0.2f, 0.2f, 0.2f, 0.2f, 0.2f, 0]], [krum.Weights]);
        Staging.Near([[1.04f, 1.02f]], [mixed.Aggregate]);
        Assert.Empty(mixed.Weights);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Clipped_rows_are_still_the_clients(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = [[3, 4], [0.5f, 0], [0, 1]];

        Aggregation clipped = Aggregation.Of(backend, "clipping:c=1+none", rows, samples: [1, 1, 2]);
        Aggregation median = Aggregation.Of(backend, "clipping:c=1+median", rows);

        Staging.Near([[0.275f, 0.7f]], [clipped.Aggregate]);
        Staging.Near([[0.25f, 0.25f, 0.5f]], [clipped.Weights]);
        Assert.Empty(median.Weights);
        Staging.Near([Aggregation.Of(backend, "norm_clip:clip=1", rows).Aggregate], [Aggregation.Of(backend, "clipping:c=1+none:weighting=uniform", rows).Aggregate]);
    }

    [Theory]
    [MemberData(nameof(OnEach))]
    public void Rounds_with_different_numbers_of_rejected_clients_follow_one_another(string name, string _)
    {
        using Backend backend = TestBackends.Open(name);
        using IDefense rule = Catalogue.Parse<IDefense>("--defense", "anomaly_detection+bucketing+arc:f=0+nnm:f=0+median").Create(new Setting(backend, 6, 1, 2));
        using Matrix updates = backend.AllocateMatrix(6, 2);
        using Matrix aggregate = backend.AllocateMatrix(1, 2);
        foreach (int bad in (int[])[0, 2, 1, 0, 3])
        {
            updates.CopyFrom([.. s_rows[..5].SelectMany(row => row), 1, 1]);
            for (int i = 0; i < bad; i++)
            {
                updates.CopyFrom([float.NaN, 0], i);
            }

            rule.Aggregate(new(1, updates, aggregate, [1, 1, 1, 1, 1, 1], 1, RngKey.FromSeed((ulong)bad)), aggregate);

            Assert.All(aggregate.ToArray(), x => Assert.InRange(x, 0.8f, 1.2f));
        }
    }

    [Theory]
    [InlineData("krum+median", "--defense: 'krum' is unknown; allowed are anomaly_detection, arc, bucketing, clipping, nnm")]
    [InlineData("nnm+nnm", "--defense: 'nnm' is unknown; allowed are ")]
    [InlineData("nnm+", "--defense: '' is unknown; allowed are ")]
    [InlineData("+median", "--defense: '' is unknown; allowed are anomaly_detection, arc, bucketing, clipping, nnm")]
    [InlineData("nnm:g=1+median", "--defense nnm:g=1: nnm has no parameter 'g'; it has f")]
    [InlineData("nnm:f=x+median", "--defense nnm:f=x: f is 'x'; allowed is a whole number")]
    [InlineData("bucketing+krum:g=1", "--defense krum:g=1: krum has no parameter 'g'")]
    public void Wrong_compositions_are_told(string written, string message) =>
        Assert.StartsWith(message, Assert.Throws<InputException>(() => Catalogue.Parse<IDefense>("--defense", written)).Message);

    [Fact]
    public void A_composition_is_written_back_part_by_part() =>
        Assert.Equal(
            "anomaly_detection:threshold=4+nnm:f=2+krum:f=1,neighbours=n-f",
            Catalogue.Parse<IDefense>("--defense", " anomaly_detection:4 + nnm:2+krum:neighbours=n-f,f=1").Text);
}
