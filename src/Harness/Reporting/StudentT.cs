// Student's t distribution for whole degrees of freedom, which intervals of fitted lines need.
namespace FlGpu.Harness.Reporting;

/// <summary>Abramowitz and Stegun 1964, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.</summary>
internal static class StudentT
{
    /// <summary>The t with P(-t ≤ T ≤ t) = <paramref name="probability"/>, for <paramref name="freedom"/> degrees of freedom, at least 1.</summary>
    public static double Quantile(double probability, int freedom)
    {
        (double low, double high) = (0, 1);
        while (Within(high, freedom) < probability)
        {
            high *= 2;
        }

        for (double middle = (low + high) / 2; middle > low && middle < high; middle = (low + high) / 2)
        {
            (low, high) = Within(middle, freedom) < probability ? (middle, high) : (low, middle);
        }

        return high;
    }

    /// <summary>P(-t ≤ T ≤ t).</summary>
    public static double Within(double t, int freedom)
    {
        double angle = Math.Atan(t / Math.Sqrt(freedom));
        double cosine = Math.Cos(angle);
        bool odd = freedom % 2 == 1;
        if (freedom == 1)
        {
            return 2 * angle / Math.PI;
        }

        // The terms' factors are 2/3, 4/5, ... for odd degrees and 1/2, 3/4, ... for even ones.
        double term = odd ? cosine : 1;
        double sum = term;
        for (int k = odd ? 3 : 2; k < freedom; k += 2)
        {
            term *= (k - 1.0) / k * cosine * cosine;
            sum += term;
        }

        return odd ? 2 / Math.PI * (angle + (Math.Sin(angle) * sum)) : Math.Sin(angle) * sum;
    }
}
