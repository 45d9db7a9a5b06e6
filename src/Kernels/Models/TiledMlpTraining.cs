// Local training of a multilayer perceptron of any size: all clients at once, their weights in their rows of the updates.
using System.Runtime.InteropServices;

namespace FlGpu.Kernels;

/// <summary>A group trains a client, all its epochs in one launch; tiles of weights and activations go through its shared memory.</summary>
internal static class TiledMlpTraining
{
    /// <summary>Trains all clients in one launch.</summary>
    public static void Launch(Mlp model, in TrainClients train, GpuBackend gpu)
    {
        int perGroup = train.Sgd.BatchSize * ((2 * model.Shape.ActivationWidth) + 2);
        int groups = TiledMlp.Groups(gpu, train.Updates.Rows);
        ArrayView<float> scratch = gpu.Scratch((long)perGroup * groups);
        var settings = new TrainSettings(model.Shape, GroupTraining.Of(train, model.Parameters), perGroup);
        gpu.Runtime.Launch(
            Kernel, gpu.GroupEach(groups, TiledMlp.GroupSize), settings, GpuBackend.View(train.Initial), GpuBackend.View(train.Origin),
            GpuBackend.View(train.Updates), GpuBackend.View(train.Samples.Features), GpuBackend.View(train.Samples.Labels),
            GpuBackend.View(train.Samples.Order), GpuBackend.View(train.Samples.Start), scratch,
            train.StepLosses is null ? scratch.SubView(0, 0) : GpuBackend.View(train.StepLosses));
    }

    /// <summary>A group owns a client.</summary>
    private static void Kernel(
        TrainSettings settings, ArrayView<float> initial, ArrayView<float> origin, ArrayView<float> updates, ArrayView<float> features,
        ArrayView<int> labels, ArrayView<int> order, ArrayView<int> start, ArrayView<float> scratch, ArrayView<float> losses)
    {
        var slabs = new Slabs(SharedMemory.Allocate<Float4>(TiledMlp.SlabQuads), SharedMemory.Allocate<Float4>(TiledMlp.SlabQuads));
        ArrayView<float> mine = scratch.SubView((long)Grid.IdxX * settings.ScratchPerGroup, settings.ScratchPerGroup);
        var network = new Network(settings.Shape, settings.Training.BatchSize, features, mine, slabs);
        GroupModel.Train(network, settings.Training, initial, origin, updates, labels, order, start, losses);
    }

    /// <summary>What a group has in its scratch memory: activations, gradients by them, losses and labels.</summary>
    private readonly struct Network(MlpShape shape, int batch, ArrayView<float> features, ArrayView<float> mine, Slabs slabs) : IGroupNetwork
    {
        public GroupBatch Batch
        {
            get
            {
                int classes = shape.Width(shape.Layers);
                return new(
                    mine.SubView((long)batch * (shape.ActivationWidth - classes), (long)batch * classes), classes, classes,
                    mine.SubView((2 * Width) + batch, batch).Cast<int>(), mine.SubView(2 * Width, batch));
            }
        }

        private long Width => (long)batch * shape.ActivationWidth;

        private ArrayView<float> Activations => mine.SubView(0, Width);

        public void Load(ArrayView<float> initial, ArrayView<float> update) => GroupModel.Copy(initial, update);

        public void Forward(ArrayView<float> update, ArrayView<int> rows) =>
            TiledMlp.Forward(shape, update, new ListedRows(features, rows, shape.W0), Activations, batch, (int)rows.Length, slabs);

        public void Step(ArrayView<float> update, ArrayView<int> rows) =>
            TiledMlp.Step(
                shape, update, new ListedRows(features, rows, shape.W0), Activations, mine.SubView(Width, Width), batch, (int)rows.Length, slabs);

        public void Store(ArrayView<float> origin, ArrayView<float> update) => GroupModel.Subtract(origin, update);
    }
}

/// <summary>The numbers that a multilayer perceptron's training kernels need.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct TrainSettings(MlpShape Shape, GroupTraining Training, int ScratchPerGroup);
