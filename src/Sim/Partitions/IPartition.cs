// What every way of dealing the training samples to the clients does.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Deals training samples to clients. A new partition is one class whose constructor takes the user's parameters.</summary>
public interface IPartition
{
    /// <summary>
    /// The rows of <paramref name="train"/> that each of the <paramref name="clients"/> owns: at least one each, and no row
    /// twice. <paramref name="clientSizes"/> is <see cref="Dataset.ClientSizes"/>, which a partition may disregard. Throws
    /// <see cref="InputException"/> when there can be no such partition.
    /// </summary>
    int[][] Split(Samples train, int[]? clientSizes, int clients, RngKey key);
}
