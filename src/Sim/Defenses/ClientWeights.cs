// One weight a client, set on the host and applied on the device: the end of every rule that selects or weighs whole updates.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The weights of the n updates of a round.</summary>
public sealed class ClientWeights(Setting setting) : IDisposable
{
    private readonly Matrix _device = setting.Backend.AllocateMatrix(1, setting.Clients);
    private readonly float[] _weights = new float[setting.Clients];

    /// <summary>The weights; set them, then call <see cref="Sum"/>.</summary>
    public Span<float> Weights => _weights;

    /// <summary>Writes the weighted sum of the updates (n x d) to <paramref name="aggregate"/> (1 x d) and returns the weights.</summary>
    public ReadOnlySpan<float> Sum(Matrix updates, Matrix aggregate)
    {
        _device.CopyFrom(_weights);
        setting.Backend.Run(new WeightedSum(updates, _device, aggregate));
        return _weights;
    }

    /// <summary>Writes the mean of the updates at <paramref name="kept"/> to <paramref name="aggregate"/> and returns the weights.</summary>
    public ReadOnlySpan<float> MeanOf(ReadOnlySpan<int> kept, Matrix updates, Matrix aggregate)
    {
        Weights.Clear();
        foreach (int client in kept)
        {
            _weights[client] = 1f / kept.Length;
        }

        return Sum(updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose() => _device.Dispose();
}
