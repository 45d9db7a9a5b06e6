// What crosses from the device to the host in a round: numbers of clients, never numbers of parameters.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

/// <summary>One backend for all tests here: it compiles each kernel once.</summary>
public sealed class OneCpuBackend : IDisposable
{
    public Backend Backend { get; } = Backends.OpenCpu(threads: 2, groupSize: 1);

    public void Dispose() => Backend.Dispose();
}

public class TrafficTests(OneCpuBackend one) : IClassFixture<OneCpuBackend>
{
    private const int Clients = 11;
    private const int Rounds = 3;

    // Hidden layers of 8 and of 128 units: 226 and 3,466 parameters.
    private static readonly int[] s_widths = [8, 128];

    public static TheoryData<string, string> AttacksAndDefenses
    {
        get
        {
            var data = new TheoryData<string, string>();
            // Among them are those of the tutorial.
            foreach (string attack in Catalogue.All<IAttack>().Select(listing => listing.Name).Append("label_flip:mode=dynamic"))
            {
                data.Add(attack, "none");
            }

            foreach (string defense in Catalogue.All<IDefense>().Select(listing => listing.Name).Where(name => name != "none").Concat(["nnm+none", "bucketing+none", "clipping+none", "arc+none", "anomaly_detection+none"]))
            {
                data.Add("sign_flip", defense);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(AttacksAndDefenses))]
    public void A_round_brings_to_the_host_a_few_numbers_for_each_pair_of_clients_at_most(string attack, string defense)
    {
        const long Most = 32 * Clients * Clients;
        long[] few = ToHost(attack, defense, s_widths[0]);
        long[] many = ToHost(attack, defense, s_widths[1]);

        Assert.All(few, bytes => Assert.InRange(bytes, 1, Most));
        Assert.All(many, bytes => Assert.InRange(bytes, 1, Most));
        Assert.True(Most < 3_466 * sizeof(float));
    }

    [Theory]
    [InlineData("median")]
    [InlineData("trimmed_mean")]
    [InlineData("none")]
    public void A_rule_that_needs_to_know_nothing_of_the_clients_brings_eight_numbers(string defense) =>
        // Accuracy and loss; how the aggregate stands to the honest mean: two norms and four distances.
        Assert.All(ToHost("sign_flip", defense, s_widths[1]), bytes => Assert.Equal(8 * sizeof(float), bytes));

    [Theory]
    [InlineData("krum")]
    [InlineData("multi_krum")]
    [InlineData("multi_krum:keep=3")]
    public void Krum_brings_a_score_for_each_client_and_no_distances(string defense) =>
        Assert.All(ToHost("sign_flip", defense, s_widths[1]), bytes => Assert.Equal((8 + Clients) * sizeof(float), bytes));

    private long[] ToHost(string attack, string defense, int width)
    {
        Backend backend = one.Backend;
        var experiment = new Experiment(
            ModelChoice.Perceptron(width), Clients, Malicious: 2, ClientsPerRound: Clients, Rounds, new LocalSgd(Epochs: 1, BatchSize: 16, LearningRate: 0.1f),
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

        Assert.Equal(Rounds, bytes.Count);
        return [.. bytes];
    }
}
