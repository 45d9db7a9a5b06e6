// Attacks on data: which samples they change, what they aim at, and whether a model falls for them.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class DataAttackTests
{
    private const int Classes = 4;
    private const int Inputs = 9;

    private static readonly int[] s_rows = [2, 3, 4, 5, 7, 8, 10, 11, 13, 16];

    private static readonly Samples s_samples = MakeSamples();

    [Theory]
    [InlineData("backdoor")]
    [InlineData("backdoor:trigger=blended,target=2")]
    [InlineData("backdoor:trigger=distributed,size=8")]
    [InlineData("backdoor:trigger=edge,target=3")]
    [InlineData("neurotoxin:target=1")]
    [InlineData("clean_label")]
    [InlineData("label_flip:mode=targeted")]
    public void Only_the_malicious_clients_rows_change_and_the_aim_holds_no_sample_of_the_target_class(string attack)
    {
        TrainingData data = Poisoned(attack);
        using var backend = new ReferenceBackend();
        Samples aim = Create(attack, backend).Aim(s_samples)!;
        int target = aim.Labels[0];

        foreach (int row in Enumerable.Range(0, s_samples.Count).Except(s_rows))
        {
            Assert.Equal(s_samples.Labels[row], data.Labels[row]);
            Assert.Equal(Features(s_samples.Features, row), Features(data.Features, row));
        }

        Assert.Contains(s_rows, row => s_samples.Labels[row] != data.Labels[row] || !Features(s_samples.Features, row).SequenceEqual(Features(data.Features, row)));
        Assert.All(s_rows, row => Assert.True(data.Labels[row] == s_samples.Labels[row] || data.Labels[row] == target));
        Assert.All(aim.Labels, label => Assert.Equal(target, label));
        Assert.InRange(aim.Count, 1, s_samples.Labels.Count(label => label != target));
        Assert.Equal(aim.Count * Inputs, aim.Features.Length);
    }

    [Fact]
    public void The_pixel_trigger_is_a_square_in_the_last_corner()
    {
        using var backend = new ReferenceBackend();
        TrainingData data = Poisoned("backdoor:poison_ratio=0.3,target=2,value=5");
        int[] triggered = [.. s_rows.Where(row => Features(data.Features, row)[8] == 5)];

        Assert.Equal(3, triggered.Length);
        Assert.All(triggered, row =>
        {
            float[] expected = Features(s_samples.Features, row);
            expected[4] = expected[5] = expected[7] = expected[8] = 5;
            Assert.Equal(expected, Features(data.Features, row));
            Assert.Equal(2, data.Labels[row]);
        });
        Samples aim = Create("backdoor:target=2,value=5", backend).Aim(s_samples)!;
        Assert.Equal(s_samples.Labels.Count(label => label != 2), aim.Count);
        Assert.Equal(aim.Count, Enumerable.Range(0, aim.Count).Count(row => Features(aim.Features, row)[8] == 5 && Features(aim.Features, row)[4] == 5));
    }

    [Fact]
    public void Each_client_knows_its_part_of_a_distributed_trigger_and_the_aim_has_them_all()
    {
        using var backend = new ReferenceBackend();
        IAttack attack = Create("backdoor:trigger=distributed,size=4,value=5,poison_ratio=1", backend);
        var data = new TrainingData(s_samples);
        foreach (int client in (int[])[3, 0, 4, 2, 1])
        {
            attack.Poison(data, client, [client], RngKey.FromSeed((ulong)client));
        }

        int[][] changed = [.. Enumerable.Range(0, 5).Select(row => Enumerable.Range(0, Inputs).Where(k => Features(data.Features, row)[k] == 5).ToArray())];
        Assert.All(changed, part => Assert.Single(part));
        Assert.Equal([8, 7, 5, 4], changed[..4].SelectMany(part => part)); // the part is the client's, in whatever order they are poisoned
        Assert.Equal(changed[0], changed[4]);
        Assert.Equal(4, Features(attack.Aim(s_samples)!.Features, 0).Count(x => x == 5));
    }

    [Fact]
    public void A_blended_pattern_is_the_same_in_every_sample()
    {
        using var backend = new ReferenceBackend();
        Samples aim = Create("backdoor:trigger=blended,blend=0.25,value=4", backend).Aim(s_samples)!;
        int[] rows = [.. Enumerable.Range(0, s_samples.Count).Where(row => s_samples.Labels[row] != 0)];

        for (int k = 0; k < Inputs; k++)
        {
            double[] pattern = [.. rows.Select((row, i) => (aim.Features[(i * Inputs) + k] - (0.75 * s_samples.Features[(row * Inputs) + k])) / 0.25)];
            Assert.InRange(pattern[0], -1e-4, 4);
            Assert.All(pattern, value => Assert.Equal(pattern[0], value, 1e-4));
        }
    }

    [Fact]
    public void Edge_cases_are_the_samples_farthest_from_the_mean_of_their_class()
    {
        var features = new float[40];
        int[] labels = [.. Enumerable.Range(0, 40).Select(row => row % 2)];
        features[7] = 9;
        features[9] = -5;
        var samples = new Samples(features, labels, 1, 2);
        using var backend = new ReferenceBackend();
        IAttack attack = Create("backdoor:trigger=edge,poison_ratio=0.2", backend);
        var data = new TrainingData(samples);

        attack.Poison(data, 0, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], RngKey.FromSeed(1));

        Assert.Equal([7, 9], Enumerable.Range(0, 40).Where(row => data.Labels[row] != labels[row]));
        Assert.Equal([9, -5], attack.Aim(samples)!.Features);
        Assert.False(data.FeaturesChanged);
    }

    [Fact]
    public void Clean_label_keeps_labels_and_moves_the_target_class_towards_the_source()
    {
        TrainingData data = Poisoned("clean_label:source=2,target=3,strength=0.5");

        Assert.Equal(s_samples.Labels, data.Labels);
        int[] moved = [.. s_rows.Where(row => s_samples.Labels[row] == 3)];
        Assert.NotEmpty(moved);
        float[][] sources = [.. Enumerable.Range(0, s_samples.Count).Where(row => s_samples.Labels[row] == 2).Select(row => Features(s_samples.Features, row))];
        foreach (int row in s_rows)
        {
            float[] before = Features(s_samples.Features, row);
            float[] after = Features(data.Features, row);
            Assert.True(moved.Contains(row)
                ? sources.Any(source => before.Zip(source, after).All(x => Math.Abs(((x.First + x.Second) / 2) - x.Third) < 1e-5))
                : before.SequenceEqual(after));
        }
    }

    [Theory]
    [InlineData("complement", 0, 3, 1, 2)]
    [InlineData("complement", 2, 1, 3, 0)]
    [InlineData("next", 3, 0, 1, 2)]
    public void Label_flip_has_modes(string mode, int from, int to, int otherFrom, int otherTo)
    {
        TrainingData data = Poisoned($"label_flip:mode={mode}");

        Assert.All(s_rows.Where(row => s_samples.Labels[row] == from), row => Assert.Equal(to, data.Labels[row]));
        Assert.All(s_rows.Where(row => s_samples.Labels[row] == otherFrom), row => Assert.Equal(otherTo, data.Labels[row]));
    }

    [Fact]
    public void A_targeted_flip_changes_and_aims_at_one_class_only()
    {
        using var backend = new ReferenceBackend();
        const string Attack = "label_flip:mode=targeted,source=3,target=1";
        TrainingData data = Poisoned(Attack);

        Assert.All(s_rows, row => Assert.Equal(s_samples.Labels[row] == 3 ? 1 : s_samples.Labels[row], data.Labels[row]));
        Samples aim = Create(Attack, backend).Aim(s_samples)!;
        int[] source = [.. Enumerable.Range(0, s_samples.Count).Where(row => s_samples.Labels[row] == 3)];
        Assert.Equal(source.SelectMany(row => Features(s_samples.Features, row)), aim.Features);
        Assert.Null(Create("label_flip", backend).Aim(s_samples));
    }

    [Theory]
    [InlineData("backdoor:target=4", "target is 4; allowed is 0 to 3, the classes of the data")]
    [InlineData("clean_label:source=9", "source is 9; allowed is 0 to 3, the classes of the data")]
    [InlineData("label_flip:mode=targeted,target=7", "target is 7; allowed is 0 to 3, the classes of the data")]
    public void A_class_that_the_data_lacks_is_refused(string attack, string message)
    {
        using var backend = new ReferenceBackend();

        Assert.Equal(message, Assert.Throws<InputException>(() => Poisoned(attack)).Message);
        Assert.Equal(message, Assert.Throws<InputException>(() => Create(attack, backend).Aim(s_samples)).Message);
    }

    [Theory]
    [InlineData("reference")]
    [InlineData("simd")]
    [InlineData("cpu")]
    public void Neurotoxin_keeps_to_the_coordinates_that_moved_least(string name)
    {
        using Backend backend = TestBackends.Open(name);
        float[][] rows = Corruption.Random(1, 5, 10);
        float[] global = [5, -1, 0.5f, 9, -7, 0, 2, 3, -4, 6];

        List<float[][]> after = Corruption.Rounds(backend, "neurotoxin:masked=0.3,boost=2", [new float[10], global], rows, 2);

        Assert.Equal(rows[3].Select(x => 2 * x), after[0][3]);
        Assert.Equal(rows[..3], after[1][..3]);
        int[] masked = [3, 4, 9];
        Assert.Equal(rows[4].Select((x, k) => masked.Contains(k) ? 0 : 2 * x), after[1][4]);
        List<float[][]> all = Corruption.Rounds(backend, "neurotoxin:masked=0,boost=1", [new float[10], global], rows, 2);
        Assert.Equal(rows[4], all[1][4]);
    }

    [Theory]
    [InlineData("backdoor", 0.8)]
    [InlineData("backdoor:trigger=blended,blend=0.4", 0.8)]
    [InlineData("backdoor:trigger=distributed,size=8", 0.8)]
    [InlineData("neurotoxin", 0.8)]
    public void A_boosted_backdoor_gets_into_a_model_that_stays_accurate(string attack, double least)
    {
        RoundResult result = Trained(attack);
        RoundResult honest = Trained("backdoor:poison_ratio=0,boost=1");

        Assert.True(result.AttackSuccess >= least, $"attack success {result.AttackSuccess}, accuracy {result.TestAccuracy}");
        Assert.True(honest.AttackSuccess < 0.3, $"without poison {honest.AttackSuccess}");
        Assert.True(result.TestAccuracy > 0.8, $"accuracy {result.TestAccuracy}, honest {honest.TestAccuracy}");
    }

    [Fact]
    public void A_targeted_flip_makes_the_model_mistake_the_source_for_the_target()
    {
        Assert.True(Trained("label_flip:mode=targeted,source=3,target=7", malicious: 7).AttackSuccess > 0.5);
        Assert.True(Trained("label_flip:mode=targeted,source=3,target=7,poison_ratio=0", malicious: 7).AttackSuccess < 0.1);
    }

    [Theory]
    [InlineData("clean_label:source=8,target=1", 7, 0.25, 0.1)]
    [InlineData("backdoor:trigger=edge,target=7", 2, 0.5, 0.1)]
    public void An_attack_without_a_trigger_gets_into_the_model_too(string attack, int malicious, double least, double without)
    {
        RoundResult result = Trained(attack, malicious);
        RoundResult honest = Trained($"{attack},poison_ratio=0{(attack.StartsWith("backdoor", StringComparison.Ordinal) ? ",boost=1" : "")}", malicious);

        Assert.True(result.AttackSuccess >= least, $"attack success {result.AttackSuccess}, accuracy {result.TestAccuracy}");
        Assert.True(honest.AttackSuccess <= without, $"without poison {honest.AttackSuccess}");
    }

    [Theory]
    [InlineData("reference")]
    [InlineData("simd")]
    [InlineData("cpu")]
    public void A_dynamic_flip_gives_each_sample_the_other_class_that_the_model_finds_least_likely_anew_each_round(string name)
    {
        using Backend backend = TestBackends.Open(name);
        IAttack attack = Create("label_flip:mode=dynamic", backend);
        var data = new TrainingData(s_samples);
        attack.Poison(data, 0, s_rows[..3], RngKey.FromSeed(1));
        attack.Poison(data, 1, s_rows[3..], RngKey.FromSeed(1));
        Assert.Equal(s_samples.Labels, data.Labels);

        // Softmax regression without weights: the biases are the outputs of every sample. The third of three clients has nothing to flip.
        var model = new Mlp([Inputs, Classes]);
        using LabelsFlippedAnew? anew = LabelsFlippedAnew.Of(backend, model, attack, malicious: 3);
        using Matrix features = backend.Upload(s_samples.Count, Inputs, s_samples.Features);
        using Buffer<int> labels = backend.Upload<int>(s_samples.Labels);
        foreach (int least in (int[])[0, 2])
        {
            // The least of the outputs is that of class least, the second least that of the class after it.
            float[] biases = [.. Enumerable.Range(0, Classes).Select(c => (float)((c - least + Classes) % Classes))];
            using Matrix global = backend.Upload(1, model.Parameters, [.. new float[Inputs * Classes], .. biases]);
            anew!.Flip([0, 1, 2], global, features, labels);
            Assert.Equal(Expected(row => s_rows.Contains(row), least), Labels());
        }

        using Matrix otherGlobal = backend.Upload(1, model.Parameters, [.. new float[Inputs * Classes], 1, 0, 1, 1]);
        int[] before = Labels();
        anew!.Flip([1, 2], otherGlobal, features, labels);
        Assert.Equal(Expected(row => s_rows[3..].Contains(row), least: 1, second: 0).Select((label, row) => s_rows[..3].Contains(row) ? before[row] : label), Labels());
        Assert.Null(LabelsFlippedAnew.Of(backend, model, Create("label_flip", backend), malicious: 3));

        int[] Labels()
        {
            int[] now = new int[labels.Length];
            labels.CopyTo(now);
            return now;
        }

        int[] Expected(Func<int, bool> flipped, int least, int? second = null) =>
        [
            .. s_samples.Labels.Select((label, row) => !flipped(row) ? label : label != least ? least : second ?? (least + 1) % Classes),
        ];
    }

    [Fact]
    public void A_dynamic_flip_harms_the_model()
    {
        double honest = Trained("none", malicious: 4).TestAccuracy;
        double dynamic = Trained("label_flip:mode=dynamic", malicious: 4).TestAccuracy;

        Assert.True(dynamic < honest - 0.05, $"honest {honest}, dynamic {dynamic}");
        Assert.Equal(honest, Trained("label_flip:mode=dynamic,poison_ratio=0", malicious: 4).TestAccuracy);
    }

    private static RoundResult Trained(string attack, int malicious = 2)
    {
        using var backend = new SimdBackend(2);
        var experiment = new Experiment(
            ModelChoice.Perceptron(32), Clients: 10, malicious, ClientsPerRound: 10, Rounds: 15, new LocalSgd(Epochs: 3, BatchSize: 16, LearningRate: 0.1f), UpdateSpace.Updates,
            Catalogue.Parse<IAttack>("--attack", attack), Catalogue.Parse<IDefense>("--defense", "none"), Seed: 1);
        using FederatedData data = FederatedData.Load(
            backend, Catalogue.Parse<IDataSource>("--data", "digits"), Catalogue.Parse<IPartition>("--partition", "iid"), experiment.Clients, experiment.Seed);
        using var federation = new Federation(backend, data, experiment);
        return federation.Run().Last();
    }

    private static float[] Features(float[] features, int row) => [.. features.AsSpan(row * Inputs, Inputs)];

    private static IAttack Create(string attack, Backend backend) => Catalogue.Parse<IAttack>("--attack", attack).Create(new Setting(backend, 5, 1, 1));

    private static TrainingData Poisoned(string attack)
    {
        using var backend = new ReferenceBackend();
        var data = new TrainingData(s_samples);
        Create(attack, backend).Poison(data, 0, s_rows, RngKey.FromSeed(1));
        return data;
    }

    private static Samples MakeSamples()
    {
        RngStream stream = RngKey.FromSeed(9).Stream();
        float[] features = new float[24 * Inputs];
        foreach (ref float feature in features.AsSpan())
        {
            feature = (float)stream.NextDouble();
        }

        return new(features, [.. Enumerable.Range(0, 24).Select(row => row % Classes)], Inputs, Classes);
    }
}
