// How far an aggregate is from what the honest clients meant: the measure of a defense that needs no test data.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The unweighted mean of the honest updates, on the device.</summary>
internal sealed class HonestMean(Backend backend, int clients, int parameters) : IDisposable
{
    // Row 0 is the mean, row 1 a copy of the aggregate, so that one call gives both norms.
    private readonly Matrix _both = backend.AllocateMatrix(2, parameters);
    private readonly Matrix _squared = backend.AllocateMatrix(2, 2);
    private readonly Matrix _norms = backend.AllocateMatrix(1, 2);
    private readonly Matrix _weights = backend.AllocateMatrix(1, clients);
    private readonly Matrix _one = backend.Upload(1, 1, [1]);

    /// <summary>Compares an aggregate (1 x d) with the mean of <paramref name="honest"/> (at most n x d).</summary>
    public Deviation DeviationOf(Matrix aggregate, Matrix honest)
    {
        float[] weights = new float[honest.Rows];
        Array.Fill(weights, 1f / honest.Rows);
        var mine = new Matrix(1, honest.Rows, _weights.Elements.Slice(0, honest.Rows));
        mine.CopyFrom(weights);
        backend.Run(new WeightedSum(honest, mine, _both.SliceRows(0, 1)));
        backend.Run(new WeightedSum(aggregate, _one, _both.SliceRows(1, 1)));
        backend.Run(new PairwiseSquaredDistances(_both, _squared, _norms));
        float[] norms = _norms.ToArray();
        double squared = _squared.ToArray()[1];
        double product = (((double)norms[0] * norms[0]) + ((double)norms[1] * norms[1]) - squared) / 2;
        return new(product / ((double)norms[0] * norms[1]), Math.Sqrt(squared));
    }

    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_both, _squared, _norms, _weights, _one])
        {
            owned.Dispose();
        }
    }
}
