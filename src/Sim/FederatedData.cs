// A data set dealt to clients, resident on a backend; runs with the same clients and seed share it.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Training samples by client, and test samples, on one backend.</summary>
public sealed class FederatedData : IDisposable
{
    private FederatedData(Backend backend, Dataset dataset, int[][] clientRows)
    {
        (Dataset, ClientRows) = (dataset, clientRows);
        TrainFeatures = backend.Upload(dataset.Train.Count, dataset.Train.Inputs, dataset.Train.Features);
        TestFeatures = backend.Upload(dataset.Test.Count, dataset.Test.Inputs, dataset.Test.Features);
        TestLabels = backend.Upload<int>(dataset.Test.Labels);
    }

    /// <summary>The samples on the host.</summary>
    public Dataset Dataset { get; }

    /// <summary>The training rows of each client.</summary>
    public int[][] ClientRows { get; }

    /// <summary>Training features, N x inputs.</summary>
    public Matrix TrainFeatures { get; }

    /// <summary>Test features.</summary>
    public Matrix TestFeatures { get; }

    /// <summary>Test classes.</summary>
    public Buffer<int> TestLabels { get; }

    /// <summary>Draws or reads the data of a seed and deals them to <paramref name="clients"/> clients.</summary>
    /// <exception cref="InputException">The data cannot be read, or a client would be left without samples.</exception>
    public static FederatedData Load(Backend backend, Choice<IDataSource> source, Choice<IPartition> partition, int clients, ulong seed)
    {
        RngKey key = RngKey.FromSeed(seed);
        Dataset dataset = source.Try(s => s.Load(clients, key.Fold((ulong)Purpose.Data)));
        int[][] rows = partition.Try(p => p.Split(dataset.Train, dataset.ClientSizes, clients, key.Fold((ulong)Purpose.Partition)));
        return new(backend, dataset, rows);
    }

    /// <summary>The model of this kind for the inputs and classes of these data.</summary>
    /// <exception cref="InputException">There is none.</exception>
    public Model Model(ModelChoice choice) => choice.For(Dataset.Train.Inputs, Dataset.Train.Classes);

    /// <inheritdoc/>
    public void Dispose()
    {
        TrainFeatures.Dispose();
        TestFeatures.Dispose();
        TestLabels.Dispose();
    }
}
