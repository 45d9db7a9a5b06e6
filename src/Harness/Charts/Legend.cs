// The names of a chart's series in as many columns as fit.
using System.Xml.Linq;

namespace FlGpu.Harness.Charts;

/// <summary>Lays out the keys of a chart.</summary>
internal static class Legend
{
    private const double SampleWidth = 30;
    private const double RowGap = 5;
    private const double Gap = 14;
    private const int MostLines = 2;

    /// <summary>A sample and a name a series, from <paramref name="top"/> on, within <paramref name="width"/>; and the height that they take.</summary>
    public static (XElement Element, double Height) Draw(IReadOnlyList<(string Name, Func<double, double, XElement[]> Sample)> keys, double top, double width)
    {
        IReadOnlyList<string>[] names = [.. keys.Select(key => TextMeasure.Fold(key.Name, width - SampleWidth, Svg.TextSize, MostLines))];
        // A name that needs lines leaves no room beside it.
        double widest = names.Any(lines => lines.Count > 1) ? width : names.Select(lines => TextMeasure.Width(lines[0], Svg.TextSize)).DefaultIfEmpty().Max();
        int columns = Math.Clamp((int)((width + Gap) / (SampleWidth + widest + Gap)), 1, Math.Max(keys.Count, 1));
        double columnWidth = (width + Gap) / columns;
        int rows = (keys.Count + columns - 1) / columns;
        double HeightOf(int key) => (Svg.LineHeight * names[key].Count) + RowGap;
        double[] heights = [.. Enumerable.Range(0, rows).Select(HeightOf)];
        return (Svg.Group("legend", keys.Select((key, i) =>
        {
            double x = i / rows * columnWidth;
            double y = top + heights.Take(i % rows).Sum() + (heights[i % rows] / 2);
            return Svg.Element(
                "g", Svg.At("class", "key"), Svg.At("data-name", key.Name), key.Sample(x, y), Svg.Name(x + SampleWidth, y, key.Name, names[i], "start"));
        })), heights.Sum());
    }
}
