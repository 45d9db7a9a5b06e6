// Makes the current culture write 1,5 and 1.000, as ru-RU or de-DE would if the build knew any cultures.
using System.Globalization;

namespace FlGpu.Harness.Tests.Recording;

internal sealed class CommaCulture : IDisposable
{
    private readonly CultureInfo _before = CultureInfo.CurrentCulture;

    public CommaCulture()
    {
        CultureInfo culture = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        culture.NumberFormat.NumberDecimalSeparator = ",";
        culture.NumberFormat.NumberGroupSeparator = ".";
        culture.NumberFormat.NegativeSign = "\u2212";
        culture.NumberFormat.NaNSymbol = "не число";
        culture.NumberFormat.PositiveInfinitySymbol = "∞";
        culture.TextInfo.ListSeparator = ";";
        CultureInfo.CurrentCulture = culture;
    }

    public void Dispose() => CultureInfo.CurrentCulture = _before;
}
