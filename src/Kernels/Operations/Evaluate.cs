// How well a model does on labelled samples: right answers and mean loss.
namespace FlGpu.Kernels;

/// <summary>
/// Classifies the rows of <paramref name="Features"/> (N x inputs) with the model's <paramref name="Parameters"/> (1 x d) and
/// writes how many of <paramref name="Labels"/> (N) it gets right and the mean cross-entropy to
/// <paramref name="Result"/> (1 x 2). The prediction is the first of the largest logits; NaN counts as the largest, as in PyTorch.
/// m models (m x d) are tested on the same samples; each has its row of the result (m x 2).
/// </summary>
/// <exception cref="ArgumentException">There are not as many rows of results as models.</exception>
[About("right answers and mean loss of a model on labelled samples")]
public readonly record struct Evaluate(Model Model, Matrix Features, Buffer<int> Labels, Matrix Parameters, Matrix Result) : IOperation
{
    // Enough to make little of loading the model.
    private const int SamplesPerTile = 512;

    // So few that what a layer gives for them is near when the next one reads it, and a multiple of the rows of a tile.
    private const int SamplesPerBatch = 96;
    private const int PartialSums = 256;

    /// <inheritdoc/>
    public Work Cost => new(
        (long)Parameters.Rows * Features.Rows * Model.ForwardFlops, Features.Bytes + (Features.Rows * sizeof(int)) + Parameters.Bytes, Result.Bytes);

    /// <summary>Models that are tested.</summary>
    internal int Models =>
        Parameters.Rows == Result.Rows
            ? Parameters.Rows
            : throw new ArgumentException($"{Parameters.Rows} models do not fit {Result.Rows} rows of results");

    /// <inheritdoc/>
    public static IReadOnlyList<OperationListing> Variants =>
    [
        new(
            "evaluate_cnn", "right answers and mean loss of a small convolutional network",
            (backend, clients, parameters, key) => Prepare(backend, Cnn.WithAbout(parameters), samplesPerClient: 40, clients, key)),
    ];

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key) =>
        Prepare(backend, Mlp.WithAbout(parameters), samplesPerClient: 100, clients, key);

    /// <inheritdoc/>
    public void Reference()
    {
        float[] all = Parameters.ToArray();
        for (int model = 0; model < Models; model++)
        {
            double[] parameters = [.. all.Skip(model * Model.Parameters).Take(Model.Parameters).Select(x => (double)x)];
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

            Result[model, 0] = correct;
            Result[model, 1] = (float)(loss / Features.Rows);
        }
    }

    /// <inheritdoc/>
    public void Simd(SimdBackend simd) => Model.Evaluate(this, simd);

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Model.Evaluate(this, gpu);

    /// <summary>Vector code over any model.</summary>
    internal unsafe void InTiles<TBatch>(SimdBackend simd) where TBatch : struct, IBatchModel<TBatch>
    {
        int tiles = (Features.Rows + SamplesPerTile - 1) / SamplesPerTile;
        float* perTile = simd.Workspace(2L * tiles * Models);
        simd.ForEachTile(tiles * Models, Cost.Flops / 8, new Batches<TBatch>(this, tiles, perTile));
        for (int model = 0; model < Models; model++, perTile += 2 * tiles)
        {
            double correct = 0;
            double loss = 0;
            for (int tile = 0; tile < tiles; tile++)
            {
                correct += perTile[2 * tile];
                loss += perTile[(2 * tile) + 1];
            }

            Result[model, 0] = (float)correct;
            Result[model, 1] = (float)(loss / Features.Rows);
        }
    }

    /// <summary>Adds up what a model's own kernel found: for each test, m x N of them, whether the answer is right (1 or 0) and the loss.</summary>
    internal void Average(GpuBackend gpu, ArrayView<float> perTest) =>
        gpu.Runtime.Launch(AverageKernel, gpu.GroupEach(2L * Models), perTest, GpuBackend.View(Result));

    private static Prepared Prepare(Backend backend, Model model, int samplesPerClient, int clients, RngKey key)
    {
        int samples = clients * samplesPerClient;
        Matrix features = TestData.Normal(backend, samples, model.Inputs, key.Fold(0));
        Buffer<int> labels = TestData.Labels(backend, samples, model.Classes, key.Fold(1));
        Matrix row = backend.Upload(1, model.Parameters, model.Initialise(key.Fold(2)));
        Matrix result = backend.AllocateMatrix(1, 2);
        var operation = new Evaluate(model, features, labels, row, result);
        return new(() => backend.Run(operation), result, operation.Cost, model.Parameters, Magnitude: 2.3, Restore: null, [features, labels, row, result]);
    }

    /// <summary>
    /// A group owns one of a model's two results. Of 256 sums, whatever the group's size, each takes every 256th test; they are added in a fixed tree.
    /// </summary>
    private static void AverageKernel(ArrayView<float> perTest, ArrayView<float> result)
    {
        ArrayView<double> sums = SharedMemory.Allocate<double>(PartialSums);
        long samples = perTest.Length / result.Length;
        for (long r = Grid.IdxX; r < result.Length; r += Grid.DimX)
        {
            long first = r / 2 * samples * 2;
            for (int i = Group.IdxX; i < PartialSums; i += Group.DimX)
            {
                double sum = 0;
                for (long s = i; s < samples; s += PartialSums)
                {
                    sum += perTest[first + (2 * s) + (r % 2)];
                }

                sums[i] = sum;
            }

            GroupBarrier.Wait();
            for (int half = PartialSums / 2; half > 0; half /= 2)
            {
                for (int i = Group.IdxX; i < half; i += Group.DimX)
                {
                    sums[i] += sums[i + half];
                }

                GroupBarrier.Wait();
            }

            if (Group.IdxX == 0)
            {
                result[r] = (float)(r % 2 == 0 ? sums[0] : sums[0] / samples);
            }

            GroupBarrier.Wait();
        }
    }

    /// <summary>A tile is a batch of samples for a model; it leaves the number of right answers and the sum of the losses.</summary>
    private readonly unsafe struct Batches<TBatch>(Evaluate evaluate, int tilesPerModel, float* perTile) : ITiles
        where TBatch : struct, IBatchModel<TBatch>
    {
        public nuint ScratchBytes => TBatch.Bytes(evaluate.Model, SamplesPerBatch);

        public void Run(int tile, byte* scratch)
        {
            TBatch model = TBatch.In(evaluate.Model, SamplesPerBatch, scratch);
            int globalModel = tile / tilesPerModel;
            int first = (tile - (globalModel * tilesPerModel)) * SamplesPerTile;
            int end = Math.Min(first + SamplesPerTile, evaluate.Features.Rows);
            int inputs = evaluate.Model.Inputs;
            int* labels = ((HostBuffer<int>)evaluate.Labels).Pointer;
            model.Load(evaluate.Parameters.Host + ((long)globalModel * evaluate.Model.Parameters));
            int correct = 0;
            double loss = 0;
            for (; first < end; first += SamplesPerBatch)
            {
                int count = Math.Min(SamplesPerBatch, end - first);
                for (int b = 0; b < count; b++)
                {
                    model.Take(b, evaluate.Features.Host + ((long)(first + b) * inputs), labels[first + b]);
                }

                model.Forward(count);
                correct += model.RightAnswers(count);
                loss += model.SoftmaxGradient(count, 1, wantLoss: true) * count;
            }

            perTile[2 * tile] = correct;
            perTile[(2 * tile) + 1] = (float)loss;
        }
    }
}
