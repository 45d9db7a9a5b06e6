// Whole runs: the same numbers every time and on every backend, who is malicious, and whether anything is learned.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class FederationTests
{
    private static readonly Experiment s_small = new(
        Model: ModelChoice.Perceptron(16), Clients: 10, Malicious: 3, ClientsPerRound: 10, Rounds: 5, new LocalSgd(Epochs: 1, BatchSize: 16, LearningRate: 0.1f),
        UpdateSpace.Updates, Attack("none"), Defense("none"), Seed: 42);

    private static readonly string[] s_attacks = ["none", "label_flip", "random_noise", "gradient_scale", "sign_flip"];

    private static readonly string[] s_defenses = ["none", "median", "trimmed_mean:f=3", "krum", "multi_krum", "norm_clip:clip=1"];

    public static TheoryData<string> Defenses => [.. s_defenses];

    public static TheoryData<string> BackendNames => [.. TestBackends.Names];

    public static TheoryData<string, string> AttacksAndDefenses
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (string attack in s_attacks)
            {
                foreach (string defense in s_defenses)
                {
                    data.Add(attack, defense);
                }
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(BackendNames))]
    public void The_same_experiment_gives_the_same_bits(string name)
    {
        Experiment experiment = s_small with { Attack = Attack("random_noise:deviation=0.5"), Defense = Defense("krum:f=2"), ClientsPerRound = 7 };

        Outcome first = RunOn(name, experiment);
        Outcome second = RunOn(name, experiment);
        Outcome otherSeed = RunOn(name, experiment with { Seed = 43 });

        SameBits(first, second);
        Assert.NotEqual(first.Parameters, otherSeed.Parameters);
    }

    [Theory]
    [MemberData(nameof(Defenses))]
    public void The_number_of_threads_changes_no_bit(string defense)
    {
        // So many malicious clients that their rows alone are worth a second thread for the noise.
        Experiment experiment = s_small with
        {
            Model = ModelChoice.Perceptron(256), Clients = 40, ClientsPerRound = 40, Malicious = 28, Rounds = 2, Attack = Attack("random_noise:deviation=0.1"),
            Defense = Defense(defense),
        };
        using var one = new SimdBackend(1);
        using var two = new SimdBackend(2);

        Outcome alone = Run(one, experiment);
        Outcome together = Run(two, experiment);

        Assert.True(28L * alone.Parameters.Length > SimdBackend.ElementsWorthASecondThread);
        SameBits(alone, together);
    }

    [Theory]
    [MemberData(nameof(AttacksAndDefenses))]
    public void Accuracy_is_the_same_on_every_backend(string attack, string defense)
    {
        // Small, since the reference backend is slow.
        Experiment experiment = s_small with { Model = ModelChoice.Perceptron(8), Attack = Attack(attack), Defense = Defense(defense) };
        const string Source = "synthetic:inputs=16,test=300";

        Outcome reference = RunOn("reference", experiment, Source);

        foreach (string name in (string[])["simd", "cpu"])
        {
            Outcome other = RunOn(name, experiment, Source);
            Assert.Equal(5, other.Rounds.Length);
            for (int i = 0; i < reference.Rounds.Length; i++)
            {
                Assert.Equal(i + 1, other.Rounds[i].Round);
                Assert.Equal(reference.Rounds[i].TestAccuracy, other.Rounds[i].TestAccuracy, 4);
                Assert.Equal(reference.Rounds[i].TestLoss, other.Rounds[i].TestLoss, 1e-3 * (1 + reference.Rounds[i].TestLoss));
                Assert.Equal(reference.Rounds[i].Selection, other.Rounds[i].Selection);
            }
        }
    }

    [Fact]
    public void Attacks_and_defenses_all_lead_to_models_of_their_own()
    {
        // Krum is left out: it may take the same honest update whatever the attackers send.
        string[] defenses = [.. s_defenses.Where(defense => !defense.Contains("krum", StringComparison.Ordinal))];
        var models = new HashSet<string>();
        foreach (string defense in defenses)
        {
            foreach (string attack in s_attacks)
            {
                Outcome outcome = RunOn("simd", s_small with { Attack = Attack(attack), Defense = Defense(defense), Rounds = 3 });
                models.Add(string.Join(' ', outcome.Parameters));
            }
        }

        Assert.Equal(4 * 5, models.Count);
    }

    [Theory]
    [MemberData(nameof(BackendNames))]
    public void Averaging_states_and_averaging_updates_is_the_same(string name)
    {
        Experiment experiment = s_small with { Rounds = 3 };

        Outcome updates = RunOn(name, experiment with { Space = UpdateSpace.Updates });
        Outcome states = RunOn(name, experiment with { Space = UpdateSpace.States });

        Near(updates.Parameters, states.Parameters, 1e-4);
        Assert.NotEqual(RunOn(name, experiment with { Rounds = 2 }).Parameters, updates.Parameters);
    }

    [Fact]
    public void In_states_attacks_change_the_whole_parameters()
    {
        Experiment experiment = s_small with { Attack = Attack("sign_flip"), Malicious = 1, Rounds = 1, Space = UpdateSpace.States, Defense = Recording() };
        float[] honest = Recorded(experiment with { Attack = Attack("none") }).Single().Rows[^1];
        float[] update = Recorded(experiment with { Attack = Attack("none"), Space = UpdateSpace.Updates }).Single().Rows[^1];
        RecordedRound round = Recorded(experiment).Single();

        Assert.Equal(honest.Select(x => -x), round.Rows[^1]);
        Near([.. honest.Zip(round.Global, (state, global) => state - global)], update, 1e-5);
    }

    [Theory]
    [InlineData("krum:f=1")]
    [InlineData("multi_krum:f=1,keep=2")]
    [InlineData("none")]
    [InlineData("norm_clip")]
    public void Fewer_clients_a_round_than_clients_are_sampled(string defense)
    {
        Experiment experiment = s_small with { Clients = 12, Malicious = 4, ClientsPerRound = 5, Rounds = 8, Defense = Defense(defense) };

        RoundResult[] rounds = RunOn("simd", experiment).Rounds;

        int kept = defense.StartsWith("krum", StringComparison.Ordinal) ? 1 : defense.StartsWith("multi_krum", StringComparison.Ordinal) ? 2 : 5;
        Assert.All(rounds, round =>
        {
            Selection selection = Assert.IsType<Selection>(round.Selection);
            Assert.Equal(5, selection.KeptHonest + selection.KeptMalicious + selection.RejectedHonest + selection.RejectedMalicious);
            Assert.Equal(kept, selection.KeptHonest + selection.KeptMalicious);
            Assert.InRange(selection.KeptMalicious + selection.RejectedMalicious, 0, 4);
        });
        Assert.True(rounds.Select(round => round.Selection!.Value.KeptMalicious + round.Selection.Value.RejectedMalicious).Distinct().Count() > 1);
    }

    [Fact]
    public void Malicious_clients_are_the_last_rows_of_a_sampled_round_and_the_only_ones_attacked()
    {
        Experiment experiment = s_small with { Clients = 12, Malicious = 4, ClientsPerRound = 5, Rounds = 1, Defense = Recording() };
        var maliciousCounts = new HashSet<int>();
        for (ulong seed = 1; seed <= 6; seed++)
        {
            int[] sizes = ClientSizes(experiment with { Seed = seed });
            RecordedRound plain = Recorded(experiment with { Seed = seed }).Single();
            RecordedRound attacked = Recorded(experiment with { Seed = seed, Attack = Attack("gradient_scale:3") }).Single();

            maliciousCounts.Add(plain.Malicious);
            Assert.Equal(5, plain.Rows.Length);
            for (int i = 0; i < 5; i++)
            {
                bool malicious = i >= 5 - plain.Malicious;
                Assert.Contains(plain.SampleCounts[i], malicious ? sizes[8..] : sizes[..8]);
                Assert.Equal(plain.Rows[i].Select(x => malicious ? 3 * x : x), attacked.Rows[i]);
            }
        }

        Assert.True(maliciousCounts.Count > 1);
    }

    [Fact]
    public void Noise_and_batches_are_new_every_round()
    {
        // With noise this large the malicious row is the noise; the sampled clients are the same every round.
        Experiment experiment = s_small with { Rounds = 3, Malicious = 1, Attack = Attack("random_noise:deviation=1000"), Defense = Recording() };

        IReadOnlyList<RecordedRound> rounds = Recorded(experiment);

        Assert.Equal([1, 2, 3], rounds.Select(round => round.Index));
        Assert.Equal(3, rounds.Select(round => round.Rows[^1][0]).Distinct().Count());
        double together = rounds[0].Rows[^1].Zip(rounds[1].Rows[^1], (a, b) => (double)a * b).Average() / 1e6;
        Assert.InRange(together, -0.2, 0.2);

        // The recording defense keeps the model as it is, so that honest rows differ by the order of samples alone.
        Assert.Equal(rounds[0].Global, rounds[1].Global);
        Assert.NotEqual(rounds[0].Rows[0], rounds[1].Rows[0]);
    }

    [Theory]
    [InlineData("gradient_scale")]
    [InlineData("label_flip")]
    [InlineData("random_noise")]
    [InlineData("sign_flip")]
    public void Without_malicious_clients_an_attack_changes_nothing(string attack)
    {
        Experiment experiment = s_small with { Malicious = 0, Rounds = 2 };

        Outcome attacked = RunOn("simd", experiment with { Attack = Attack(attack) });

        SameBits(RunOn("simd", experiment), attacked);
        Assert.Equal(new Selection(10, 0, 0, 0), attacked.Rounds[0].Selection);
        Assert.NotEqual(attacked.Parameters, RunOn("simd", experiment with { Attack = Attack(attack), Malicious = 3 }).Parameters);
    }

    [Fact]
    public void A_run_leaves_the_shared_data_as_they_were()
    {
        using var backend = new SimdBackend(1);
        using FederatedData data = Load(backend, s_small);

        Outcome before = Run(backend, data, s_small);
        Outcome flipped = Run(backend, data, s_small with { Attack = Attack("label_flip") });
        Outcome after = Run(backend, data, s_small);

        SameBits(before, after);
        Assert.NotEqual(before.Parameters, flipped.Parameters);
    }

    [Fact]
    public void One_client_with_full_batches_does_plain_gradient_descent()
    {
        Experiment experiment = s_small with
        {
            Model = ModelChoice.Perceptron(), Clients = 1, Malicious = 0, ClientsPerRound = 1, Rounds = 3, Sgd = new(Epochs: 2, BatchSize: 1000, LearningRate: 0.5f),
        };
        using var backend = new SimdBackend(1);
        using FederatedData data = Load(backend, experiment);
        Samples train = data.Dataset.Train;
        double[] expected = [.. data.Model(ModelChoice.Perceptron()).Initialise(RngKey.FromSeed(experiment.Seed).Fold((ulong)Purpose.Initialisation)).Select(x => (double)x)];
        for (int step = 0; step < 6; step++)
        {
            expected = SoftmaxStep(train, expected, 0.5);
        }

        Near([.. expected.Select(x => (float)x)], Run(backend, data, experiment).Parameters, 1e-5);
    }

    [Fact]
    public void Digits_are_learned()
    {
        Experiment experiment = s_small with { Model = ModelChoice.Perceptron(64), Malicious = 0, Rounds = 30, Sgd = new(Epochs: 1, BatchSize: 8, LearningRate: 0.2f) };
        using var backend = new SimdBackend(2);
        using FederatedData data = Load(backend, experiment, "digits");

        RoundResult[] rounds = Run(backend, data, experiment).Rounds;

        Assert.Equal(30, rounds.Length);
        Assert.InRange(rounds[^1].TestAccuracy, 0.9, 1);
        Assert.True(rounds[^1].TestLoss < rounds[0].TestLoss);
    }

    [Fact]
    public void A_convolutional_network_learns_digits_the_same_way_on_every_backend()
    {
        Experiment experiment = s_small with
        {
            Model = ModelChoice.Convolutional(), Clients = 5, ClientsPerRound = 5, Malicious = 0, Sgd = new(Epochs: 1, BatchSize: 8, LearningRate: 0.3f), Seed = 3,
        };
        RoundResult[] reference = RunOn("reference", experiment, "digits").Rounds;
        Assert.InRange(reference[^1].TestAccuracy, 0.6, 1);
        foreach (string name in (string[])["simd", "cpu"])
        {
            RoundResult[] rounds = RunOn(name, experiment, "digits").Rounds;
            Assert.InRange(rounds[^1].TestAccuracy, 0.6, 1);
            // Later, rounding may decide which of two pixels is the larger one, and so take another way to as good a model.
            for (int i = 0; i < 2; i++)
            {
                Assert.Equal(reference[i].TestAccuracy, rounds[i].TestAccuracy, 4);
                Assert.Equal(reference[i].TestLoss, rounds[i].TestLoss, 1e-4);
            }
        }
    }

    [Fact]
    public void A_convolutional_network_refuses_samples_that_are_no_square_image()
    {
        using var backend = new ReferenceBackend();
        Experiment experiment = s_small with { Model = ModelChoice.Convolutional() };
        using FederatedData data = Load(backend, experiment);
        Assert.Contains(
            "--models: a cnn needs square grey images", Assert.Throws<InputException>(() => new Federation(backend, data, experiment)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_phase_of_a_round_counts_its_work()
    {
        RoundResult round = RunOn("simd", s_small with { Rounds = 1, Attack = Attack("sign_flip"), Defense = Defense("krum") }).Rounds[0];

        Phase[] phases = [round.Train, round.Attack, round.Aggregate, round.Evaluate];
        Assert.All(phases, phase =>
        {
            Assert.True(phase.Work.Flops > 0);
            Assert.True(phase.WallMs > 0);
        });
        Assert.Equal(phases.Sum(phase => phase.Work.Flops), round.Whole.Work.Flops);
        Assert.Equal(phases.Sum(phase => phase.WallMs), round.Whole.WallMs, 1e-9);
    }

    [Theory]
    [InlineData("--clients is 0; allowed is 1 and more", "clients", 0)]
    [InlineData("--malicious is -1; allowed is 0 and more", "malicious", -1)]
    [InlineData("--malicious is 10; allowed is at most 9 of 10 clients: one must be honest", "malicious", 10)]
    [InlineData("--clients-per-round is 0; allowed is 1 and more", "per round", 0)]
    [InlineData("--rounds is 0; allowed is 1 and more", "rounds", 0)]
    [InlineData("--local-epochs is 0; allowed is 1 and more", "epochs", 0)]
    [InlineData("--batch-size is -5; allowed is 1 and more", "batch", -5)]
    [InlineData("--learning-rate is 0; allowed is any number above 0", "rate", 0)]
    [InlineData("--learning-rate is -0.5; allowed is any number above 0", "rate", -0.5)]
    [InlineData("--learning-rate is NaN; allowed is any number above 0", "rate", double.NaN)]
    [InlineData("--learning-rate is Infinity; allowed is any number above 0", "rate", double.PositiveInfinity)]
    public void What_cannot_be_run_is_refused(string message, string field, double value)
    {
        Experiment wrong = field switch
        {
            "clients" => s_small with { Clients = (int)value },
            "malicious" => s_small with { Malicious = (int)value },
            "per round" => s_small with { ClientsPerRound = (int)value },
            "rounds" => s_small with { Rounds = (int)value },
            "epochs" => s_small with { Sgd = s_small.Sgd with { Epochs = (int)value } },
            "batch" => s_small with { Sgd = s_small.Sgd with { BatchSize = (int)value } },
            _ => s_small with { Sgd = s_small.Sgd with { LearningRate = (float)value } },
        };

        Assert.Equal(message, Assert.Throws<InputException>(wrong.Validate).Message);
        using var backend = new ReferenceBackend();
        using FederatedData data = Load(backend, s_small);
        Assert.Equal(message, Assert.Throws<InputException>(() => new Federation(backend, data, wrong)).Message);
    }

    [Fact]
    public void The_last_settings_allowed_are_not_refused()
    {
        Experiment least = s_small with { Clients = 2, Malicious = 1, ClientsPerRound = 1, Rounds = 1, Sgd = new(1, 1, 1e-6f), Model = ModelChoice.Perceptron() };

        least.Validate();
        Assert.Single(RunOn("simd", least).Rounds);
        Assert.Equal(10, (s_small with { ClientsPerRound = 1000 }).UpdatesPerRound);
    }

    [Theory]
    [InlineData("none", "krum:f=8", "--defenses krum:f=8: f is 8 with n = 10 clients a round")]
    [InlineData("none", "multi_krum:keep=11", "--defenses multi_krum:keep=11: keep is 11; allowed is 1 to n = 10")]
    [InlineData("label_flip:2", "median", "--attacks label_flip:poison_ratio=2: poison_ratio is 2; allowed is 0 to 1")]
    public void Choices_that_do_not_fit_are_refused_before_anything_runs(string attack, string defense, string message)
    {
        Experiment experiment = s_small with { Attack = Attack(attack), Defense = Defense(defense) };

        Assert.StartsWith(message, Assert.Throws<InputException>(() => experiment.ValidateChoices(100)).Message);
        s_small.ValidateChoices(100);
    }

    [Fact]
    public void Precision_and_recall_are_those_of_the_rejected()
    {
        // Six clients, the last three malicious: honest 0 and malicious 4 and 5 are rejected.
        Selection selection = Selection.Of([0, 0.5f, 0.25f, 0.25f, 0, 0], malicious: 3)!.Value;

        Assert.Equal(new(KeptHonest: 2, KeptMalicious: 1, RejectedHonest: 1, RejectedMalicious: 2), selection);
        Assert.Equal(2.0 / 3, selection.Precision!.Value, 1e-12);
        Assert.Equal(2.0 / 3, selection.Recall!.Value, 1e-12);

        Selection krum = Selection.Of([0, 1, 0, 0, 0], malicious: 1)!.Value;
        Assert.Equal(0.25, krum.Precision);
        Assert.Equal(1, krum.Recall);
    }

    [Fact]
    public void Precision_and_recall_are_missing_where_nothing_is_rejected_or_malicious()
    {
        Assert.Null(Selection.Of([], malicious: 2));

        Selection keptAll = Selection.Of([0.5f, 0.5f], malicious: 1)!.Value;
        Assert.Null(keptAll.Precision);
        Assert.Equal(0, keptAll.Recall);

        Selection noneMalicious = Selection.Of([0.5f, 0], malicious: 0)!.Value;
        Assert.Equal(0, noneMalicious.Precision);
        Assert.Null(noneMalicious.Recall);

        Assert.Equal(new(0, 0, 1, 1), Selection.Of([-1, float.NaN], malicious: 1));
    }

    private static Choice<IAttack> Attack(string text) => Catalogue.Parse<IAttack>("--attacks", text);

    private static Choice<IDefense> Defense(string text) => Catalogue.Parse<IDefense>("--defenses", text);

    private static Choice<IDefense> Recording() => new(
        new("recording", "keeps what it is given and aggregates zero", "", typeof(RecordingDefense).GetConstructors().Single()),
        new Dictionary<string, object>(), "--defenses");

    private static IReadOnlyList<RecordedRound> Recorded(Experiment experiment)
    {
        RecordingDefense.Rounds.Clear();
        RunOn("reference", experiment);
        return [.. RecordingDefense.Rounds];
    }

    private static int[] ClientSizes(Experiment experiment)
    {
        using var backend = new ReferenceBackend();
        using FederatedData data = Load(backend, experiment);
        return [.. data.ClientRows.Select(rows => rows.Length)];
    }

    private static FederatedData Load(Backend backend, Experiment experiment, string source = "synthetic") => FederatedData.Load(
        backend, Catalogue.Parse<IDataSource>("--data", source), Catalogue.Parse<IPartition>("--partition", "iid"), experiment.Clients,
        experiment.Seed);

    private static Outcome RunOn(string name, Experiment experiment, string source = "synthetic")
    {
        using Backend backend = TestBackends.Open(name);
        using FederatedData data = Load(backend, experiment, source);
        return Run(backend, data, experiment);
    }

    private static Outcome Run(Backend backend, Experiment experiment)
    {
        using FederatedData data = Load(backend, experiment);
        return Run(backend, data, experiment);
    }

    private static Outcome Run(Backend backend, FederatedData data, Experiment experiment)
    {
        using var federation = new Federation(backend, data, experiment);
        RoundResult[] rounds = [.. federation.Run()];
        return new(rounds, federation.Parameters());
    }

    private static void SameBits(Outcome expected, Outcome actual)
    {
        Assert.Equal(expected.Rounds.Length, actual.Rounds.Length);
        Assert.All(expected.Rounds.Zip(actual.Rounds), pair =>
        {
            Assert.Equal(pair.First.TestAccuracy, pair.Second.TestAccuracy);
            Assert.Equal(pair.First.TestLoss, pair.Second.TestLoss);
            Assert.Equal(pair.First.Selection, pair.Second.Selection);
        });
        Assert.Equal(expected.Parameters.Select(BitConverter.SingleToInt32Bits), actual.Parameters.Select(BitConverter.SingleToInt32Bits));
        Assert.All(expected.Parameters, parameter => Assert.True(float.IsFinite(parameter)));
    }

    private static void Near(float[] expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int k = 0; k < expected.Length; k++)
        {
            Assert.Equal(expected[k], actual[k], tolerance);
        }
    }

    /// <summary>One step of softmax regression on all samples; weights inputs x classes, then biases.</summary>
    private static double[] SoftmaxStep(Samples samples, double[] parameters, double rate)
    {
        int classes = samples.Classes;
        double[] next = [.. parameters];
        for (int s = 0; s < samples.Count; s++)
        {
            float[] x = [.. samples.Features.AsSpan(s * samples.Inputs, samples.Inputs), 1];
            double[] exponentials = new double[classes];
            for (int c = 0; c < classes; c++)
            {
                double logit = 0;
                for (int i = 0; i < x.Length; i++)
                {
                    logit += x[i] * parameters[(i * classes) + c];
                }

                exponentials[c] = Math.Exp(logit);
            }

            double sum = exponentials.Sum();
            for (int c = 0; c < classes; c++)
            {
                double error = (exponentials[c] / sum) - (c == samples.Labels[s] ? 1 : 0);
                for (int i = 0; i < x.Length; i++)
                {
                    next[(i * classes) + c] -= rate * error * x[i] / samples.Count;
                }
            }
        }

        return next;
    }

    private sealed record Outcome(RoundResult[] Rounds, float[] Parameters);

    private sealed record RecordedRound(int Index, float[][] Rows, float[] Global, int[] SampleCounts, int Malicious);

    /// <summary>Keeps what it is given; the tests of a class run one after another, so the list can be static.</summary>
    private sealed class RecordingDefense(Setting setting) : IDefense
    {
        public static List<RecordedRound> Rounds { get; } = [];

        public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
        {
            Assert.Equal((setting.Clients, setting.Parameters), (round.Updates.Rows, round.Updates.Columns));
            Rounds.Add(new(
                round.Index, [.. round.Updates.ToArray().Chunk(setting.Parameters)], round.Global.ToArray(), [.. round.SampleCounts], round.Malicious));
            aggregate.CopyFrom(new float[setting.Parameters]);
            return [];
        }

        public void Dispose()
        {
        }
    }
}
