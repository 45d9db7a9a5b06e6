// Runs that share a launch: clients of several global models are trained, and several models tested, as each would be alone.
namespace FlGpu.Kernels.Tests;

public sealed class SeveralModelsTests
{
    private const int Models = 3;
    private const int ClientsPerModel = 2;
    private const int SamplesPerClient = 7;
    private const int TestSamples = 45;

    private static readonly Mlp s_model = new(5, 6, 4);
    private static readonly LocalSgd s_sgd = new(Epochs: 2, BatchSize: 3, LearningRate: 0.3f);

    // A barrier among 128 threads of ILGPU's CPU accelerator takes milliseconds.
    public static TheoryData<string> BackendNames =>
        Backends.KernelRuntimeName == "ILGPU" ? ["reference", "simd", "cpu 1", "cpu 2"] : ["reference", "simd", "cpu 1", "cpu 2", "cpu 32", "cpu 128"];

    [Theory]
    [MemberData(nameof(BackendNames))]
    public void Clients_of_several_models_learn_what_each_models_clients_learn_alone(string name)
    {
        using Backend backend = Open(name);
        using var data = new Inputs(backend);
        int[] starts = [.. Enumerable.Range(0, (Models * ClientsPerModel) + 1).Select(i => i * SamplesPerClient * s_sgd.Epochs)];
        float[] together = Train(backend, data, data.Initial, data.Origin, starts);
        Assert.Equal(Models * ClientsPerModel, together.Chunk(s_model.Parameters).Select(row => row[0]).Distinct().Count());
        for (int model = 0; model < Models; model++)
        {
            float[] alone = Train(
                backend, data, data.Initial.SliceRows(model, 1), data.Origin.SliceRows(model, 1), starts[(model * ClientsPerModel)..(((model + 1) * ClientsPerModel) + 1)]);
            Assert.Equal(alone, together.Skip(model * alone.Length).Take(alone.Length));
        }
    }

    [Theory]
    [MemberData(nameof(BackendNames))]
    public void Several_models_test_as_each_does_alone(string name)
    {
        using Backend backend = Open(name);
        using var data = new Inputs(backend);
        float[] together = Test(backend, data, data.Initial, Models);
        Assert.Equal(Models, together.Chunk(2).Select(result => result[1]).Distinct().Count());
        for (int model = 0; model < Models; model++)
        {
            Assert.Equal(Test(backend, data, data.Initial.SliceRows(model, 1), 1), together.Skip(model * 2).Take(2));
        }
    }

    [Theory]
    [MemberData(nameof(BackendNames))]
    public void Clients_that_do_not_share_the_models_evenly_are_refused(string name)
    {
        using Backend backend = Open(name);
        using var data = new Inputs(backend);
        int[] starts = [.. Enumerable.Range(0, Models + 2).Select(i => i * SamplesPerClient * s_sgd.Epochs)];
        ArgumentException refused = Assert.Throws<ArgumentException>(() => Train(backend, data, data.Initial, data.Origin, starts));
        Assert.Contains("4 clients do not share 3 models", refused.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Train(backend, data, data.Initial, data.Origin.SliceRows(0, 1), starts[..^1]));
        Assert.Throws<ArgumentException>(() => Test(backend, data, data.Initial, Models - 1));
    }

    private static float[] Train(Backend backend, Inputs data, Matrix initial, Matrix origin, int[] starts)
    {
        using Buffer<int> start = backend.Upload<int>(starts);
        using Matrix updates = backend.AllocateMatrix(starts.Length - 1, s_model.Parameters);
        backend.Run(new TrainClients(s_model, s_sgd, new(data.Features, data.Labels, data.Order, start), initial, origin, updates));
        return updates.ToArray();
    }

    private static float[] Test(Backend backend, Inputs data, Matrix parameters, int results)
    {
        using Matrix result = backend.AllocateMatrix(results, 2);
        backend.Run(new Evaluate(s_model, data.Features, data.Labels, parameters, result));
        return result.ToArray();
    }

    private static Backend Open(string name) => name switch
    {
        "reference" => new ReferenceBackend(),
        "simd" => new SimdBackend(2),
        _ => Backends.OpenCpu(threads: 2, int.Parse(name["cpu ".Length..])),
    };

    private sealed class Inputs : IDisposable
    {
        public Inputs(Backend backend)
        {
            RngKey key = RngKey.FromSeed(11);
            Features = TestData.Normal(backend, TestSamples, s_model.Inputs, key.Fold(0));
            Labels = TestData.Labels(backend, TestSamples, s_model.Classes, key.Fold(1));
            Order = TestData.Labels(backend, Models * ClientsPerModel * SamplesPerClient * s_sgd.Epochs, TestSamples, key.Fold(2));
            Initial = TestData.Normal(backend, Models, s_model.Parameters, key.Fold(3), scale: 0.3f);
            Origin = TestData.Normal(backend, Models, s_model.Parameters, key.Fold(4));
        }

        public Matrix Features { get; }

        public Buffer<int> Labels { get; }

        public Buffer<int> Order { get; }

        public Matrix Initial { get; }

        public Matrix Origin { get; }

        public void Dispose()
        {
            foreach (IDisposable owned in (IDisposable[])[Features, Labels, Order, Initial, Origin])
            {
                owned.Dispose();
            }
        }
    }
}
