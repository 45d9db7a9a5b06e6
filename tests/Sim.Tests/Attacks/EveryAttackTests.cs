// Every attack of the catalogue runs as it is, in whole federations.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class EveryAttackTests
{
    public static TheoryData<string, string> Attacks => TestBackends.With([.. Catalogue.All<IAttack>().Select(listing => listing.Name)]);

    [Theory]
    [MemberData(nameof(Attacks))]
    public void It_runs_against_the_median_also_where_clients_are_sampled(string name, string attack)
    {
        using Backend backend = TestBackends.Open(name);
        var all = new Experiment(
            ModelChoice.Perceptron(8), Clients: 7, Malicious: 2, ClientsPerRound: 7, Rounds: 2, new LocalSgd(Epochs: 1, BatchSize: 16, LearningRate: 0.1f), UpdateSpace.Updates,
            Catalogue.Parse<IAttack>("--attack", attack), Catalogue.Parse<IDefense>("--defense", "median"), Seed: 1);
        foreach (Experiment experiment in (Experiment[])[all, all with { Malicious = 4, ClientsPerRound = 2, Rounds = 6 }])
        {
            using FederatedData data = FederatedData.Load(
                backend, Catalogue.Parse<IDataSource>("--data", "synthetic:inputs=16,test=50"), Catalogue.Parse<IPartition>("--partition", "iid"),
                experiment.Clients, experiment.Seed);
            using var federation = new Federation(backend, data, experiment);

            Assert.Equal(experiment.Rounds, federation.Run().Count());
        }
    }
}
