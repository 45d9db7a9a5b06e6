// SMEA: the mean of the n - f updates that vary least in any direction.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Smallest maximum eigenvalue averaging: the mean of those n - f updates whose covariance has the smallest largest eigenvalue; of
/// equal subsets the lexicographically first. NaN and infinite updates are kept out while n - f are finite; with fewer finite ones
/// it is their mean. The eigenvalues are exact, where ByzFL takes one step of the power method from a random start.
/// </summary>
[About("mean of the n - f updates whose covariance has the smallest largest eigenvalue", Paper = "Allouah et al., ICML 2023")]
public sealed class Smea : IDefense, IJudge
{
    private const long MostSubsets = 50_000;
    private const int QuickSteps = 4;

    private readonly UpdateGeometry _geometry;
    private readonly ClientWeights _weights;
    private readonly SubsetSearch _search;
    private readonly double[] _vector;
    private readonly double[] _product;

    private int[] _outside = [];

    /// <summary>Searches all subsets of n - f.</summary>
    public Smea(
        Setting setting,
        [About("malicious clients reckoned with, below n / 2 and with at most 50,000 subsets of n - f; default: those of the setting")] int? f = null)
    {
        int kept = setting.Clients - FewerThanHalf.WithSubsets(setting, f, MostSubsets);
        // Two updates alone vary by half their squared distance, and a larger set never varies less than a part of it.
        _search = new(kept, least: squared => squared / 2, LargestEigenvalue);
        (_vector, _product) = (new double[kept], new double[kept]);
        _geometry = new(setting);
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => [Judgement.Of("outside_best_subset", _geometry.Norms.Length, _outside)];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _geometry.Measure(round.Updates);
        int[] best = _search.Best(_geometry.Usable, _geometry.Squared);
        _outside = [.. _geometry.Usable.Except(best)];
        return _weights.MeanOf(best, round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _geometry.Dispose();
        _weights.Dispose();
    }

    // A few steps of the power method bound the eigenvalue from below, which rules out most subsets.
    private double LargestEigenvalue(int[] subset, double squared, double best)
    {
        double[,] products = _geometry.CentredProducts(subset);
        for (int i = 0; i < _vector.Length; i++)
        {
            _vector[i] = products[i, 0];
        }

        for (int step = 0; step < QuickSteps; step++)
        {
            double bound = MultiplyAndBound(products);
            if (bound >= best)
            {
                return bound;
            }
        }

        return LargestEigenvector.Of(products, _vector);
    }

    // The Rayleigh quotient of the vector, which is then multiplied by the matrix and scaled to unit length.
    private double MultiplyAndBound(double[,] products)
    {
        double squares = 0;
        double quotient = 0;
        double productSquares = 0;
        for (int i = 0; i < _vector.Length; i++)
        {
            _product[i] = 0;
            for (int j = 0; j < _vector.Length; j++)
            {
                _product[i] += products[i, j] * _vector[j];
            }

            quotient += _product[i] * _vector[i];
            squares += _vector[i] * _vector[i];
            productSquares += _product[i] * _product[i];
        }

        for (int i = 0; i < _vector.Length; i++)
        {
            _vector[i] = productSquares > 0 ? _product[i] / Math.Sqrt(productSquares) : 0;
        }

        return squares > 0 ? quotient / squares : 0;
    }
}
