// The multilayer perceptron's kernels: both ways to train, testing and logits, against the definition, PyTorch and each other.
using System.IO.Compression;
using System.Text.Json.Nodes;

namespace FlGpu.Kernels.Tests;

public sealed class MlpKernelTests
{
    private const int Batch = 5;

    // With and without hidden layers; widths that are multiples of four and that are not; more columns than a tile of a few threads has.
    public static TheoryData<int[]> Shapes => new([[5, 6, 4], [8, 3], [32, 64, 10], [6, 9, 8, 5, 3], [12, 37, 2], [70, 4, 11]]);

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Both_ways_to_train_follow_the_definition_with_the_same_bits_for_any_group(int[] widths)
    {
        var model = new Mlp(widths);
        using var reference = new ReferenceBackend();
        (float[] expected, float[] expectedLosses) = Train(reference, model, train => train.Reference());
        Assert.True(expected.Max(Math.Abs) > 0.01f, "the steps are too small to tell");
        Assert.True(SharedMlpTraining.Fits(model.Shape, Batch));
        foreach (Action<TrainClients, GpuBackend> way in (Action<TrainClients, GpuBackend>[])[InSharedMemory, InTiles])
        {
            (float[] Updates, float[] Losses)? first = null;
            foreach (int groupSize in GroupSizes(widths))
            {
                using GpuBackend cpu = Backends.OpenCpu(threads: 1, groupSize);
                (float[] Updates, float[] Losses) actual = Train(cpu, model, train => way(train, cpu));
                Assert.InRange(Conformance.Error(expected, actual.Updates, 1), 0, 1e-5);
                Assert.InRange(Conformance.Error(expectedLosses, actual.Losses, 1), 0, 2e-5);
                first ??= actual;
                Assert.Equal(first.Value.Updates, actual.Updates);
                Assert.Equal(first.Value.Losses, actual.Losses);
            }
        }
    }

