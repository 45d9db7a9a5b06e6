// Attacks that try the defense do so with every rule of the catalogue.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class TriedDefenseTests
{
    public static TheoryData<string> Defenses =>
        [.. Catalogue.All<IDefense>().Where(listing => !listing.Parameters.Any(p => p.Required)).Select(listing => listing.Name), "nnm+krum", "clipping+median"];

    [Theory]
    [MemberData(nameof(Defenses))]
    public void They_run_against_every_rule_and_stages(string defense)
    {
        foreach (string attack in (string[])["adaptive", "optimal_alie", "optimal_ipm"])
        {
            using var backend = new SimdBackend(1);
            var experiment = new Experiment(
                ModelChoice.Perceptron(8), Clients: 13, Malicious: 2, ClientsPerRound: 13, Rounds: 2, new LocalSgd(Epochs: 1, BatchSize: 16, LearningRate: 0.1f), UpdateSpace.Updates,
                Catalogue.Parse<IAttack>("--attack", attack), Catalogue.Parse<IDefense>("--defense", defense), Seed: 1);
            using FederatedData data = FederatedData.Load(
                backend, Catalogue.Parse<IDataSource>("--data", "synthetic:inputs=16,test=50"), Catalogue.Parse<IPartition>("--partition", "iid"),
                experiment.Clients, experiment.Seed);
            using var federation = new Federation(backend, data, experiment);

            RoundResult[] rounds = [.. federation.Run()];

            Assert.Equal(2, rounds.Length);
            Assert.All(federation.Parameters(), x => Assert.True(float.IsFinite(x)));
        }
    }
}
