// What crosses from the device to the host in a round: numbers of clients, never numbers of parameters.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class TrafficTests
{
    private const int Clients = 8;
    private const int Rounds = 3;

    // Hidden layers of 8 and of 128 units: 226 and 3,466 parameters.
    private static readonly int[] s_widths = [8, 128];

    public static TheoryData<string, string> AttacksAndDefenses
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (string attack in (string[])["none", "label_flip", "random_noise", "gradient_scale", "sign_flip"])
            {
                foreach (string defense in (string[])["none", "median", "trimmed_mean", "krum", "multi_krum", "norm_clip"])
                {
                    data.Add(attack, defense);
                }
            }

            Catalogue.All<IAttack>().Select(listing => listing.Name).Append("label_flip:mode=dynamic").ToList().ForEach(attack => data.Add(attack, "median"));
            Catalogue.All<IDefense>().ToList().ForEach(defense => data.Add("none", defense.Name));
            foreach (string staged in (string[])["nnm+median", "bucketing+median", "clipping+median", "arc+median", "anomaly_detection+median"])
            {
                data.Add("none", staged);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(AttacksAndDefenses))]
    public void A_round_brings_to_the_host_a_few_numbers_for_each_pair_of_clients_at_most(string attack, string defense)
    {
        // Attacks that search for a factor look at the outcome of each trial.
        const int PerPair = 100;
        long[] few = ToHost(attack, defense, s_widths[0]);
        long[] many = ToHost(attack, defense, s_widths[1]);

        const long Most = PerPair * Clients * Clients;
        Assert.All(few, bytes => Assert.InRange(bytes, 1, Most));
        Assert.All(many, bytes => Assert.InRange(bytes, 1, Most));
        Assert.True(Most < 3_466 * sizeof(float));
    }

    private static long[] ToHost(string attack, string defense, int width)
    {
        using Backend backend = Backends.OpenCpu(threads: 2, groupSize: 1);
        var experiment = new Experiment(
            [width], Clients, Malicious: 2, ClientsPerRound: Clients, Rounds, new LocalSgd(Epochs: 1, BatchSize: 16, LearningRate: 0.1f),
            UpdateSpace.Updates, Catalogue.Parse<IAttack>("--attacks", attack), Catalogue.Parse<IDefense>("--defenses", defense), Seed: 1);
        using FederatedData data = FederatedData.Load(
            backend, Catalogue.Parse<IDataSource>("--data", "synthetic:inputs=16,test=40"), Catalogue.Parse<IPartition>("--partition", "iid"), Clients, seed: 1);
        using var federation = new Federation(backend, data, experiment);
        List<long> bytes = [];
        long before = backend.Copied.ToHost;
        foreach (RoundResult _ in federation.Run())
        {
            bytes.Add(backend.Copied.ToHost - before);
            before = backend.Copied.ToHost;
        }

        Console.WriteLine($"TRAFFIC {attack} {defense} {width}: {string.Join(' ', bytes)}");
        Assert.Equal(Rounds, bytes.Count);
        return [.. bytes];
    }
}
