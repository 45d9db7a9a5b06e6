// Rules that remember earlier rounds do so whatever f they are told and however many updates stages leave them.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class MemoryTests
{
    public static TheoryData<string> BackendNames => [.. TestBackends.Names];

    [Theory]
    [InlineData("centered_clipping:tau=0.2")]
    [InlineData("fools_gold")]
    [InlineData("clipped_clustering")]
    [InlineData("fl_detector:window=2")]
    public void Being_told_another_f_each_round_changes_nothing_for_a_rule_that_does_not_use_it(string defense)
    {
        // 4 of 8 clients a round: the number of malicious ones among them varies.
        (float[] config, int[] _) = Run(defense, ReckonedF.Config);
        (float[] round, int[] told) = Run(defense, ReckonedF.Round);

        Assert.True(told.Distinct().Count() > 1);
        Assert.Equal(config, round);
    }

    [Theory]
    [MemberData(nameof(BackendNames))]
    public void A_memory_behind_a_filter_goes_on_when_the_filter_removes_another_number(string name)
    {
        const double Tau = 0.5;
        using Backend backend = TestBackends.Open(name);
        using IDefense rule = Catalogue.Parse<IDefense>("--defense", $"anomaly_detection+centered_clipping:tau={Tau}").Create(new Setting(backend, 7, 1, 2));
        double[] center = [0, 0];
        for (int index = 1; index <= 4; index++)
        {
            float[][] rows = Staging.Normal((ulong)index, 7, 2, mean: 2, deviation: 0.1);
            for (int i = 7 - (index % 3); i < 7; i++)
            {
                rows[i] = [-50, 30 + i];
            }

            float[] aggregate = RunOnce(backend, rule, rows, index, out float[] weights);

            float[][] kept = [.. rows.Where((_, i) => weights[i] > 0)];
            Assert.InRange(kept.Length, 4, 7 - (index % 3));
            double[] pull = new double[2];
            foreach (float[] row in kept)
            {
                double distance = Math.Sqrt(row.Zip(center, (x, v) => (x - v) * (x - v)).Sum());
                for (int k = 0; k < 2; k++)
                {
                    pull[k] += (row[k] - center[k]) * Math.Min(1, Tau / distance) / kept.Length;
                }
            }

            center = [.. center.Zip(pull, (v, p) => v + p)];
            Assert.Equal(center[0], aggregate[0], 1e-4);
            Assert.Equal(center[1], aggregate[1], 1e-4);
        }
    }

    [Theory]
    [InlineData("fools_gold")]
    [InlineData("clipped_clustering")]
    [InlineData("fl_detector:window=2")]
    public void Clients_are_told_apart_behind_a_filter(string defense)
    {
        using var backend = new SimdBackend(1);
        using IDefense rule = Catalogue.Parse<IDefense>("--defense", $"anomaly_detection+{defense}").Create(new Setting(backend, 7, 1, 2));
        for (int index = 1; index <= 6; index++)
        {
            float[][] rows = Staging.Normal((ulong)index, 7, 2, mean: 2, deviation: 0.1);
            rows[index % 7] = [-50, 40];

            Assert.All(RunOnce(backend, rule, rows, index, out _), x => Assert.InRange(x, -20, 20));
        }
    }

    [Theory]
    [InlineData("krum:f=4", "krum:f=2")]
    [InlineData("bulyan:f=1", "bulyan:f=0")]
    [InlineData("trimmed_mean:f=3", "trimmed_mean:f=1")]
    [InlineData("meamed:f=3", "meamed:f=1")]
    [InlineData("dnc:f=3", "dnc:f=1")]
    [InlineData("cge:f=3", "cge:f=1")]
    [InlineData("multi_krum:f=3,keep=7", "multi_krum:f=1,keep=5")]
    public void An_f_that_is_given_is_lowered_by_whom_a_filter_has_removed(string given, string lowered)
    {
        using var backend = new SimdBackend(1);
        float[][] rows = Staging.Normal(3, 7, 4, mean: 1, deviation: 0.2);
        rows[2] = [60, -60, 50, 10];
        rows[5] = [60, -50, 40, 10];

        Aggregation staged = Aggregation.Of(backend, $"anomaly_detection+{given}", rows);

        Assert.Equal([2, 5], Enumerable.Range(0, 7).Where(i => Aggregation.Of(backend, "anomaly_detection+none", rows).Weights[i] == 0));
        float[][] left = [.. rows.Where((_, i) => i is not (2 or 5))];
        Assert.Equal(Aggregation.Of(backend, lowered, left).Aggregate, staged.Aggregate);
    }

    [Fact]
    public void A_trial_of_an_attack_is_not_remembered()
    {
        using var backend = new SimdBackend(1);
        var setting = new Setting(backend, 6, 1, 2);
        Choice<IDefense> choice = Catalogue.Parse<IDefense>("--defense", "centered_clipping:tau=0.5");
        using IDefense rule = choice.Create(setting);
        float[][] rows = Staging.Normal(1, 6, 2, mean: 2, deviation: 0.1);
        float[] expected = Aggregation.Of(backend, "centered_clipping:tau=0.5", rows).Aggregate;
        using (IAttack attack = Catalogue.Parse<IAttack>("--attack", "optimal_ipm").Create(setting, choice))
        {
            using Matrix updates = backend.Upload(6, 2, [.. rows.SelectMany(row => row)]);
            using Matrix global = backend.Upload(1, 2, new float[2]);
            attack.Corrupt(new(1, updates, global, [1, 1, 1, 1, 1, 1], 1, RngKey.FromSeed(1)));
        }

        Assert.Equal(expected, RunOnce(backend, rule, rows, 1, out _));
    }

    private static float[] RunOnce(Backend backend, IDefense rule, float[][] rows, int index, out float[] weights)
    {
        int d = rows[0].Length;
        using Matrix updates = backend.Upload(rows.Length, d, [.. rows.SelectMany(row => row)]);
        using Matrix global = backend.Upload(1, d, [.. Enumerable.Range(0, d).Select(k => (float)(index * k))]);
        using Matrix aggregate = backend.AllocateMatrix(1, d);
        weights = [.. rule.Aggregate(new(index, updates, global, [.. Enumerable.Repeat(1, rows.Length)], 1, RngKey.FromSeed((ulong)index)), aggregate)];
        return aggregate.ToArray();
    }

    private static (float[] Parameters, int[] Told) Run(string defense, ReckonedF reckonedF)
    {
        using var backend = new SimdBackend(1);
        var experiment = new Experiment(
            ModelChoice.Perceptron(8), Clients: 8, Malicious: 3, ClientsPerRound: 4, Rounds: 8, new LocalSgd(Epochs: 1, BatchSize: 16, LearningRate: 0.1f), UpdateSpace.Updates,
            Catalogue.Parse<IAttack>("--attack", "sign_flip"), Catalogue.Parse<IDefense>("--defense", defense), Seed: 3, reckonedF);
        using FederatedData data = FederatedData.Load(
            backend, Catalogue.Parse<IDataSource>("--data", "synthetic:inputs=16,test=50"), Catalogue.Parse<IPartition>("--partition", "iid"),
            experiment.Clients, experiment.Seed);
        using var federation = new Federation(backend, data, experiment);
        int[] told = [.. federation.Run().Select(round => round.ReckonedF)];
        return (federation.Parameters(), told);
    }
}
