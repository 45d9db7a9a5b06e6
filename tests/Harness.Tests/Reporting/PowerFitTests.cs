// Fitted exponents against lines that are exact, and against worked examples of regression.
using FlGpu.Harness.Reporting;

namespace FlGpu.Harness.Tests.Reporting;

public sealed class PowerFitTests
{
    [Theory]
    [InlineData(0.5)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(-1)]
    public void An_exact_power_is_found_with_an_interval_of_no_width(double exponent)
    {
        PowerFit fit = PowerFit.Of(((double[])[10, 20, 50, 100, 1000]).Select(x => (x, 3 * Math.Pow(x, exponent))))!;
        Assert.Equal(exponent, fit.Exponent, 1e-12);
        Assert.Equal(3, fit.Factor, 1e-10);
        Assert.Equal(exponent, fit.Low!.Value, 1e-6);
        Assert.Equal(exponent, fit.High!.Value, 1e-6);
        Assert.Equal(1, fit.RSquared!.Value, 1e-12);
    }

    // By hand: log x = 0, 1, 2, 3 and log y = 0, 1, 1, 2 in units of ln 2: slope 0.6, intercept 0.1, squared residuals 0.2,
    // so that the standard error is sqrt(0.2 / 2 / 5) = 0.1414, and t is 4.3027 for 2 degrees of freedom.
    [Fact]
    public void The_interval_is_that_of_the_slope_of_an_ordinary_least_squares_line()
    {
        PowerFit fit = PowerFit.Of([(1, 1), (2, 2), (4, 2), (8, 4)])!;
        Assert.Equal(4, fit.Points);
        Assert.Equal(0.6, fit.Exponent, 1e-12);
        Assert.Equal(Math.Pow(2, 0.1), fit.Factor, 1e-12);
        Assert.Equal(0.6 - (4.302653 * Math.Sqrt(0.02)), fit.Low!.Value, 1e-6);
        Assert.Equal(0.6 + (4.302653 * Math.Sqrt(0.02)), fit.High!.Value, 1e-6);
        Assert.Equal(0.9, fit.RSquared!.Value, 1e-12);
    }

    [Fact]
    public void Two_points_have_an_exponent_but_no_interval()
    {
        PowerFit fit = PowerFit.Of([(10, 1), (100, 100)])!;
        Assert.Equal(2, fit.Exponent, 1e-12);
        Assert.Equal((null, null), (fit.Low, fit.High));
    }

    [Fact]
    public void Without_two_different_places_there_is_no_fit_and_what_has_no_logarithm_does_not_count()
    {
        Assert.Null(PowerFit.Of([]));
        Assert.Null(PowerFit.Of([(10, 1), (10, 2)]));
        Assert.Null(PowerFit.Of([(10, 1), (20, 0)]));
        Assert.Equal(2, PowerFit.Of([(10, 1), (20, 0), (40, 4), (0, 3)])!.Points);
    }

    // Tables of the t distribution, two-sided 95 %.
    [Theory]
    [InlineData(1, 12.7062)]
    [InlineData(2, 4.30265)]
    [InlineData(3, 3.18245)]
    [InlineData(4, 2.77645)]
    [InlineData(5, 2.57058)]
    [InlineData(10, 2.22814)]
    [InlineData(29, 2.04523)]
    [InlineData(120, 1.97993)]
    public void Quantiles_of_students_t_are_those_of_the_tables(int freedom, double quantile) =>
        Assert.Equal(quantile, StudentT.Quantile(0.95, freedom), 5e-5 * quantile);
}
