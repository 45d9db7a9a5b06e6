// How the lines of a chart are told apart: by colour, and for those who see or print no colours by dashes and markers.
using System.Xml.Linq;

namespace FlGpu.Harness.Charts;

/// <summary>A colour, a dash pattern and a marker, each an index that wraps around.</summary>
internal readonly record struct SeriesStyle(int Color, int Dash, int Marker)
{
    private const double MarkerRadius = 3.6;

    // Okabe and Ito 2008, "Color universal design", less the yellow, which white paper swallows.
    private static readonly string[] s_colors = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#222222", "#56b4e9", "#e69f00"];
    private static readonly string[] s_dashes = ["", "7 3", "2 3", "9 3 2 3"];

    /// <summary>How many colours there are before they repeat.</summary>
    public static int Colors => s_colors.Length;

    /// <summary>How many dash patterns there are before they repeat.</summary>
    public static int Dashes => s_dashes.Length;

    /// <summary>The style of the i-th of many series of one kind: no two of the first 28 are alike.</summary>
    public static SeriesStyle Of(int i) => new(i % Colors, i / Colors, i);

    public string ColorClass => $"c{Color % s_colors.Length}";

    public string Hex => s_colors[Color % s_colors.Length];

    public XElement Line(string path) => Svg.Element(
        "path", Svg.At("class", "line"), Svg.At("d", path), Svg.At("fill", "none"), Svg.At("stroke", Hex), Svg.At("stroke-width", 2),
        Svg.At("stroke-linejoin", "round"), s_dashes[Dash % s_dashes.Length] is { Length: > 0 } dashes ? Svg.At("stroke-dasharray", dashes) : null);

    public XElement Band(string path) =>
        Svg.Element("path", Svg.At("class", "band"), Svg.At("d", path), Svg.At("fill", Hex), Svg.At("fill-opacity", 0.13), Svg.At("stroke", "none"));

    public XElement Markers(IEnumerable<(double X, double Y)> places) =>
        Svg.Element("path", Svg.At("class", "marker"), Svg.At("d", string.Concat(places.Select(MarkerPath))), Svg.At("fill", Hex));

    private string MarkerPath((double X, double Y) at)
    {
        (string x, string y) = (Svg.Number(at.X), Svg.Number(at.Y));
        string r = Svg.Number(MarkerRadius);
        return (Marker % 5) switch
        {
            0 => $"M{Svg.Number(at.X - MarkerRadius)} {y}a{r} {r} 0 1 0 {Svg.Number(2 * MarkerRadius)} 0a{r} {r} 0 1 0 {Svg.Number(-2 * MarkerRadius)} 0z",
            1 => $"M{Svg.Number(at.X - 3.2)} {Svg.Number(at.Y - 3.2)}h6.4v6.4h-6.4z",
            2 => $"M{x} {Svg.Number(at.Y - 4.4)}l4.2 7.4h-8.4z",
            3 => $"M{x} {Svg.Number(at.Y - 4.8)}l4.4 4.8l-4.4 4.8l-4.4 -4.8z",
            _ => $"M{x} {Svg.Number(at.Y + 4.4)}l4.2 -7.4h-8.4z",
        };
    }
}
