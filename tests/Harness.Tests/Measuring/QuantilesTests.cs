// Quartiles against numbers worked out by hand.
using FlGpu.Harness.Measuring;

namespace FlGpu.Harness.Tests.Measuring;

public class QuantilesTests
{
    [Fact]
    public void Quartiles_lie_between_values_by_linear_interpolation()
    {
        Quantiles quantiles = Quantiles.Of([4, 1, 3, 2]);

        Assert.Equal(new Quantiles(1, 1.75, 2.5, 3.25), quantiles);
        Assert.Equal(0.6, quantiles.RelativeIqr);
    }

    [Fact]
    public void Quartiles_of_five_values_are_values() => Assert.Equal(new Quantiles(-1, 2, 10, 20), Quantiles.Of([20, -1, 10, 2, 70]));

    [Fact]
    public void One_value_is_every_quartile() => Assert.Equal(new Quantiles(7, 7, 7, 7), Quantiles.Of([7]));

    [Fact]
    public void Equal_values_have_no_spread_even_when_they_are_zero() => Assert.Equal(0, Quantiles.Of([0, 0, 0]).RelativeIqr);

    [Fact]
    public void No_values_are_an_error() => Assert.Throws<ArgumentException>(() => Quantiles.Of([]));
}
