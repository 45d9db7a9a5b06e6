// How fast something grows: the exponent b of y = a x^b, with the interval that it is likely to lie in.
namespace FlGpu.Harness.Reporting;

/// <summary>
/// An ordinary least-squares line through (log x, log y). Low and High are the ends of the 95 % confidence interval of the exponent
/// under normal errors of the logarithms; null, as RSquared is, with two points, which no line can miss.
/// </summary>
/// <param name="Points">How many points the line is through.</param>
/// <param name="Factor">a: y at x = 1.</param>
/// <param name="Exponent">b: the slope.</param>
/// <param name="Low">The lower end.</param>
/// <param name="High">The upper end.</param>
/// <param name="RSquared">The part of the variance of log y that the line explains, 0 to 1; null too when y does not vary.</param>
internal sealed record PowerFit(int Points, double Factor, double Exponent, double? Low, double? High, double? RSquared)
{
    private const double Confidence = 0.95;

    /// <summary>The fit; null where there are fewer than two different x. Points that have no logarithm do not count.</summary>
    public static PowerFit? Of(IEnumerable<(double X, double Y)> points)
    {
        (double X, double Y)[] logs = [.. points.Where(p => p is { X: > 0, Y: > 0 }).Select(p => (Math.Log(p.X), Math.Log(p.Y)))];
        if (logs.Select(p => p.X).Distinct().Count() < 2)
        {
            return null;
        }

        int n = logs.Length;
        double meanX = logs.Average(p => p.X);
        double meanY = logs.Average(p => p.Y);
        double sxx = logs.Sum(p => (p.X - meanX) * (p.X - meanX));
        double syy = logs.Sum(p => (p.Y - meanY) * (p.Y - meanY));
        double slope = logs.Sum(p => (p.X - meanX) * (p.Y - meanY)) / sxx;
        double intercept = meanY - (slope * meanX);
        double residual = logs.Sum(p => Math.Pow(p.Y - intercept - (slope * p.X), 2));
        double? half = n > 2 ? StudentT.Quantile(Confidence, n - 2) * Math.Sqrt(residual / (n - 2) / sxx) : null;
        return new(n, Math.Exp(intercept), slope, slope - half, slope + half, n > 2 && syy > 0 ? 1 - (residual / syy) : null);
    }
}
