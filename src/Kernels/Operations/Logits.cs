// logits[r, :] = the model's outputs for the sample rows[r]: what a client can know of the global model.
namespace FlGpu.Kernels;

/// <summary>
/// Writes the last layer's outputs, one a class, of the model with <paramref name="Parameters"/> (1 x d) for the samples of
/// <paramref name="Features"/> (N x inputs) listed in <paramref name="Rows"/> (m) to <paramref name="Outputs"/> (m x classes).
/// </summary>
[About("a model's outputs for some of the samples")]
public readonly record struct Logits(Model Model, Matrix Features, Buffer<int> Rows, Matrix Parameters, Matrix Outputs) : IOperation
{
    private const int SamplesPerTile = 128;

    /// <inheritdoc/>
    public Work Cost => new(
        Rows.Length * Model.ForwardFlops, (Rows.Length * (Model.Inputs + 1L) * sizeof(float)) + Parameters.Bytes, Outputs.Bytes);

    /// <inheritdoc/>
    public static IReadOnlyList<OperationListing> Variants =>
    [
        new(
            "logits_of_cnn", "a small convolutional network's outputs for some of the samples",
            (backend, clients, parameters, key) => Prepare(backend, Cnn.WithAbout(parameters), clients, key)),
    ];

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key) => Prepare(backend, Mlp.WithAbout(parameters), clients, key);

    /// <inheritdoc/>
    public void Reference()
    {
        double[] parameters = [.. Parameters.ToArray().Select(x => (double)x)];
        for (int r = 0; r < Outputs.Rows; r++)
        {
            double[] logits = Model.Forward(parameters, Features.RowInDouble(((HostBuffer<int>)Rows)[r]));
            for (int j = 0; j < logits.Length; j++)
            {
                Outputs[r, j] = (float)logits[j];
            }
        }
    }

    /// <inheritdoc/>
    public void Simd(SimdBackend simd) => Model.Logits(this, simd);

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Model.Logits(this, gpu);

    /// <summary>Vector code over any model.</summary>
    internal void InTiles<TBatch>(SimdBackend simd) where TBatch : struct, IBatchModel<TBatch> =>
        simd.ForEachTile((Outputs.Rows + SamplesPerTile - 1) / SamplesPerTile, Cost.Flops / 8, new Batches<TBatch>(this));

    private static Prepared Prepare(Backend backend, Model model, int clients, RngKey key)
    {
        Matrix features = TestData.Normal(backend, 2 * clients, model.Inputs, key.Fold(0));
        Buffer<int> rows = backend.Upload<int>([.. Enumerable.Range(0, clients).Select(r => (2 * (clients - 1 - r)) + (r % 2))]);
        Matrix row = backend.Upload(1, model.Parameters, model.Initialise(key.Fold(1)));
        Matrix outputs = backend.AllocateMatrix(clients, model.Classes);
        var operation = new Logits(model, features, rows, row, outputs);
        return new(() => backend.Run(operation), outputs, operation.Cost, model.Parameters, Magnitude: 10, Restore: null, [features, rows, row, outputs]);
    }

    /// <summary>A tile is a batch of samples.</summary>
    private readonly unsafe struct Batches<TBatch>(Logits logits) : ITiles where TBatch : struct, IBatchModel<TBatch>
    {
        public nuint ScratchBytes => TBatch.Bytes(logits.Model, SamplesPerTile);

        public void Run(int tile, byte* scratch)
        {
            TBatch model = TBatch.In(logits.Model, SamplesPerTile, scratch);
            int first = tile * SamplesPerTile;
            int count = Math.Min(SamplesPerTile, logits.Outputs.Rows - first);
            int inputs = logits.Model.Inputs;
            int* rows = ((HostBuffer<int>)logits.Rows).Pointer + first;
            model.Load(logits.Parameters.Host);
            for (int b = 0; b < count; b++)
            {
                model.Take(b, logits.Features.Host + ((long)rows[b] * inputs), label: 0);
            }

            model.Forward(count);
            model.CopyLogits(count, logits.Outputs.Host + ((long)first * logits.Model.Classes));
        }
    }
}
