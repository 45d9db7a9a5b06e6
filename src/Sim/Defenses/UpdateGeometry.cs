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
    private double[,]? _products;

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
            double mean = (atOrigin * Norms[i] * Norms[i]) + MeanOfSquared(i, weights);
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

    /// <summary>
    /// The inner products of the m listed updates less their weighted mean, in the upper left m x m of a matrix that serves the next call too;
    /// the weights are positive where given.
    /// </summary>
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

        double[,] products = _products ??= new double[_row.Length, _row.Length];
        for (int i = 0; i < m; i++)
        {
            Span<double> listed = products.Row(i)[..m];
            ReadOnlySpan<double> squared = Squared.Row(rows[i]);
            double sum = 0;
            for (int j = 0; j < listed.Length; j++)
            {
                listed[j] = squared[rows[j]];
                sum += weights.IsEmpty ? listed[j] : weights[j] * listed[j];
            }

            toMean[i] = sum / total;
            spread += (weights.IsEmpty ? 1 : weights[i]) * toMean[i] / total;
        }

        for (int i = 0; i < m; i++)
        {
            Span<double> listed = products.Row(i)[..m];
            for (int j = 0; j < listed.Length; j++)
            {
                listed[j] = (toMean[i] + toMean[j] - spread - listed[j]) / 2;
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

    /// <summary>The sum of the squared distances of an update to the usable ones, each times its weight.</summary>
    private double MeanOfSquared(int i, ReadOnlySpan<double> weights)
    {
        ReadOnlySpan<double> row = Squared.Row(i);
        if (Usable.Length == row.Length)
        {
            return DenseRows.Dot(weights, row);
        }

        double mean = 0;
        foreach (int j in Usable)
        {
            mean += weights[j] * row[j];
        }

        return mean;
    }

    private void BringDistances()
    {
        int n = _row.Length;
        int[] unusable = [.. Enumerable.Range(0, n).Where(i => !(Norms[i] <= LargestNorm))];
        for (int i = 0; i < n; i++)
        {
            ReadOnlySpan<float> from = _squaredRows.Row(_squaredDevice, i);
            Span<double> to = Squared.Row(i);
            for (int j = 0; j < to.Length; j++)
            {
                to[j] = from[j];
            }

            foreach (int j in unusable)
            {
                to[j] = double.PositiveInfinity;
            }

            to[i] = 0;
        }

        foreach (int i in unusable)
        {
            Squared.Row(i).Fill(double.PositiveInfinity);
            Squared[i, i] = 0;
        }
    }
}
