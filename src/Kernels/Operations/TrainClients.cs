// Local training: every client takes the global model and runs mini-batch SGD on its own samples.

namespace FlGpu.Kernels;

/// <summary>How a client trains.</summary>
/// <param name="Epochs">Passes over its samples.</param>
/// <param name="BatchSize">Samples a step; the last batch of an epoch may be smaller and is kept.</param>
/// <param name="LearningRate">Step size of plain SGD.</param>
public readonly record struct LocalSgd(int Epochs, int BatchSize, float LearningRate);

/// <summary>
/// Samples of many clients: which rows of <paramref name="Features"/> (N x inputs) and <paramref name="Labels"/> (N) each
/// client visits. Client i visits the rows in <paramref name="Order"/> from element Start[i] to Start[i + 1], epoch after epoch.
/// </summary>
public readonly record struct LocalSamples(Matrix Features, Buffer<int> Labels, Buffer<int> Order, Buffer<int> Start);

/// <summary>
/// Trains n clients from <paramref name="Initial"/> (1 x d) and writes what each has learned, its parameters less
/// <paramref name="Origin"/> (1 x d), to its row of <paramref name="Updates"/> (n x d). FedAvg's ClientUpdate: McMahan et al.,
/// AISTATS 2017, algorithm 1. Where <paramref name="StepLosses"/> (n x steps) is given it gets the mean loss of each batch before its step.
/// With m models (both m x d) the first n / m clients belong to row 0, the next to row 1 and so on: independent runs share a launch.
/// </summary>
/// <exception cref="ArgumentException">n is no multiple of m, or there are not as many origins as initial models.</exception>
[About("local SGD of many clients on a multilayer perceptron")]
public readonly record struct TrainClients(
    Model Model, LocalSgd Sgd, LocalSamples Samples, Matrix Initial, Matrix Origin, Matrix Updates, Matrix? StepLosses = null) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new(
        Samples.Order.Length * Model.TrainingFlops,
        (Samples.Order.Length / Sgd.Epochs * (Model.Inputs + 1) * sizeof(float)) + Initial.Bytes + Origin.Bytes,
        Updates.Bytes);

    /// <summary>Clients that start from the same row of <see cref="Initial"/>.</summary>
    internal int ClientsPerModel =>
        Initial.Rows == Origin.Rows && Updates.Rows % Initial.Rows == 0
            ? Updates.Rows / Initial.Rows
            : throw new ArgumentException($"{Updates.Rows} clients do not share {Initial.Rows} models and {Origin.Rows} origins evenly");

    /// <inheritdoc/>
    public static IReadOnlyList<OperationListing> Variants =>
    [
        new(
            "train_cnn_clients", "local SGD of many clients on a small convolutional network",
            (backend, clients, parameters, key) => Prepare(backend, Cnn.WithAbout(parameters), samplesPerClient: 40, clients, key)),
    ];

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key) =>
        Prepare(backend, Mlp.WithAbout(parameters), samplesPerClient: 100, clients, key);

    /// <inheritdoc/>
    public void Reference()
    {
        var labels = (HostBuffer<int>)Samples.Labels;
        var order = (HostBuffer<int>)Samples.Order;
        var start = (HostBuffer<int>)Samples.Start;
        int clientsPerModel = ClientsPerModel;
        for (int client = 0; client < Updates.Rows; client++)
        {
            int model = client / clientsPerModel;
            double[] parameters = new double[Model.Parameters];
            for (int k = 0; k < parameters.Length; k++)
            {
                parameters[k] = Initial[model, k];
            }

            int perEpoch = (start[client + 1] - start[client]) / Sgd.Epochs;
            int step = 0;
            for (int epoch = 0; epoch < Sgd.Epochs; epoch++)
            {
                for (int first = 0; first < perEpoch; first += Sgd.BatchSize)
                {
                    int count = Math.Min(Sgd.BatchSize, perEpoch - first);
                    double[] gradient = new double[parameters.Length];
                    double loss = 0;
                    for (int b = 0; b < count; b++)
                    {
                        int row = order[start[client] + (epoch * perEpoch) + first + b];
                        loss += Model.AddGradient(parameters, Samples.Features.RowInDouble(row), labels[row], gradient);
                    }

                    for (int k = 0; k < parameters.Length; k++)
                    {
                        parameters[k] -= Sgd.LearningRate * gradient[k] / count;
                    }

                    if (StepLosses is not null)
                    {
                        StepLosses[client, step] = (float)(loss / count);
                    }

                    step++;
                }
            }

            for (int k = 0; k < parameters.Length; k++)
            {
                Updates[client, k] = (float)(parameters[k] - Origin[model, k]);
            }
        }
    }

    /// <inheritdoc/>
    public void Simd(SimdBackend simd) => Model.Train(this, simd);

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Model.Train(this, gpu);

    /// <summary>Vector code over any model.</summary>
    internal void InTiles<TBatch>(SimdBackend simd) where TBatch : struct, IBatchModel<TBatch> =>
        simd.ForEachTile(Updates.Rows, Cost.Flops, new Clients<TBatch>(this, ClientsPerModel));

    private static Prepared Prepare(Backend backend, Model model, int samplesPerClient, int clients, RngKey key)
    {
        var sgd = new LocalSgd(Epochs: 2, BatchSize: 32, LearningRate: 0.01f);
        // A few clients' worth of samples, shared by all, keeps the memory down to that of the updates.
        int pool = samplesPerClient * Math.Min(clients, 10);
        int[] order = new int[checked(clients * samplesPerClient * sgd.Epochs)];
        RngStream stream = key.Fold(1).Stream();
        foreach (ref int row in order.AsSpan())
        {
            row = stream.NextInt32(pool);
        }

        int[] start = [.. Enumerable.Range(0, clients + 1).Select(i => i * samplesPerClient * sgd.Epochs)];
        Matrix features = TestData.Normal(backend, pool, model.Inputs, key.Fold(2));
        Buffer<int> labels = TestData.Labels(backend, pool, model.Classes, key.Fold(3));
        var samples = new LocalSamples(features, labels, backend.Upload<int>(order), backend.Upload<int>(start));
        Matrix initial = backend.Upload(1, model.Parameters, model.Initialise(key.Fold(4)));
        Matrix updates = backend.AllocateMatrix(clients, model.Parameters);
        var operation = new TrainClients(model, sgd, samples, initial, initial, updates);
        return new(
            () => backend.Run(operation), updates, operation.Cost, model.Parameters, Magnitude: 1, Restore: null,
            [features, labels, samples.Order, samples.Start, initial, updates]);
    }

    /// <summary>A tile is a client, trained in one thread's cache.</summary>
    private readonly unsafe struct Clients<TBatch>(TrainClients train, int clientsPerModel) : ITiles where TBatch : struct, IBatchModel<TBatch>
    {
        public nuint ScratchBytes => TBatch.Bytes(train.Model, train.Sgd.BatchSize);

        public void Run(int tile, byte* scratch)
        {
            int* start = ((HostBuffer<int>)train.Samples.Start).Pointer;
            int* order = ((HostBuffer<int>)train.Samples.Order).Pointer + start[tile];
            int* labels = ((HostBuffer<int>)train.Samples.Labels).Pointer;
            float* features = train.Samples.Features.Host;
            int batch = train.Sgd.BatchSize;
            int inputs = train.Model.Inputs;
            TBatch model = TBatch.In(train.Model, batch, scratch);
            long globalModel = (long)(tile / clientsPerModel) * train.Model.Parameters;
            model.Load(train.Initial.Host + globalModel);
            int perEpoch = (start[tile + 1] - start[tile]) / train.Sgd.Epochs;
            int step = 0;
            for (int epoch = 0; epoch < train.Sgd.Epochs; epoch++)
            {
                for (int first = 0; first < perEpoch; first += batch)
                {
                    int count = Math.Min(batch, perEpoch - first);
                    for (int b = 0; b < count; b++)
                    {
                        int row = order[(epoch * perEpoch) + first + b];
                        model.Take(b, features + ((long)row * inputs), labels[row]);
                    }

                    model.Forward(count);
                    double loss = model.SoftmaxGradient(count, -train.Sgd.LearningRate, train.StepLosses is not null);
                    if (train.StepLosses is not null)
                    {
                        train.StepLosses[tile, step] = (float)loss;
                    }

                    model.Step(count);
                    step++;
                }
            }

            model.StoreRelative(train.Origin.Host + globalModel, train.Updates.Host + ((long)tile * train.Updates.Columns));
        }
    }
}
