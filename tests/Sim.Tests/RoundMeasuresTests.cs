// What is written down about a round beside accuracy: detection, the aggregate's deviation, the f that was reckoned with.
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Sim.Tests;

public class RoundMeasuresTests
{
    [Fact]
    public void F1_and_the_false_positive_rate_follow_from_who_was_rejected()
    {
        // Four honest clients, one of them rejected; three malicious ones, two of them rejected.
        Selection selection = Selection.Of([0.2f, 0, 0.2f, 0.2f, 0, 0.4f, 0], malicious: 3)!.Value;

        Assert.Equal(new Selection(3, 1, 1, 2), selection);
        Assert.Equal(2.0 / 3, selection.Precision);
        Assert.Equal(2.0 / 3, selection.Recall);
        Assert.Equal(2.0 / 3, selection.F1!.Value, 1e-12);
        Assert.Equal(0.25, selection.FalsePositiveRate);
    }

    [Fact]
    public void F1_is_zero_when_only_honest_clients_are_rejected_and_unknown_when_nobody_is()
    {
        Assert.Equal(0, Selection.Of([0, 1, 1], malicious: 1)!.Value.F1);
        Assert.Null(Selection.Of([1, 1, 1], malicious: 1)!.Value.F1);
    }

    [Theory]
    [InlineData("reference")]
    [InlineData("simd")]
    [InlineData("cpu")]
    public void The_aggregate_is_compared_with_the_mean_of_the_honest_updates(string backendName)
    {
        using Backend backend = Backends.Open(backendName, 2);
        using Matrix honest = backend.Upload(2, 2, [1, 1, 3, 5]);
        using Matrix aggregate = backend.Upload(1, 2, [2, -1]);
        using var mean = new HonestMean(backend, 3, 2);

        mean.Add(honest, ofRound: 2);
        Deviation atOnce = mean.DeviationOf(aggregate);
        mean.Clear();
        mean.Add(honest.SliceRows(0, 1), ofRound: 2);
        mean.Add(honest.SliceRows(1, 1), ofRound: 2);
        Deviation inSlices = mean.DeviationOf(aggregate);

        // The mean is (2, 3).
        Assert.All((Deviation[])[atOnce, inSlices], deviation =>
        {
            Assert.Equal(4, deviation.Distance, 1e-6);
            Assert.Equal(1 / Math.Sqrt(13 * 5), deviation.Cosine, 1e-6);
        });
    }

    [Theory]
    [InlineData(ReckonedF.Config)]
    [InlineData(ReckonedF.Round)]
    public void Defenses_are_told_the_f_of_the_setting_or_that_of_the_round(ReckonedF reckoned)
    {
        using var backend = new SimdBackend(1);
        using FederatedData data = FederatedData.Load(
            backend, Catalogue.Parse<IDataSource>("--data", "synthetic:inputs=8,test=50"), Catalogue.Parse<IPartition>("--partition", "iid"), 12, 3);
        var experiment = new Experiment(
            ModelChoice.Perceptron(4), 12, 4, 6, 8, new LocalSgd(1, 32, 0.1f), UpdateSpace.Updates, Catalogue.Parse<IAttack>("--attacks", "none"),
            Catalogue.Parse<IDefense>("--defenses", "trimmed_mean"), 3, reckoned);
        using var federation = new Federation(backend, data, experiment);

        int[] told = [.. federation.Run().Select(round => round.ReckonedF)];

        if (reckoned == ReckonedF.Config)
        {
            Assert.All(told, f => Assert.Equal(4, f));
        }
        else
        {
            Assert.True(told.Distinct().Count() > 1, "six of twelve clients a round hold different numbers of the four malicious ones");
            Assert.All(told, f => Assert.InRange(f, 0, 4));
        }
    }
}
