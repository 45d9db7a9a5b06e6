// The names of a chart's series in as many columns as fit.
using System.Xml.Linq;

namespace FlGpu.Harness.Charts;

/// <summary>Lays out the keys of a chart.</summary>
internal static class Legend
{
    private const double SampleWidth = 30;
    private const double RowHeight = 19;
    private const double Gap = 14;

    /// <summary>A sample and a name a series, from <paramref name="top"/> on, within <paramref name="width"/>; and the height that they take.</summary>
    public static (XElement Element, double Height) Draw(IReadOnlyList<(string Name, Func<double, double, XElement[]> Sample)> keys, double top, double width)
    {
        double widest = keys.Count == 0 ? 0 : keys.Max(key => TextMeasure.Width(key.Name, Svg.TextSize));
        int columns = Math.Clamp((int)((width + Gap) / (SampleWidth + widest + Gap)), 1, Math.Max(keys.Count, 1));
        double columnWidth = (width + Gap) / columns;
        int rows = (keys.Count + columns - 1) / columns;
        return (Svg.Group("legend", keys.Select((key, i) =>
        {
            double x = i / rows * columnWidth;
            double y = top + (i % rows * RowHeight) + (RowHeight / 2);
            string shown = TextMeasure.Shorten(key.Name, width - SampleWidth, Svg.TextSize);
            return Svg.Element(
                "g", Svg.At("class", "key"), Svg.At("data-name", key.Name), key.Sample(x, y), Svg.Text(x + SampleWidth, y + 4, shown),
                shown == key.Name ? null : Svg.Tip(key.Name));
        })), rows * RowHeight);
    }
}
