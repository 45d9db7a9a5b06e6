// FLDetector on clients whose updates follow a quadratic, which L-BFGS predicts, and others that make theirs up.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class FlDetectorTests
{
    public static TheoryData<string> Backends => [.. TestBackends.Names];

    [Theory]
    [MemberData(nameof(Backends))]
    public void Clients_that_make_up_their_updates_are_found(string name)
    {
        (List<float[]> weights, bool finite) = Run(name, malicious: 3, float.NaN);
        Assert.True(finite);
        Assert.All(weights[^1][^3..], weight => Assert.Equal(0, weight));
        Assert.All(weights[^1][..^3], weight => Assert.True(weight > 0));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Nobody_is_left_out_before_the_window_is_full(string name) =>
        Assert.All(Run(name, malicious: 3, float.NaN).Weights[..3], weights => Assert.All(weights, weight => Assert.Equal(0.1f, weight, 1e-6)));

    [Theory]
    [MemberData(nameof(Backends))]
    public void Updates_that_are_no_numbers_are_left_out(string name)
    {
        foreach (float value in (float[])[float.PositiveInfinity, 1e30f])
        {
            (List<float[]> weights, bool finite) = Run(name, malicious: 2, value);
            Assert.True(finite);
            Assert.All(weights, row => Assert.All(row[^2..], weight => Assert.Equal(0, weight)));
        }
    }

    [Fact]
    public void A_window_needs_a_round() =>
        Assert.Equal("window is 0; allowed is 1 or more", Assert.Throws<InputException>(() => new FlDetector(new(new ReferenceBackend(), 3, 0, 1), 0)).Message);

    // NaN stands for made-up numbers.
    private static (List<float[]> Weights, bool Finite) Run(string name, int malicious, float value)
    {
        const int Clients = 10;
        const int Parameters = 12;
        using Backend backend = TestBackends.Open(name);
        using var rule = new FlDetector(new(backend, Clients, malicious, Parameters), 4);
        using Matrix updates = backend.AllocateMatrix(Clients, Parameters);
        using Matrix global = backend.AllocateMatrix(1, Parameters);
        using Matrix aggregate = backend.AllocateMatrix(1, Parameters);
        float[] model = new float[Parameters];
        List<float[]> weights = [];
        bool finite = true;
        for (int index = 1; index <= 8; index++)
        {
            RngStream stream = RngKey.FromSeed(9).Fold((ulong)index).Stream();
            for (int i = 0; i < Clients; i++)
            {
                float[] row = new float[Parameters];
                for (int k = 0; k < Parameters; k++)
                {
                    double honest = 0.05 * (k + 1) * (1 + (0.1 * i) - model[k]);
                    row[k] = i < Clients - malicious ? (float)(honest + (0.001 * stream.NextNormal())) : float.IsNaN(value) ? (float)stream.NextNormal() : value;
                }

                updates.CopyFrom(row, i);
            }

            global.CopyFrom(model);
            weights.Add(rule.Aggregate(new(index, updates, global, new int[Clients], malicious, RngKey.FromSeed((ulong)index)), aggregate).ToArray());
            float[] step = aggregate.ToArray();
            finite &= step.All(float.IsFinite);
            model = [.. model.Zip(step, (x, y) => x + y)];
        }

        return (weights, finite);
    }
}
