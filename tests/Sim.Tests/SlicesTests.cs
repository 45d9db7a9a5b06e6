// Rounds whose updates are not all in memory at once: the same outcome but for rounding, or a refusal that says why.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class SlicesTests
{
    private static readonly Experiment s_experiment = new(
        ModelChoice.Perceptron(8), Clients: 11, Malicious: 5, ClientsPerRound: 11, Rounds: 3, new LocalSgd(Epochs: 2, BatchSize: 16, LearningRate: 0.1f),
        UpdateSpace.Updates, Attack("none"), Defense("none"), Seed: 5);

    private static readonly string[] s_attacksOnTheirOwn =
    [
        .. Catalogue.All<IAttack>().Select(listing => listing.Name).Concat(["label_flip:mode=dynamic", "label_flip:mode=targeted", "sign_flip:of=honest_mean"])
            .Where(attack => (s_experiment with { Attack = Attack(attack) }).WhyNotInSlices(parameters: 10) is null),
    ];

    public static TheoryData<string, string> FoldingDefenses =>
        TestBackends.With("none", "none:weighting=uniform", "norm_clip:clip=0.2", "norm_clip:clip=100", "weak_dp:clip=0.3,deviation=0.01");

    public static TheoryData<string> AttacksOnTheirOwn => [.. s_attacksOnTheirOwn];

    public static TheoryData<string> OtherDefenses =>
        [.. Catalogue.All<IDefense>().Select(listing => listing.Name).Except(["none", "norm_clip", "weak_dp"]).Concat(["nnm+none", "clipping+norm_clip"])];

    [Theory]
    [MemberData(nameof(FoldingDefenses))]
    public void A_rule_that_folds_gives_the_same_in_slices(string backend, string defense)
    {
        // Slices of 4, 4 and 3: the second one has honest and malicious clients.
        Experiment experiment = s_experiment with { Attack = Attack("random_noise:deviation=0.3"), Defense = Defense(defense) };

        AssertNear(Run(backend, experiment), Run(backend, experiment, updatesAtOnce: 4), slices: 3);
    }

    [Theory]
    [MemberData(nameof(AttacksOnTheirOwn))]
    public void An_attack_that_does_without_the_whole_round_does_the_same_in_slices(string attack)
    {
        Experiment experiment = s_experiment with { Attack = Attack(attack), Defense = Defense("norm_clip:clip=1") };

        AssertNear(Run("simd", experiment), Run("simd", experiment, updatesAtOnce: 3), slices: 4);
    }

    [Fact]
    public void The_attacks_that_do_without_the_whole_round_are_those_on_data_and_those_on_each_update_by_itself() =>
        Assert.Equal(
            ["clean_label", "gradient_scale", "label_flip", "label_flip:mode=dynamic", "label_flip:mode=targeted", "none", "random_noise", "sign_flip"],
            s_attacksOnTheirOwn.Order(StringComparer.Ordinal));

    [Fact]
    public void Sampled_clients_whole_states_and_the_round_s_own_f_are_sliced_alike()
    {
        Experiment experiment = s_experiment with { ClientsPerRound = 7, Rounds = 5, Attack = Attack("sign_flip"), ReckonedF = ReckonedF.Round };

        foreach (Experiment each in (Experiment[])[experiment, experiment with { Space = UpdateSpace.States }])
        {
            Outcome whole = Run("simd", each);
            AssertNear(whole, Run("simd", each, updatesAtOnce: 2), slices: 4);
            Assert.True(whole.Rounds.Select(round => round.ReckonedF).Distinct().Count() > 1);
        }
    }

    [Fact]
    public void Slices_give_the_same_bits_every_time_and_with_any_number_of_threads()
    {
        Experiment experiment = s_experiment with { Model = ModelChoice.Perceptron(512), Malicious = 2, Rounds = 2, Attack = Attack("random_noise"), Defense = Defense("norm_clip") };
        using var one = new SimdBackend(1);
        using var two = new SimdBackend(2);

        Outcome first = Run(two, experiment, updatesAtOnce: 6);

        Assert.Equal(first.Parameters, Run(two, experiment, updatesAtOnce: 6).Parameters);
        Assert.Equal(first.Parameters, Run(one, experiment, updatesAtOnce: 6).Parameters);
    }

    [Fact]
    public void As_many_updates_at_once_as_a_round_has_are_no_slices()
    {
        Experiment experiment = s_experiment with { Defense = Defense("median") };

        Assert.Equal(Run("simd", experiment).Parameters, Run("simd", experiment, updatesAtOnce: 11).Parameters);
        Assert.Equal(Run("simd", experiment).Parameters, Run("simd", experiment, updatesAtOnce: 100).Parameters);
    }

    [Theory]
    [MemberData(nameof(OtherDefenses))]
    public void A_rule_that_needs_all_updates_is_refused(string defense)
    {
        Experiment experiment = s_experiment with { Malicious = 2, Defense = Defense(defense) };

        string reason = $"{experiment.Defense.Text} needs all updates of a round at once";
        Assert.Equal(reason, experiment.WhyNotInSlices(parameters: 10));
        Assert.Equal($"4 of 11 updates at once: {reason}", Assert.Throws<InputException>(() => Run("simd", experiment, updatesAtOnce: 4)).Message);
    }

    [Fact]
    public void An_attack_that_needs_all_updates_is_refused_but_where_nobody_attacks()
    {
        Experiment experiment = s_experiment with { Attack = Attack("alie") };

        Assert.Equal(
            $"4 of 11 updates at once: {experiment.Attack.Text} needs all updates of a round at once",
            Assert.Throws<InputException>(() => Run("simd", experiment, updatesAtOnce: 4)).Message);
        Assert.Equal(3, Run("simd", experiment with { Malicious = 0 }, updatesAtOnce: 4).Slices);
    }

    private static void AssertNear(Outcome whole, Outcome sliced, int slices)
    {
        Assert.Equal((1, slices), (whole.Slices, sliced.Slices));
        Assert.Equal(whole.Rounds.Length, sliced.Rounds.Length);
        double scale = whole.Parameters.Max(x => Math.Abs((double)x));
        Assert.InRange(whole.Parameters.Zip(sliced.Parameters, (a, b) => Math.Abs((double)a - b)).Max(), 0, 1e-5 * scale);
        foreach ((RoundResult expected, RoundResult actual) in whole.Rounds.Zip(sliced.Rounds))
        {
            Assert.Equal((expected.Selection, expected.ReckonedF), (actual.Selection, actual.ReckonedF));
            Assert.Equal(expected.TestLoss, actual.TestLoss, 1e-4 * (1 + expected.TestLoss));
            Assert.Equal(expected.AttackSuccess ?? -1, actual.AttackSuccess ?? -1, 0.05);
            Assert.Equal(expected.Deviation!.Value.Distance, actual.Deviation!.Value.Distance, 1e-4 * (1 + expected.Deviation.Value.Distance));
            Assert.Equal(expected.Train.Work.Flops, actual.Train.Work.Flops);
        }
    }

    private static Outcome Run(string name, Experiment experiment, int? updatesAtOnce = null)
    {
        using Backend backend = TestBackends.Open(name);
        return Run(backend, experiment, updatesAtOnce);
    }

    private static Outcome Run(Backend backend, Experiment experiment, int? updatesAtOnce = null)
    {
        using FederatedData data = FederatedData.Load(
            backend, Catalogue.Parse<IDataSource>("--data", "synthetic:inputs=12,test=60"), Catalogue.Parse<IPartition>("--partition", "iid"), experiment.Clients,
            experiment.Seed);
        using var federation = new Federation(backend, data, experiment, updatesAtOnce);
        RoundResult[] rounds = [.. federation.Run()];
        return new(rounds, federation.Parameters(), federation.Slices);
    }

    private static Choice<IAttack> Attack(string text) => Catalogue.Parse<IAttack>("--attacks", text);

    private static Choice<IDefense> Defense(string text) => Catalogue.Parse<IDefense>("--defenses", text);

    private sealed record Outcome(RoundResult[] Rounds, float[] Parameters, int Slices);
}