    [Fact]
    public void Both_ways_to_train_follow_PyTorch_step_by_step()
    {
        using Stream file = File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Vectors", "tutorial-training.jsonl.gz"));
        using var text = new StreamReader(new GZipStream(file, CompressionMode.Decompress));
        int cases = 0;
        while (text.ReadLine() is { } line)
        {
            JsonNode vector = JsonNode.Parse(line)!;
            var model = new Mlp([.. Ints(vector["layers"])]);
            float[] expected = FromPyTorch(model, vector["final"]!);
            float[] expectedLosses = Floats(vector["step_losses"]);
            foreach (Action<TrainClients, GpuBackend> way in (Action<TrainClients, GpuBackend>[])[InSharedMemory, InTiles])
            {
                using GpuBackend cpu = Backends.OpenCpu(threads: 1, groupSize: 1);
                int[] order = [.. vector["epoch_order"]!.AsArray().SelectMany(Ints)];
                using Matrix features = cpu.Upload((int)vector["samples"]!, model.Inputs, Floats(vector["features"]));
                using Buffer<int> labels = cpu.Upload<int>(Ints(vector["labels"]));
                using Buffer<int> visits = cpu.Upload<int>(order);
                using Buffer<int> start = cpu.Upload<int>([0, order.Length]);
                using Matrix initial = cpu.Upload(1, model.Parameters, FromPyTorch(model, vector["initial"]!));
                using Matrix zero = cpu.Upload(1, model.Parameters, new float[model.Parameters]);
                using Matrix final = cpu.AllocateMatrix(1, model.Parameters);
                using Matrix losses = cpu.AllocateMatrix(1, expectedLosses.Length);
                var sgd = new LocalSgd((int)vector["epochs"]!, (int)vector["batch"]!, (float)vector["learning_rate"]!);
                way(new(model, sgd, new(features, labels, visits, start), initial, zero, final, losses), cpu);
                AssertFourDigits(expected, final.ToArray());
                AssertFourDigits(expectedLosses, losses.ToArray());
            }

            cases++;
        }

        Assert.Equal(5, cases);
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Testing_and_logits_agree_with_the_definition_and_have_the_same_bits_for_any_group(int[] widths)
    {
        var model = new Mlp(widths);
        using var reference = new ReferenceBackend();
        (float[] expected, float[] expectedLogits) = Test(reference, model);
        (float[] Result, float[] Logits)? first = null;
        foreach (int groupSize in GroupSizes(widths))
        {
            using GpuBackend cpu = Backends.OpenCpu(threads: 2, groupSize);
            (float[] Result, float[] Logits) actual = Test(cpu, model);
            Assert.Equal([expected[0], expected[2]], [actual.Result[0], actual.Result[2]]);
            Assert.InRange(Conformance.Error(expected, actual.Result, 1), 0, 1e-5);
            Assert.InRange(Conformance.Error(expectedLogits, actual.Logits, 1), 0, 1e-5);
            first ??= actual;
            Assert.Equal(first.Value.Result, actual.Result);
            Assert.Equal(first.Value.Logits, actual.Logits);
        }
    }

    [Fact]
    public void A_client_that_has_diverged_does_not_touch_the_next_one_of_its_group()
    {
        // One thread has four groups: of six clients, the last two follow others in their group's memory.
        var model = new Mlp(6, 5, 3);
        float[] healthy = model.Initialise(RngKey.FromSeed(1));
        float[] spoilt = [.. Enumerable.Repeat(float.NaN, healthy.Length)];
        foreach (Action<TrainClients, GpuBackend> way in (Action<TrainClients, GpuBackend>[])[InSharedMemory, InTiles])
        {
            using GpuBackend cpu = Backends.OpenCpu(threads: 1, groupSize: 1);
            float[] alone = TrainSix(cpu, model, [.. Enumerable.Repeat(healthy, 6).SelectMany(row => row)], way);
            float[] actual = TrainSix(cpu, model, [.. Enumerable.Repeat(spoilt, 4).Concat(Enumerable.Repeat(healthy, 2)).SelectMany(row => row)], way);
            Assert.All(actual[..(4 * model.Parameters)], x => Assert.True(float.IsNaN(x)));
            Assert.Equal(alone[(4 * model.Parameters)..], actual[(4 * model.Parameters)..]);
            Assert.All(alone, x => Assert.True(float.IsFinite(x)));
        }
    }

    [Fact]
    public void Shared_memory_takes_the_models_that_fit()
    {
        Assert.True(SharedMlpTraining.Fits(new Mlp(32, 64, 10).Shape, 32));
        Assert.True(SharedMlpTraining.Fits(new Mlp(32, 10).Shape, 32));
        Assert.True(SharedMlpTraining.Fits(new Mlp(64, 32, 10).Shape, 32));
        Assert.False(SharedMlpTraining.Fits(new Mlp(32, 64, 10).Shape, 64));
        Assert.False(SharedMlpTraining.Fits(new Mlp(784, 128, 10).Shape, 32));
        Assert.False(SharedMlpTraining.Fits(new Mlp(784, 128, 10).Shape, 1));
        Assert.False(SharedMlpTraining.Fits(new Mlp(2, 2_000_000, 2).Shape, 1));
    }

#if ILGPU
    [Theory]
    [InlineData(new[] { 32, 10 }, 32, "SmallKernel")]
    [InlineData(new[] { 32, 64, 10 }, 32, "MediumKernel")]
    [InlineData(new[] { 32, 80, 10 }, 32, "LargeKernel")]
    [InlineData(new[] { 32, 64, 10 }, 64, "Kernel")]
    public void A_model_trains_in_the_smallest_memory_that_holds_it(int[] widths, int batch, string kernel)
    {
        using GpuBackend cpu = Backends.OpenCpu(threads: 1, groupSize: 1);
        Train(cpu, new Mlp(widths), train => (train with { Sgd = train.Sgd with { BatchSize = batch } }).Gpu(cpu));
        Assert.Equal([kernel], cpu.Runtime.Launched.Select(method => method.Name));
    }
#endif

    // A barrier among 128 threads of ILGPU's CPU accelerator takes milliseconds: such groups only train the smallest model there.
    private static int[] GroupSizes(int[] widths) => Backends.KernelRuntimeName == "ILGPU" && widths.Sum() > 15 ? [1, 2, 8] : [1, 2, 32, 128];

    private static void InSharedMemory(TrainClients train, GpuBackend gpu) => SharedMlpTraining.Launch((Mlp)train.Model, train, gpu);

    private static void InTiles(TrainClients train, GpuBackend gpu) => TiledMlpTraining.Launch((Mlp)train.Model, train, gpu);

    /// <summary>Four clients with 5, 11, 8 and 2 samples, three epochs in batches of 5, from two models.</summary>
    private static (float[] Updates, float[] Losses) Train(Backend backend, Mlp model, Action<TrainClients> run)
    {
        const int Epochs = 3;
        int[] sizes = [5, 11, 8, 2];
        const int Samples = 14;
        const int Steps = Epochs * 3;
        RngKey key = RngKey.FromSeed(21);
        int[] start = [0, .. sizes.Select((_, i) => Epochs * sizes.Take(i + 1).Sum())];
        using Matrix features = TestData.Normal(backend, Samples, model.Inputs, key.Fold(2));
        using Buffer<int> labels = TestData.Labels(backend, Samples, model.Classes, key.Fold(3));
        using Buffer<int> visits = TestData.Labels(backend, start[^1], Samples, key.Fold(1));
        using Buffer<int> starts = backend.Upload<int>(start);
        using Matrix initial = backend.Upload(2, model.Parameters, [.. model.Initialise(key.Fold(4)), .. model.Initialise(key.Fold(5))]);
        using Matrix origin = TestData.Normal(backend, 2, model.Parameters, key.Fold(6), scale: 0.1f);
        using Matrix updates = backend.AllocateMatrix(sizes.Length, model.Parameters);
        using Matrix losses = backend.Upload(sizes.Length, Steps, new float[sizes.Length * Steps]);
        run(new(model, new(Epochs, Batch, 0.1f), new(features, labels, visits, starts), initial, origin, updates, losses));
        return (updates.ToArray(), losses.ToArray());
    }

    private static float[] TrainSix(GpuBackend cpu, Mlp model, float[] initials, Action<TrainClients, GpuBackend> way)
    {
        const int PerClient = 7;
        using Matrix features = TestData.Normal(cpu, 9, model.Inputs, RngKey.FromSeed(2));
        using Buffer<int> labels = TestData.Labels(cpu, 9, model.Classes, RngKey.FromSeed(3));
        using Buffer<int> visits = TestData.Labels(cpu, 6 * PerClient, 9, RngKey.FromSeed(4));
        using Buffer<int> starts = cpu.Upload<int>([.. Enumerable.Range(0, 7).Select(i => i * PerClient)]);
        using Matrix initial = cpu.Upload(6, model.Parameters, initials);
        using Matrix updates = cpu.AllocateMatrix(6, model.Parameters);
        way(new(model, new(1, Batch, 0.1f), new(features, labels, visits, starts), initial, initial, updates), cpu);
        return updates.ToArray();
    }

    /// <summary>Two models on 70 samples, and the first one's logits for 37 of them.</summary>
    private static (float[] Result, float[] Logits) Test(Backend backend, Mlp model)
    {
        const int Samples = 70;
        RngKey key = RngKey.FromSeed(31);
        using Matrix features = TestData.Normal(backend, Samples, model.Inputs, key.Fold(0));
        using Buffer<int> labels = TestData.Labels(backend, Samples, model.Classes, key.Fold(1));
        using Matrix rows = backend.Upload(2, model.Parameters, [.. model.Initialise(key.Fold(2)), .. model.Initialise(key.Fold(3))]);
        using Matrix result = backend.AllocateMatrix(2, 2);
        backend.Run(new Evaluate(model, features, labels, rows, result));
        using Buffer<int> listed = TestData.Labels(backend, 37, Samples, key.Fold(4));
        using Matrix outputs = backend.AllocateMatrix(37, model.Classes);
        backend.Run(new Logits(model, features, listed, rows.SliceRows(0, 1), outputs));
        return (result.ToArray(), outputs.ToArray());
    }

    private static void AssertFourDigits(float[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        Assert.All(expected.Zip(actual), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, (1e-4 * Math.Abs(pair.First)) + 1e-6));
    }

    /// <summary>PyTorch keeps weights as outputs x inputs; here they are inputs x outputs.</summary>
    private static float[] FromPyTorch(Mlp model, JsonNode state)
    {
        List<float> parameters = [];
        for (int layer = 0; layer < model.Layers; layer++)
        {
            float[] weights = Floats(state[$"network.{2 * layer}.weight"]);
            int inputs = model.Widths[layer];
            int outputs = model.Widths[layer + 1];
            for (int e = 0; e < inputs * outputs; e++)
            {
                parameters.Add(weights[(e % outputs * inputs) + (e / outputs)]);
            }

            parameters.AddRange(Floats(state[$"network.{2 * layer}.bias"]));
        }

        return [.. parameters];
    }

    private static float[] Floats(JsonNode? array) => [.. Flat(array!).Select(x => (float)x)];

    private static int[] Ints(JsonNode? array) => [.. Flat(array!).Select(x => (int)x)];

    private static IEnumerable<JsonNode> Flat(JsonNode node) => node is JsonArray array ? array.SelectMany(item => Flat(item!)) : [node];
}
