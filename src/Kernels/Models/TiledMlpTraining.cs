// Local training of a multilayer perceptron of any size: all clients at once, their weights in their rows of the updates.
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
        var settings = new TrainSettings(
            model.Shape, model.Parameters, train.ClientsPerModel, train.Sgd.Epochs, train.Sgd.BatchSize, train.Sgd.LearningRate, perGroup,
            train.StepLosses?.Columns ?? 0);
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
        MlpShape shape = settings.Shape;
        int batch = settings.BatchSize;
        int classes = shape.Width(shape.Layers);
        long parameters = settings.Parameters;
        long width = (long)batch * shape.ActivationWidth;
        ArrayView<float> mine = scratch.SubView((long)Grid.IdxX * settings.ScratchPerGroup, settings.ScratchPerGroup);
        ArrayView<float> activations = mine.SubView(0, width);
        ArrayView<float> gradients = mine.SubView(width, width);
        ArrayView<float> sampleLosses = mine.SubView(2 * width, batch);
        ArrayView<int> batchLabels = mine.SubView((2 * width) + batch, batch).Cast<int>();
        ArrayView<float> logits = activations.SubView((long)batch * (shape.ActivationWidth - classes), (long)batch * classes);
        for (long client = Grid.IdxX; client < start.Length - 1; client += Grid.DimX)
        {
            ArrayView<float> weights = updates.SubView(client * parameters, parameters);
            long model = client / settings.ClientsPerModel * parameters;
            for (long k = Group.IdxX; k < parameters; k += Group.DimX)
            {
                weights[k] = initial[model + k];
            }

            GroupBarrier.Wait();
            int visits = start[client];
            int perEpoch = (start[client + 1] - visits) / settings.Epochs;
            int step = 0;
            for (int epoch = 0; epoch < settings.Epochs; epoch++)
            {
                for (int first = 0; first < perEpoch; first += batch)
                {
                    int count = Math.Min(batch, perEpoch - first);
                    ArrayView<int> rows = order.SubView(visits + (epoch * perEpoch) + first, count);
                    var samples = new ListedRows(features, rows, shape.W0);
                    for (int b = Group.IdxX; b < count; b += Group.DimX)
                    {
                        batchLabels[b] = labels[rows[b]];
                    }

                    TiledMlp.Forward(shape, weights, samples, activations, batch, count, slabs);
                    GroupModel.SoftmaxGradient(logits, classes, classes, batchLabels, sampleLosses, count, -settings.LearningRate / count);
                    if (losses.Length > 0 && Group.IdxX == 0)
                    {
                        losses[(client * settings.LossColumns) + step] = GroupModel.MeanLoss(sampleLosses, count);
                    }

                    TiledMlp.Step(shape, weights, samples, activations, gradients, batch, count, slabs);
                    step++;
                }
            }

            for (long k = Group.IdxX; k < parameters; k += Group.DimX)
            {
                weights[k] -= origin[model + k];
            }

            GroupBarrier.Wait();
        }
    }
}
