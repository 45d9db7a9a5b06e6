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

    [Theory]
    [MemberData(nameof(Backends))]
    public void Scores_are_distances_to_the_prediction_of_a_BFGS_matrix_written_out(string name)
    {
        const int Clients = 6;
        const int Parameters = 8;
        const int Window = 3;
        using Backend backend = TestBackends.Open(name);
        foreach (int test in LastingRule.CasesOn(name))
        {
            RngStream stream = RngKey.FromSeed(17).Fold((ulong)test).Stream();
            var setting = new Setting(backend, Clients, 0, Parameters);
            using var rule = new FlDetector(setting, Window);
            using Remembered<FlDetectorHistory> history = setting.Memory.Of<FlDetectorHistory>(() => throw new InvalidOperationException("the rule has made it"));
            using Matrix aggregate = backend.AllocateMatrix(1, Parameters);
            double[] curvature = [.. Enumerable.Range(0, Parameters).Select(_ => 0.2 + (0.6 * stream.NextDouble()))];
            List<float[]> models = [[.. Enumerable.Range(0, Parameters).Select(_ => (float)stream.NextNormal())]];
            List<float[][]> updates = [];
            List<float[]> aggregates = [];
            Dictionary<int, List<double>> shares = Enumerable.Range(0, Clients).ToDictionary(i => i, _ => new List<double>());
            for (int t = 0; t < 7; t++)
            {
                float[][] sent = [.. Enumerable.Range(0, Clients).Select(_ => curvature.Select((c, k) => (float)((-c * models[t][k]) + (0.2 * stream.NextNormal()))).ToArray())];
                using Matrix device = backend.Upload(Clients, Parameters, [.. sent.SelectMany(row => row)]);
                using Matrix global = backend.Upload(1, Parameters, models[t]);
                rule.Aggregate(new(t + 1, device, global, new int[Clients], 0, RngKey.FromSeed((ulong)t)), aggregate);
                updates.Add(sent);
                if (t >= 2)
                {
                    // The steps of the last rounds before this one, and what they changed in the aggregate.
                    double[] change = Apply(Bfgs([.. Enumerable.Range(Math.Max(1, t - Window), Math.Min(Window, t - 1))
                        .Select(r => (Less(models[r], models[r - 1]), Less(aggregates[r], aggregates[r - 1])))]), Less(models[t], models[t - 1]));
                    double[] distances = [.. Enumerable.Range(0, Clients).Select(i => Length(Less(sent[i], updates[t - 1][i]).Zip(change, (x, y) => x - y)))];
                    for (int i = 0; i < Clients; i++)
                    {
                        shares[i].Add(distances[i] / distances.Sum());
                        Assert.Equal(shares[i].TakeLast(Window).Average(), history.Value.Shares[i].Average(), 1e-3);
                    }
                }

                aggregates.Add(aggregate.ToArray());
                models.Add([.. models[t].Zip(aggregates[t], (w, g) => w + g)]);
            }
        }
    }

    // B + y y' / y's - B s (B s)' / s'B s for one pair after another, from sigma I on.
    private static double[,] Bfgs((double[] Step, double[] Change)[] pairs)
    {
        int d = pairs[0].Step.Length;
        double[,] b = new double[d, d];
        for (int k = 0; k < d; k++)
        {
            b[k, k] = Product(pairs[^1].Step, pairs[^1].Change) / Product(pairs[^1].Step, pairs[^1].Step);
        }

        foreach ((double[] s, double[] y) in pairs)
        {
            double[] bs = Apply(b, s);
            (double sbs, double ys) = (Product(s, bs), Product(y, s));
            for (int p = 0; p < d; p++)
            {
                for (int q = 0; q < d; q++)
                {
                    b[p, q] += (y[p] * y[q] / ys) - (bs[p] * bs[q] / sbs);
                }
            }
        }

        return b;
    }

    private static double[] Apply(double[,] matrix, double[] vector) =>
        [.. Enumerable.Range(0, vector.Length).Select(p => Enumerable.Range(0, vector.Length).Sum(q => matrix[p, q] * vector[q]))];

    private static double[] Less(float[] a, float[] b) => [.. a.Zip(b, (x, y) => (double)x - y)];

    private static double Product(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

    private static double Length(IEnumerable<double> vector) => Math.Sqrt(vector.Sum(x => x * x));

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
