// What the threads of a group do together in the kernels of all models: train a client, batch by batch; logits become gradients and losses.
using System.Runtime.InteropServices;

namespace FlGpu.Kernels;

/// <summary>A model that a group trains. Its parameters may be in the client's row of the updates or elsewhere. Called by all threads of the group.</summary>
internal interface IGroupNetwork
{
    /// <summary>What the group has of the batch.</summary>
    GroupBatch Batch { get; }

    /// <summary>Takes the parameters that the client starts from.</summary>
    void Load(ArrayView<float> initial, ArrayView<float> update);

    /// <summary>The logits of the samples at <paramref name="rows"/>, for all threads to read when it returns.</summary>
    void Forward(ArrayView<float> update, ArrayView<int> rows);

    /// <summary>Adds the gradients to the parameters. In the place of the logits are the gradients by them, which carry the step.</summary>
    void Step(ArrayView<float> update, ArrayView<int> rows);

    /// <summary>Leaves the parameters less <paramref name="origin"/> in the update.</summary>
    void Store(ArrayView<float> origin, ArrayView<float> update);
}

internal static class GroupModel
{
    /// <summary>Trains clients, all their epochs; a group owns one at a time. Called by all threads of the launch.</summary>
    public static void Train<TNetwork>(
        TNetwork network, GroupTraining training, ArrayView<float> initial, ArrayView<float> origin, ArrayView<float> updates, ArrayView<int> labels,
        ArrayView<int> order, ArrayView<int> start, ArrayView<float> losses) where TNetwork : struct, IGroupNetwork
    {
        GroupBatch batch = network.Batch;
        for (long client = Grid.IdxX; client < start.Length - 1; client += Grid.DimX)
        {
            ArrayView<float> update = updates.SubView(client * training.Parameters, training.Parameters);
            long model = client / training.ClientsPerModel * training.Parameters;
            network.Load(initial.SubView(model, training.Parameters), update);
            GroupBarrier.Wait();
            int visits = start[client];
            int perEpoch = (start[client + 1] - visits) / training.Epochs;
            int step = 0;
            for (int epoch = 0; epoch < training.Epochs; epoch++)
            {
                for (int first = 0; first < perEpoch; first += training.BatchSize)
                {
                    int count = Math.Min(training.BatchSize, perEpoch - first);
                    ArrayView<int> rows = order.SubView(visits + (epoch * perEpoch) + first, count);
                    for (int b = Group.IdxX; b < count; b += Group.DimX)
                    {
                        batch.Labels[b] = labels[rows[b]];
                    }

                    network.Forward(update, rows);
                    SoftmaxGradient(batch, count, -training.LearningRate / count);
                    if (losses.Length > 0 && Group.IdxX == 0)
                    {
                        losses[(client * training.LossColumns) + step] = MeanLoss(batch.Losses, count);
                    }

                    network.Step(update, rows);
                    step++;
                }
            }

            network.Store(origin.SubView(model, training.Parameters), update);
            GroupBarrier.Wait();
        }
    }

    /// <summary>x or zero, whichever is larger. A maximum would be zero for NaN on a device, and hide that a model has diverged.</summary>
    public static float Rectified(float x) => x < 0f ? 0f : x;

    /// <summary>Loads a model that is trained in the client's row of the updates.</summary>
    public static void Copy(ArrayView<float> initial, ArrayView<float> update)
    {
        for (long k = Group.IdxX; k < update.Length; k += Group.DimX)
        {
            update[k] = initial[k];
        }
    }

    /// <summary>Stores it: what is there becomes relative to <paramref name="origin"/>.</summary>
    public static void Subtract(ArrayView<float> origin, ArrayView<float> update)
    {
        for (long k = Group.IdxX; k < update.Length; k += Group.DimX)
        {
            update[k] -= origin[k];
        }
    }

    /// <summary>Turns logits into the gradients of their samples' losses times <paramref name="scale"/>, and writes the losses. A thread owns a sample.</summary>
    private static void SoftmaxGradient(GroupBatch batch, int count, float scale)
    {
        ArrayView<float> logits = batch.Logits;
        for (int b = Group.IdxX; b < count; b += Group.DimX)
        {
            long at = (long)b * batch.Pitch;
            int label = batch.Labels[b];
            float top = logits[at];
            for (int j = 1; j < batch.Classes; j++)
            {
                top = MathF.Max(top, logits[at + j]);
            }

            float ofLabel = logits[at + label] - top;
            float total = 0;
            for (int j = 0; j < batch.Classes; j++)
            {
                float exponential = MathF.Exp(logits[at + j] - top);
                logits[at + j] = exponential;
                total += exponential;
            }

            for (int j = 0; j < batch.Classes; j++)
            {
                logits[at + j] = scale * ((logits[at + j] / total) - (j == label ? 1f : 0f));
            }

            batch.Losses[b] = MathF.Log(total) - ofLabel;
        }

        GroupBarrier.Wait();
    }

    /// <summary>The mean of a batch's losses, added in order.</summary>
    private static float MeanLoss(ArrayView<float> losses, int count)
    {
        float sum = 0;
        for (int b = 0; b < count; b++)
        {
            sum += losses[b];
        }

        return sum / count;
    }
}

/// <summary>Of each sample of a batch its logits, <paramref name="pitch"/> elements from one sample to the next, its label and its loss.</summary>
internal readonly struct GroupBatch(ArrayView<float> logits, int pitch, int classes, ArrayView<int> labels, ArrayView<float> losses)
{
    public ArrayView<float> Logits => logits;

    public int Pitch => pitch;

    public int Classes => classes;

    public ArrayView<int> Labels => labels;

    public ArrayView<float> Losses => losses;
}

/// <summary>The numbers that the training kernels of all models need.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct GroupTraining(int Parameters, int ClientsPerModel, int Epochs, int BatchSize, float LearningRate, int LossColumns)
{
    /// <summary>Those of a model of so many parameters.</summary>
    public static GroupTraining Of(in TrainClients train, int parameters) =>
        new(parameters, train.ClientsPerModel, train.Sgd.Epochs, train.Sgd.BatchSize, train.Sgd.LearningRate, train.StepLosses?.Columns ?? 0);
}
