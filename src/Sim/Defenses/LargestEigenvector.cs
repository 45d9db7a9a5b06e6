// The largest eigenvalue of a symmetric matrix and its eigenvector.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The Lanczos method with full reorthogonalisation (Golub and Van Loan, Matrix Computations, 4th ed., section 10.1) from a fixed
/// random start. It ends when the residual is below 1e-13 of the eigenvalue, or after 300 steps.
/// </summary>
internal static class LargestEigenvector
{
    private const int MostSteps = 300;
    private const int StepsBetweenChecks = 8;
    private const double Residual = 1e-13;

    /// <summary>The eigenvalue of the upper left m x m of a matrix, positive semidefinite; its unit eigenvector into <paramref name="vector"/> (m).</summary>
    public static double Of(double[,] matrix, Span<double> vector)
    {
        int n = vector.Length;
        vector.Clear();
        double scale = 0;
        for (int i = 0; i < n; i++)
        {
            scale = Math.Max(scale, matrix[i, i]);
        }

        if (scale <= 0)
        {
            return 0;
        }

        List<double[]> basis = [];
        List<double> diagonal = [];
        List<double> beside = [];
        RngStream stream = RngKey.FromSeed(1).Stream();
        double[] next = new double[n];
        for (int i = 0; i < n; i++)
        {
            next[i] = stream.NextNormal();
        }

        double length = Math.Sqrt(DenseRows.Dot(next, next));
        while (true)
        {
            double[] current = [.. next.Select(x => x / length)];
            basis.Add(current);
            for (int i = 0; i < n; i++)
            {
                next[i] = DenseRows.Dot(matrix.Row(i)[..n], current);
            }

            diagonal.Add(DenseRows.Dot(next, current));
            Orthogonalise(next, basis);
            Orthogonalise(next, basis);
            length = Math.Sqrt(DenseRows.Dot(next, next));
            int steps = basis.Count;
            bool last = steps == Math.Min(n, MostSteps) || length <= 1e-14 * scale;
            if (last || steps % StepsBetweenChecks == 0)
            {
                (double value, double[] weights) = OfTridiagonal(diagonal, beside);
                if (last || length * Math.Abs(weights[^1]) <= Residual * value)
                {
                    for (int step = 0; step < steps; step++)
                    {
                        DenseRows.AddTo(vector, weights[step], basis[step]);
                    }

                    return value;
                }
            }

            beside.Add(length);
        }
    }

    private static void Orthogonalise(double[] vector, List<double[]> basis)
    {
        foreach (double[] other in basis)
        {
            DenseRows.AddTo(vector, -DenseRows.Dot(vector, other), other);
        }
    }

    // Bisection on the signs of the pivots of T - x, then inverse iteration just above the eigenvalue, where T - x is definite.
    private static (double Value, double[] Vector) OfTridiagonal(List<double> diagonal, List<double> beside)
    {
        int n = diagonal.Count;
        double low = diagonal.Max();
        double high = low;
        for (int i = 0; i < n; i++)
        {
            high = Math.Max(high, diagonal[i] + (i > 0 ? beside[i - 1] : 0) + (i < n - 1 ? beside[i] : 0));
        }

        high += 1e-15 * Math.Abs(high);
        while (high - low > 4e-16 * Math.Abs(high))
        {
            double middle = (low + high) / 2;
            if (middle <= low || middle >= high)
            {
                break;
            }

            (low, high) = IsAbove(middle, diagonal, beside) ? (low, middle) : (middle, high);
        }

        double shift = high + (1e-15 * Math.Abs(high));
        double[] vector = [.. Enumerable.Repeat(1.0, n)];
        double[] pivots = new double[n];
        for (int repeat = 0; repeat < 4; repeat++)
        {
            for (int i = 0; i < n; i++)
            {
                double factor = i > 0 ? beside[i - 1] / pivots[i - 1] : 0;
                pivots[i] = Math.Max(shift - diagonal[i] - (i > 0 ? factor * beside[i - 1] : 0), 1e-16 * Math.Abs(high));
                vector[i] += i > 0 ? factor * vector[i - 1] : 0;
            }

            for (int i = n - 1; i >= 0; i--)
            {
                vector[i] = (vector[i] + (i < n - 1 ? beside[i] * vector[i + 1] : 0)) / pivots[i];
            }

            double length = Math.Sqrt(DenseRows.Dot(vector, vector));
            vector = [.. vector.Select(x => x / length)];
        }

        return (high, vector);
    }

    private static bool IsAbove(double x, List<double> diagonal, List<double> beside)
    {
        double pivot = x - diagonal[0];
        for (int i = 1; i < diagonal.Count && pivot > 0; i++)
        {
            pivot = x - diagonal[i] - (beside[i - 1] * beside[i - 1] / pivot);
        }

        return pivot > 0;
    }
}
