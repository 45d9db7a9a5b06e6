// How well a model does on labelled samples: right answers and mean loss.
namespace FlGpu.Kernels;

/// <summary>
/// Classifies the rows of <paramref name="Features"/> (N x inputs) with the model's <paramref name="Parameters"/> (1 x d) and
/// writes how many of <paramref name="Labels"/> (N) it gets right and the mean cross-entropy to
/// <paramref name="Result"/> (1 x 2). The prediction is the first of the largest logits; NaN counts as the largest, as in PyTorch.
/// </summary>
[About("right answers and mean loss of a model on labelled samples")]
public readonly record struct Evaluate(Model Model, Matrix Features, Buffer<int> Labels, Matrix Parameters, Matrix Result) : IOperation
{
    // Enough to make little of loading the model.
    private const int SamplesPerTile = 512;

    /// <inheritdoc/>
    public Work Cost => new(
        Features.Rows * Model.ForwardFlops, Features.Bytes + (Features.Rows * sizeof(int)) + Parameters.Bytes, Result.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        const int SamplesPerClient = 100;
        Mlp model = Mlp.WithAbout(parameters);
        int samples = clients * SamplesPerClient;
        Matrix features = TestData.Normal(backend, samples, model.Inputs, key.Fold(0));
        Buffer<int> labels = TestData.Labels(backend, samples, model.Classes, key.Fold(1));
        Matrix row = backend.Upload(1, model.Parameters, model.Initialise(key.Fold(2)));
        Matrix result = backend.AllocateMatrix(1, 2);
        var operation = new Evaluate(model, features, labels, row, result);
        return new(() => backend.Run(operation), result, operation.Cost, model.Parameters, Magnitude: 2.3, Restore: null, [features, labels, row, result]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        double[] parameters = [.. Parameters.ToArray().Select(x => (double)x)];
        long correct = 0;
        double loss = 0;
        for (int s = 0; s < Features.Rows; s++)
        {
            int label = ((HostBuffer<int>)Labels)[s];
            double[] logits = Model.Forward(parameters, Features.RowInDouble(s));
            int predicted = 0;
            for (int j = 1; j < logits.Length; j++)
            {
                predicted = logits[j] > logits[predicted] || (double.IsNaN(logits[j]) && !double.IsNaN(logits[predicted])) ? j : predicted;
            }

            correct += predicted == label ? 1 : 0;
            loss += CrossEntropy.Loss(logits, label);
        }

        Result[0] = correct;
        Result[1] = (float)(loss / Features.Rows);
    }

    /// <inheritdoc/>
    public void Simd(SimdBackend simd) => Model.Evaluate(this, simd);

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Model.Evaluate(this, gpu);

    /// <summary>Vector code over any model.</summary>
    internal unsafe void InTiles<TBatch>(SimdBackend simd) where TBatch : struct, IBatchModel<TBatch>
    {
        int tiles = (Features.Rows + SamplesPerTile - 1) / SamplesPerTile;
        float* perTile = simd.Workspace(2L * tiles);
        simd.ForEachTile(tiles, Cost.Flops / 8, new Batches<TBatch>(this, perTile));
        double correct = 0;
        double loss = 0;
        for (int tile = 0; tile < tiles; tile++)
        {
            correct += perTile[2 * tile];
            loss += perTile[(2 * tile) + 1];
        }

        Result[0] = (float)correct;
        Result[1] = (float)(loss / Features.Rows);
    }

    /// <summary>The kernels of a multilayer perceptron and their launch.</summary>
    internal void OnGpu(Mlp model, GpuBackend gpu)
    {
        long perGroup = model.Shape.ActivationWidth;
        long activations = perGroup * gpu.GroupsFor(Features.Rows);
        ArrayView<float> scratch = gpu.Scratch(activations + (2L * Features.Rows));
        ArrayView<float> perSample = scratch.SubView(activations, 2L * Features.Rows);
        gpu.Runtime.Launch(
            ClassifyKernel, gpu.GroupEach(Features.Rows), model.Shape, GpuBackend.View(Parameters), GpuBackend.View(Features), GpuBackend.View(Labels),
            scratch.SubView(0, activations), perSample);
        gpu.Runtime.Launch(AverageKernel, gpu.GroupEach(2), perSample, GpuBackend.View(Result));
    }

    /// <summary>A group owns a sample: its threads share the outputs of each layer, its first thread compares the logits.</summary>
    private static void ClassifyKernel(
        MlpShape shape, ArrayView<float> parameters, ArrayView<float> features, ArrayView<int> labels, ArrayView<float> scratch, ArrayView<float> perSample)
    {
        int width = shape.ActivationWidth;
        int classes = shape.Width(shape.Layers);
        ArrayView<float> activations = scratch.SubView((long)Grid.IdxX * width, width);
        for (long s = Grid.IdxX; s < labels.Length; s += Grid.DimX)
        {
            GroupMlp.ForwardOne(shape, parameters, features.SubView(s * shape.W0, shape.W0), activations);
            if (Group.IdxX == 0)
            {
                int logits = width - classes;
                int label = labels[s];
                float top = activations[logits];
                int predicted = 0;
                for (int j = 1; j < classes; j++)
                {
                    float logit = activations[logits + j];
                    if (logit > top || (float.IsNaN(logit) && !float.IsNaN(top)))
                    {
                        top = logit;
                        predicted = j;
                    }
                }

                float total = 0;
                for (int j = 0; j < classes; j++)
                {
                    total += MathF.Exp(activations[logits + j] - top);
                }

                perSample[2 * s] = predicted == label ? 1f : 0f;
                perSample[(2 * s) + 1] = MathF.Log(total) - (activations[logits + label] - top);
            }

            GroupMlp.Sync();
        }
    }

    /// <summary>A group owns one of the two results; its threads add every DimX-th sample, then their sums in a fixed tree.</summary>
    private static void AverageKernel(ArrayView<float> perSample, ArrayView<float> result)
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GpuBackend.MaxGroupSize);
        for (long which = Grid.IdxX; which < result.Length; which += Grid.DimX)
        {
            double sum = 0;
            for (long s = Group.IdxX; s < perSample.Length / 2; s += Group.DimX)
            {
                sum += perSample[(2 * s) + which];
            }

            sum = GroupSum.Of(sum, shared);
            if (Group.IdxX == 0)
            {
                result[which] = (float)(which == 0 ? sum : sum / (perSample.Length / 2));
            }
        }
    }

    /// <summary>A tile is a batch of samples; it leaves the number of right answers and the sum of the losses.</summary>
    private readonly unsafe struct Batches<TBatch>(Evaluate evaluate, float* perTile) : ITiles where TBatch : struct, IBatchModel<TBatch>
    {
        public nuint ScratchBytes => TBatch.Bytes(evaluate.Model, SamplesPerTile);

        public void Run(int tile, byte* scratch)
        {
            TBatch model = TBatch.In(evaluate.Model, SamplesPerTile, scratch);
            int first = tile * SamplesPerTile;
            int count = Math.Min(SamplesPerTile, evaluate.Features.Rows - first);
            int inputs = evaluate.Model.Inputs;
            int* labels = ((HostBuffer<int>)evaluate.Labels).Pointer + first;
            model.Load(evaluate.Parameters.Host);
            model.Forward(evaluate.Features.Host + ((long)first * inputs), inputs, count);
            int correct = 0;
            for (int b = 0; b < count; b++)
            {
                Span<float> logits = model.Logits(b);
                int predicted = 0;
                for (int j = 1; j < logits.Length; j++)
                {
                    predicted = logits[j] > logits[predicted] || (float.IsNaN(logits[j]) && !float.IsNaN(logits[predicted])) ? j : predicted;
                }

                correct += predicted == labels[b] ? 1 : 0;
            }

            perTile[2 * tile] = correct;
            perTile[(2 * tile) + 1] = (float)(model.SoftmaxGradient(new(labels, count), 1, wantLoss: true) * count);
        }
    }
}
