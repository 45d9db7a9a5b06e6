// CAF: turns down the updates that stand out in the direction of largest variance, until enough are gone.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Covariance-bound agnostic filter. All weights start at 1. While they sum to more than n - 2f: take the weighted mean and the
/// largest eigenvalue and eigenvector of the weighted covariance, and multiply each weight by 1 - t / max t, where t is the update's
/// squared projection. The aggregate is the weighted mean with the smallest eigenvalue met. Eigenvectors are exact, where ByzFL takes
/// one step of the power method; max t is over updates whose weight is above zero, so that each step removes one. With f = 0 it is
/// the mean. NaN and infinite updates start at weight zero.
/// </summary>
[About("covariance-bound agnostic filter: weights down what stands out along the largest variance", Paper = "Allouah et al., ICML 2025")]
public sealed class Caf(
    Setting setting, [About("malicious clients reckoned with, below n / 2; default: those of the setting")] int? f = null) : IDefense, IJudge
{
    // Variance that is rounding, relative to the squared distances.
    private const double Rounding = 1e-13;

    private readonly int _malicious = FewerThanHalf.Of(setting, f);
    private readonly UpdateGeometry _geometry = new(setting);
    private readonly ClientWeights _weights = new(setting);
    private readonly double[] _turnedDown = new double[setting.Clients];

    /// <summary>What of the weight 1, with which an update starts, is gone.</summary>
    public IReadOnlyList<Judgement> Judgements => [new("turned_down", [.. _turnedDown])];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _geometry.Measure(round.Updates);
        _weights.Weights.Clear();
        int[] rows = _geometry.Usable;
        double[] c = [.. Enumerable.Repeat(1.0, rows.Length)];
        double smallest = double.PositiveInfinity;
        while (rows.Length > 0)
        {
            double total = c.Sum();
            (double eigenvalue, double[] t) = Direction(rows, c, total);
            if (eigenvalue < smallest)
            {
                smallest = eigenvalue;
                _weights.Weights.Clear();
                _turnedDown.AsSpan().Fill(1);
                for (int i = 0; i < rows.Length; i++)
                {
                    _turnedDown[rows[i]] = 1 - c[i];
                    _weights.Weights[rows[i]] = (float)(c[i] / total);
                }
            }

            double largest = t.Max();
            if (largest <= 0)
            {
                break;
            }

            c = [.. c.Select((weight, i) => weight * (1 - (t[i] / largest)))];
            rows = [.. rows.Where((_, i) => c[i] > 0)];
            c = [.. c.Where(weight => weight > 0)];
            if (c.Sum() <= setting.Clients - (2 * _malicious))
            {
                break;
            }
        }

        return _weights.Sum(round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _geometry.Dispose();
        _weights.Dispose();
    }

    // With X the centred rows times the roots of their weights, X X^T has the eigenvalues of X^T X, and the direction is X^T u.
    private (double Eigenvalue, double[] SquaredProjections) Direction(int[] rows, double[] c, double total)
    {
        int m = rows.Length;
        double[,] products = _geometry.CentredProducts(rows, c);
        double[] roots = [.. c.Select(Math.Sqrt)];
        double scale = 0;
        for (int i = 0; i < m; i++)
        {
            Span<double> weighted = products.Row(i)[..m];
            ReadOnlySpan<double> squared = _geometry.Squared.Row(rows[i]);
            double factor = roots[i] / total;
            for (int j = 0; j < weighted.Length; j++)
            {
                weighted[j] *= factor * roots[j];
                scale = Math.Max(scale, squared[rows[j]]);
            }
        }

        double[] u = new double[m];
        double eigenvalue = LargestEigenvector.Of(products, u);
        double[] squares = new double[m];
        for (int j = 0; j < m && eigenvalue > Rounding * scale; j++)
        {
            double projection = DenseRows.Dot(products.Row(j)[..m], u) * total / roots[j];
            squares[j] = projection * projection;
        }

        return (eigenvalue, squares);
    }
}
