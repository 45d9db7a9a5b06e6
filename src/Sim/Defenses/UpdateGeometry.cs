// The norms of a round's updates and the distances between them, on the host: enough for the distances to any mean of them.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// What rules that weigh whole updates need to know of them. An update whose norm is NaN, infinite or so large that its square
/// overflows single precision (1e18) is not usable; its distances are infinite.
/// </summary>
internal sealed class UpdateGeometry(Setting setting) : IDisposable
{
    private const double LargestNorm = 1e18;
    private const double FarFromAllUsable = 1e20;

    // About as many distances of a row as two threads compute while they would read it twice from memory.
    private const long ClientsWorthTwoReads = 50;

    // A difference that is this much smaller than what it is of has lost two of the seven digits of a float.
    private const double MostCancelled = 100;

    private readonly Matrix _squaredDevice = setting.Backend.AllocateMatrix(setting.Clients, setting.Clients);
    private readonly Matrix _normsDevice = setting.Backend.AllocateMatrix(1, setting.Clients);
    private readonly float[] _row = new float[setting.Clients];
    private readonly RowsBroughtBack _squaredRows = new(setting.Clients, setting.Clients);

    /// <summary>The Euclidean norms of all updates, as they are, or their distances to the origin that they were measured from.</summary>
    public double[] Norms { get; } = new double[setting.Clients];

    /// <summary>The squared distances between all updates.</summary>
    public double[,] Squared { get; } = new double[setting.Clients, setting.Clients];

    /// <summary>The updates that are usable, in order.</summary>
    public int[] Usable { get; private set; } = [];

    /// <summary>Whether all distances between the updates cost less than reading them twice in each of so many iterations.</summary>
    public static bool Pays(int clients, int iterations) => clients <= ClientsWorthTwoReads * iterations;

    /// <summary>Whether a norm is finite and not usable, and yet its update may be near enough to others for their distance to be a float.</summary>
    public static bool IsBorderline(double norm) => norm is > LargestNorm and < FarFromAllUsable;

    /// <summary>
    /// Measures the updates of a round, reading them once: norms and usable ones alone, or the distances too. Norms are distances to
    /// <paramref name="origin"/> (1 x d) where that is given, which goes with distances.
    /// </summary>
    public void Measure(Matrix updates, bool distances = true, Matrix? origin = null)
    {
        if (distances)
        {
            setting.Backend.Run(new PairwiseSquaredDistances(updates, _squaredDevice, _normsDevice, origin));
        }
        else
        {
            setting.Backend.Run(new RowNorms(updates, _normsDevice));
        }

        _normsDevice.CopyTo(_row);
        for (int i = 0; i < _row.Length; i++)
        {
            Norms[i] = _row[i];
        }

        Usable = [.. Enumerable.Range(0, Norms.Length).Where(i => Norms[i] <= LargestNorm)];
        if (distances)
        {
            BringDistances();
        }
    }

    /// <summary>
    /// The squared distances of all usable updates to the point that is <paramref name="atOrigin"/> times the origin of the norms plus the sum
    /// of the updates times their <paramref name="weights"/>: not negative, 0 for what is not usable, and 1 in all. False where the
    /// distances do not tell, because far updates of small weight leave no digits for near ones. Distances below
    /// <paramref name="resolution"/> need not be told apart.
    /// </summary>
    public bool TryDistancesTo(ReadOnlySpan<double> weights, double atOrigin, double resolution, Span<double> squared)
    {
        // |z - x|^2 is the mean of the |x_i - x|^2, less the mean of the |x_i - z|^2, which is half the mean of the |x_i - x_k|^2.
        double spread = 0;
        foreach (int i in Usable)
        {
            double mean = atOrigin * Norms[i] * Norms[i];
            foreach (int j in Usable)
            {
                mean += weights[j] * Squared[i, j];
            }

            squared[i] = mean;
            spread += weights[i] * ((mean + (atOrigin * Norms[i] * Norms[i])) / 2);
        }

        foreach (int i in Usable)
        {
            double mean = squared[i];
            squared[i] = Math.Max(0, mean - spread);
            if (mean > MostCancelled * Math.Max(squared[i], resolution * resolution))
            {
                return false;
            }
        }

        return true;
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

    private void BringDistances()
    {
        int n = _row.Length;
        for (int i = 0; i < n; i++)
        {
            ReadOnlySpan<float> row = _squaredRows.Row(_squaredDevice, i);
            for (int j = 0; j < n; j++)
            {
                bool usable = Norms[i] <= LargestNorm && Norms[j] <= LargestNorm;
                Squared[i, j] = i == j ? 0 : usable ? row[j] : double.PositiveInfinity;
            }
        }
    }
}
