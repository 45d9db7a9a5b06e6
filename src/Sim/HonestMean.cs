// How far an aggregate is from what the honest clients meant: the measure of a defense that needs no test data.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The unweighted mean of the honest updates of a round, on the device.</summary>
internal sealed class HonestMean(Backend backend, int updatesAtOnce, int parameters) : IDisposable
{
    private readonly FoldedSum _mean = new(backend, updatesAtOnce, parameters);
    private readonly Matrix _squared = backend.AllocateMatrix(2, 2);
    private readonly Matrix _norms = backend.AllocateMatrix(1, 2);
    private readonly Matrix _one = backend.Upload(1, 1, [1]);

    /// <summary>Starts a round.</summary>
    public void Clear() => _mean.Clear();

    /// <summary>Adds honest updates of the round, all of them or a slice.</summary>
    /// <param name="honest">The updates, at most as many as there are at once.</param>
    /// <param name="ofRound">How many honest updates the round has in all.</param>
    public void Add(Matrix honest, int ofRound)
    {
        if (honest.Rows > 0)
        {
            float[] weights = new float[honest.Rows];
            Array.Fill(weights, 1f / ofRound);
            _mean.Add(honest, weights);
        }
    }

    /// <summary>Compares an aggregate (1 x d) with the mean.</summary>
    public Deviation DeviationOf(Matrix aggregate)
    {
        // The mean beside a copy of the aggregate, so that one call gives both norms.
        backend.Run(new WeightedSum(aggregate, _one, _mean.SumAndSpare.SliceRows(1, 1)));
        backend.Run(new PairwiseSquaredDistances(_mean.SumAndSpare, _squared, _norms));
        float[] norms = _norms.ToArray();
        double squared = _squared.ToArray()[1];
        double product = (((double)norms[0] * norms[0]) + ((double)norms[1] * norms[1]) - squared) / 2;
        return new(product / ((double)norms[0] * norms[1]), Math.Sqrt(squared));
    }

    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_mean, _squared, _norms, _one])
        {
            owned.Dispose();
        }
    }
}
