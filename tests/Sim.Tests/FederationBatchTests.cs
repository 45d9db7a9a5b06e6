// Runs that share launches give what they give by themselves, to the last bit.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class FederationBatchTests
{
    private static readonly Experiment s_experiment = new(
        ModelChoice.Perceptron(8), Clients: 9, Malicious: 3, ClientsPerRound: 9, Rounds: 3, new LocalSgd(Epochs: 2, BatchSize: 16, LearningRate: 0.1f),
        UpdateSpace.Updates, Attack("none"), Defense("median"), Seed: 1);

    public static TheoryData<string, string, string, string> Cases => new()
    {
        { "simd", "digits", "none", "median" },
        { "simd", "digits", "backdoor", "fl_trust" },
        { "simd", "digits", "label_flip:mode=dynamic", "fools_gold" },
        { "simd", "synthetic:inputs=12,test=60", "clean_label", "nnm+krum:f=2" },
        { "simd", "synthetic:inputs=12,test=60", "random_noise", "centered_clipping" },
        { "reference", "synthetic:inputs=12,test=60", "label_flip", "none" },
        { "cpu", "synthetic:inputs=12,test=60", "label_flip:mode=dynamic", "norm_clip" },
        { "cpu", "digits", "sign_flip", "multi_krum" },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Seeds_that_share_launches_give_the_bits_of_each_by_itself(string backend, string data, string attack, string defense)
    {
        Experiment experiment = s_experiment with { Attack = Attack(attack), Defense = Defense(defense) };

        AssertSame(backend, data, [.. ((ulong[])[1, 2, 7]).Select(seed => experiment with { Seed = seed })]);
    }

    [Fact]
    public void So_do_runs_of_whole_states_of_a_convolutional_network_and_runs_that_sample_their_clients()
    {
        Experiment experiment = s_experiment with { Attack = Attack("sign_flip"), ClientsPerRound = 5, Rounds = 4, ReckonedF = ReckonedF.Round };

        AssertSame("simd", "synthetic:inputs=12,test=60", [experiment, experiment with { Seed = 2 }]);
        AssertSame("simd", "digits", [experiment with { Space = UpdateSpace.States }, experiment with { Space = UpdateSpace.States, Seed = 3 }]);
        experiment = experiment with { Model = ModelChoice.Convolutional(2, 3, 8), Rounds = 2 };
        AssertSame("simd", "digits", [experiment, experiment with { Seed = 3 }]);
    }

    [Fact]
    public void One_launch_trains_the_clients_of_all_runs_and_one_tests_all_models()
    {
        using var backend = new SimdBackend(1);
        List<string> operations = [];
        using FederatedData first = Load(backend, "digits", s_experiment);
        using FederatedData second = Load(backend, "digits", s_experiment with { Seed = 2 });
        using var batch = new FederationBatch(backend, [(first, s_experiment with { Rounds = 2 }), (second, s_experiment with { Rounds = 2, Seed = 2 })]);
        backend.Observer = (name, _, _) => operations.Add(name);

        Assert.Equal(2, batch.Run().Count());

        Assert.Equal(2, operations.Count(name => name == "train_clients"));
        Assert.Equal(2, operations.Count(name => name == "evaluate"));
        Assert.Equal(4, operations.Count(name => name == "coordinate_median"));
    }

    [Fact]
    public void Runs_that_cannot_share_launches_are_refused()
    {
        using var backend = new SimdBackend(1);
        using FederatedData data = Load(backend, "digits", s_experiment);
        Experiment[] others =
        [
            s_experiment with { Model = ModelChoice.Perceptron(9) }, s_experiment with { Rounds = 4 }, s_experiment with { ClientsPerRound = 8 },
            s_experiment with { Sgd = s_experiment.Sgd with { Epochs = 1 } }, s_experiment with { Space = UpdateSpace.States },
        ];

        Assert.All(others, other => Assert.Throws<ArgumentException>(() => new FederationBatch(backend, [(data, s_experiment), (data, other)])));
        Assert.Throws<InputException>(() => new FederationBatch(backend, [(data, s_experiment), (data, s_experiment with { Defense = Defense("krum:f=8") })]));
    }

    private static void AssertSame(string name, string source, Experiment[] experiments)
    {
        using Backend backend = TestBackends.Open(name);
        FederatedData[] data = [.. experiments.Select(experiment => Load(backend, source, experiment))];
        using var batch = new FederationBatch(backend, [.. data.Zip(experiments)]);
        IReadOnlyList<RoundResult>[] together = [.. batch.Run()];
        for (int run = 0; run < experiments.Length; run++)
        {
            using var alone = new Federation(backend, data[run], experiments[run]);
            RoundResult[] rounds = [.. alone.Run()];
            Assert.Equal(rounds.Select(Timeless), together.Select(round => Timeless(round[run])));
            Assert.Equal(alone.Parameters(), batch.Federations[run].Parameters());
        }

        Assert.NotEqual(batch.Federations[0].Parameters(), batch.Federations[1].Parameters());
        Assert.All(together, round => Assert.True(round.All(result => result.Train.WallMs > 0 && result.Train.WallMs == round[0].Train.WallMs)));
        foreach (FederatedData each in data)
        {
            each.Dispose();
        }
    }

    private static RoundResult Timeless(RoundResult round) => round with
    {
        Train = round.Train with { WallMs = 0 }, Attack = round.Attack with { WallMs = 0 }, Aggregate = round.Aggregate with { WallMs = 0 },
        Evaluate = round.Evaluate with { WallMs = 0 },
    };

    private static FederatedData Load(Backend backend, string source, Experiment experiment) => FederatedData.Load(
        backend, Catalogue.Parse<IDataSource>("--data", source), Catalogue.Parse<IPartition>("--partition", "iid"), experiment.Clients, experiment.Seed);

    private static Choice<IAttack> Attack(string text) => Catalogue.Parse<IAttack>("--attacks", text);

    private static Choice<IDefense> Defense(string text) => Catalogue.Parse<IDefense>("--defenses", text);
}
