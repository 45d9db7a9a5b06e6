// The order statistics of a sample: what a headline number and a stopping rule are made of.
namespace FlGpu.Harness.Measuring;

/// <summary>The minimum and the quartiles of some values, in their unit. Between two values it interpolates linearly.</summary>
public readonly record struct Quantiles(double Min, double Q1, double Median, double Q3)
{
    /// <summary>The interquartile range as a fraction of the median: 0.01 is 1 %. 0 when the quartiles are equal.</summary>
    public double RelativeIqr => Q3 == Q1 ? 0 : (Q3 - Q1) / Median;

    /// <summary>Those of <paramref name="values"/>, which may be in any order.</summary>
    /// <exception cref="ArgumentException">There are no values.</exception>
    public static Quantiles Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values];
        if (sorted.Length == 0)
        {
            throw new ArgumentException("quantiles need at least one value", nameof(values));
        }

        Array.Sort(sorted);
        return new(sorted[0], At(sorted, 0.25), At(sorted, 0.5), At(sorted, 0.75));
    }

    private static double At(double[] sorted, double fraction)
    {
        double rank = fraction * (sorted.Length - 1);
        int below = (int)rank;
        int above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((rank - below) * (sorted[above] - sorted[below]));
    }
}
