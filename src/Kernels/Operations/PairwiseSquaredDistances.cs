// squared[i, j] = the squared Euclidean distance between rows i and j.
namespace FlGpu.Kernels;

/// <summary>
/// Squared Euclidean distances between all rows of <paramref name="Updates"/> (n x d) into <paramref name="Squared"/>
/// (n x n, symmetric, zero diagonal). Differences are taken before squaring: the cheaper |a|^2 + |b|^2 - 2ab cancels
/// when honest updates are close together. In the same pass the Euclidean norms of the rows go to <paramref name="Norms"/> (1 x n)
/// where it is given, summed in double precision: their distances to <paramref name="Origin"/> (1 x d) where that is given too.
/// </summary>
[About("squared Euclidean distances between all pairs of rows")]
public readonly record struct PairwiseSquaredDistances(Matrix Updates, Matrix Squared, Matrix? Norms = null, Matrix? Origin = null) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new(
        ((long)Updates.Rows * (Updates.Rows - 1) / 2 * Updates.Columns * 3) + (Norms is null ? 0 : 2 * Updates.Length),
        Updates.Bytes + (Origin?.Bytes ?? 0),
        Squared.Bytes + (Norms?.Bytes ?? 0));

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key);
        Matrix squared = backend.AllocateMatrix(clients, clients);
        var operation = new PairwiseSquaredDistances(updates, squared);
        return new(() => backend.Run(operation), squared, operation.Cost, parameters, 2.0 * parameters, Restore: null, [updates, squared]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Updates.Rows; i++)
        {
            Squared[i, i] = 0;
            for (int j = i + 1; j < Updates.Rows; j++)
            {
                double sum = 0;
                for (int k = 0; k < Updates.Columns; k++)
                {
                    double difference = (double)Updates[i, k] - Updates[j, k];
                    sum += difference * difference;
                }

                Squared[i, j] = Squared[j, i] = (float)sum;
            }
        }

        for (int i = 0; Norms is not null && i < Updates.Rows; i++)
        {
            double sum = 0;
            for (int k = 0; k < Updates.Columns; k++)
            {
                double difference = Updates[i, k] - (Origin is null ? 0.0 : Origin[k]);
                sum += difference * difference;
            }

            Norms[i] = (float)Math.Sqrt(sum);
        }
    }

    /// <inheritdoc/>
    public void Simd(SimdBackend simd) => RowPairs<SquaredDifferenceTerm>.Run(simd, Updates, Squared, Norms, Origin, Cost.Flops);

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu)
    {
        MeasureNorms(gpu);
        PairTiles.Distances(gpu, Updates, Squared);
    }

    // Kernels of their own: the matrix is read once more, but what it costs is small beside n distances for each norm.
    private void MeasureNorms(GpuBackend gpu)
    {
        if (Norms is not null && Origin is null)
        {
            new RowNorms(Updates, Norms).Gpu(gpu);
        }
        else if (Norms is not null)
        {
            DistancesToVector.Launch(gpu, Updates, Origin!, Norms, root: true);
        }
    }
}
