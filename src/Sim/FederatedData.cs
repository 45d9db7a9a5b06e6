// A data set dealt to clients, resident on a backend; runs with the same clients and seed share it.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Training samples by client, and test samples, on one backend.</summary>
public sealed class FederatedData : IDisposable
{
    private FederatedData(Backend backend, Dataset dataset, int[][] clientRows)
    {
        (Dataset, ClientRows) = (dataset, clientRows);
        int[] rowStart = new int[clientRows.Length + 1];
        for (int client = 0; client < clientRows.Length; client++)
        {
            rowStart[client + 1] = rowStart[client] + clientRows[client].Length;
        }

        int[] rows = new int[rowStart[^1]];
        for (int client = 0; client < clientRows.Length; client++)
        {
            clientRows[client].CopyTo(rows, rowStart[client]);
        }

        Rows = backend.Upload<int>(rows);
        RowStart = backend.Upload<int>(rowStart);
        TrainFeatures = backend.Upload(dataset.Train.Count, dataset.Train.Inputs, dataset.Train.Features);
        TestFeatures = backend.Upload(dataset.Test.Count, dataset.Test.Inputs, dataset.Test.Features);
        TestLabels = backend.Upload<int>(dataset.Test.Labels);
    }

    /// <summary>The samples on the host.</summary>
    public Dataset Dataset { get; }

    /// <summary>The training rows of each client.</summary>
    public int[][] ClientRows { get; }

    /// <summary>The same on the backend: the rows of one client after those of the other.</summary>
    public Buffer<int> Rows { get; }

    /// <summary>Where each client's rows begin in <see cref="Rows"/>, and where the last one's end.</summary>
    public Buffer<int> RowStart { get; }

    /// <summary>Training features, N x inputs.</summary>
    public Matrix TrainFeatures { get; }

    /// <summary>Test features.</summary>
    public Matrix TestFeatures { get; }

    /// <summary>Test classes.</summary>
    public Buffer<int> TestLabels { get; }

    /// <summary>Bytes on the backend.</summary>
    public long Bytes => TrainFeatures.Bytes + TestFeatures.Bytes + ((Rows.Length + RowStart.Length + TestLabels.Length) * sizeof(int));

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
        foreach (IDisposable owned in (IDisposable[])[Rows, RowStart, TrainFeatures, TestFeatures, TestLabels])
        {
            owned.Dispose();
        }
    }
}
