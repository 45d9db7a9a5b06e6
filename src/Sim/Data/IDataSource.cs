// What every source of training and test data does.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Makes or reads a dataset. A new source is one class whose constructor takes the user's parameters.</summary>
public interface IDataSource
{
    /// <summary>
    /// The data for <paramref name="clients"/> clients; the same bits for the same key. Throws <see cref="InputException"/>
    /// when there can be no such data.
    /// </summary>
    Dataset Load(int clients, RngKey key);
}
