// The norms of a round's updates and the distances between them, on the host.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// What rules that weigh whole updates need to know of them. An update whose norm is NaN, infinite or so large that its square
/// overflows single precision (1e18) is not usable; its distances are infinite.
/// </summary>
internal sealed class UpdateGeometry(Setting setting) : IDisposable
{
    private const double LargestNorm = 1e18;

    private readonly Matrix _squaredDevice = setting.Backend.AllocateMatrix(setting.Clients, setting.Clients);
    private readonly Matrix _normsDevice = setting.Backend.AllocateMatrix(1, setting.Clients);
    private readonly float[] _row = new float[setting.Clients];

    /// <summary>The Euclidean norms of all updates, as they are.</summary>
    public double[] Norms { get; } = new double[setting.Clients];

    /// <summary>The squared distances between all updates.</summary>
    public double[,] Squared { get; } = new double[setting.Clients, setting.Clients];

    /// <summary>The updates that are usable, in order.</summary>
    public int[] Usable { get; private set; } = [];

    /// <summary>Measures the updates of a round: norms and usable ones alone, or the distances too.</summary>
    public void Measure(Matrix updates, bool distances = true)
    {
        setting.Backend.Run(new RowNorms(updates, _normsDevice));
        _normsDevice.CopyTo(_row);
        for (int i = 0; i < _row.Length; i++)
        {
            Norms[i] = _row[i];
        }

        Usable = [.. Enumerable.Range(0, Norms.Length).Where(i => Norms[i] <= LargestNorm)];
        if (distances)
        {
            MeasureDistances(updates);
        }
    }

    /// <summary>The inner products of the listed updates less their weighted mean; the weights are positive where given.</summary>
    public double[,] CentredProducts(ReadOnlySpan<int> rows, ReadOnlySpan<double> weights = default)
    {
        int m = rows.Length;
        double total = 0;
        double spread = 0;
        double[] toMean = new double[m];
        for (int i = 0; i < m; i++)
        {
            total += weights.IsEmpty ? 1 : weights[i];
        }

        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < m; j++)
            {
                toMean[i] += (weights.IsEmpty ? 1 : weights[j]) * Squared[rows[i], rows[j]] / total;
            }

            spread += (weights.IsEmpty ? 1 : weights[i]) * toMean[i] / total;
        }

        double[,] products = new double[m, m];
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < m; j++)
            {
                products[i, j] = (toMean[i] + toMean[j] - spread - Squared[rows[i], rows[j]]) / 2;
            }
        }

        return products;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _squaredDevice.Dispose();
        _normsDevice.Dispose();
    }

    private void MeasureDistances(Matrix updates)
    {
        setting.Backend.Run(new PairwiseSquaredDistances(updates, _squaredDevice));
        for (int i = 0; i < _row.Length; i++)
        {
            _squaredDevice.CopyTo(_row, i);
            for (int j = 0; j < _row.Length; j++)
            {
                bool usable = Norms[i] <= LargestNorm && Norms[j] <= LargestNorm;
                Squared[i, j] = i == j ? 0 : usable ? _row[j] : double.PositiveInfinity;
            }
        }
    }
}
