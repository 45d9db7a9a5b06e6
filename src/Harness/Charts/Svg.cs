// The elements that charts are made of; colours are attributes, which a page's style sheet may override by class.
using System.Globalization;
using System.Xml.Linq;

namespace FlGpu.Harness.Charts;

/// <summary>
/// SVG elements. Every colour is a presentation attribute, so that a drawing stands alone in any program, and every element has a
/// class, so that a page with a style sheet can recolour it.
/// </summary>
internal static class Svg
{
    public const string FontFamily = "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif";
    public const double TextSize = 12;
    public const double TitleSize = 14;

    /// <summary>From one line of a name to the next.</summary>
    public const double LineHeight = 14;

    private const string Ink = "#222222";
    private const string FaintInk = "#5a5a5a";
    private const string Grid = "#e2e2e2";
    private const string AxisLine = "#8a8a8a";

    private static readonly XNamespace s_space = "http://www.w3.org/2000/svg";

    public static XElement Element(string name, params IEnumerable<object?> content) => new(s_space + name, content);

    public static XAttribute At(string name, string value) => new(name, value);

    public static XAttribute At(string name, double value) => new(name, Number(value));

    /// <summary>A coordinate with two decimals.</summary>
    public static string Number(double value) => Math.Round(value, 2).ToString("0.##", CultureInfo.InvariantCulture);

    /// <summary>A value with all its digits.</summary>
    public static string Exact(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    /// <summary>A whole drawing on white of <paramref name="width"/> x <paramref name="height"/>; <paramref name="kind"/> is its class beside "chart".</summary>
    public static XElement Drawing(string kind, string title, double width, double height, params IEnumerable<object?> content) => Element(
        "svg", At("class", $"chart {kind}"), At("viewBox", $"0 0 {Number(width)} {Number(height)}"), At("width", width), At("height", height),
        At("font-family", FontFamily), At("role", "group"), At("aria-label", title),
        Element("rect", At("class", "ground"), At("width", width), At("height", height), At("fill", "#ffffff")), content);

    public static XElement Group(string kind, params IEnumerable<object?> content) => Element("g", At("class", kind), content);

    public static XElement Text(double x, double y, string text, string anchor = "start", bool faint = false) => Element(
        "text", At("class", faint ? "faint" : "text"), At("x", x), At("y", y), At("text-anchor", anchor), At("font-size", TextSize),
        At("fill", faint ? FaintInk : Ink), text);

    /// <summary>A name of several lines around the height <paramref name="y"/>; where a part of it is missing in them, a pointer shows the whole.</summary>
    public static XElement Name(double x, double y, string name, IReadOnlyList<string> lines, string anchor = "end")
    {
        double first = y + 4 - (LineHeight * (lines.Count - 1) / 2);
        XElement all = Group("name", lines.Select((line, i) => Text(x, first + (LineHeight * i), line, anchor)));
        return WithWhole(all, name, lines);
    }

    /// <summary>A name of several lines, each of which reads upwards from the height <paramref name="y"/>, around the place <paramref name="x"/>.</summary>
    public static XElement UprightName(double x, double y, string name, IReadOnlyList<string> lines)
    {
        double first = x + 4 - (LineHeight * (lines.Count - 1) / 2);
        XElement all = Group("name", lines.Select((line, i) => UprightText(first + (LineHeight * i), y, line)));
        return WithWhole(all, name, lines);
    }

    private static XElement WithWhole(XElement drawn, string name, IReadOnlyList<string> lines)
    {
        if (string.Concat(lines).Replace(" ", "") != name.Replace(" ", ""))
        {
            drawn.Add(Tip(name));
        }

        return drawn;
    }

    /// <summary>Text that reads upwards and ends or starts at a point.</summary>
    private static XElement UprightText(double x, double y, string text)
    {
        XElement element = Text(x, y, text);
        element.Add(At("transform", $"rotate(-90 {Number(x)} {Number(y)})"));
        return element;
    }

    /// <summary>The lines of a title from the top of a drawing, and the height that they take.</summary>
    public static (IReadOnlyList<XElement> Elements, double Height) Title(string title, string subtitle, double width)
    {
        const double TitleLineHeight = 18;
        const double Above = 6;
        List<XElement> elements = [];
        foreach (string line in TextMeasure.Wrap(title, width - 8, TitleSize))
        {
            elements.Add(Element(
                "text", At("class", "text title"), At("x", 4), At("y", Above + (TitleLineHeight * (elements.Count + 1)) - 4), At("font-size", TitleSize),
                At("font-weight", "600"), At("fill", Ink), line));
        }

        foreach (string line in TextMeasure.Wrap(subtitle, width - 8, TextSize))
        {
            elements.Add(Text(4, Above + (TitleLineHeight * (elements.Count + 1)) - 4, line, faint: true));
        }

        return (elements, Above + (TitleLineHeight * elements.Count));
    }

    public static XElement GridLine(double x1, double y1, double x2, double y2) => Line("grid", Grid, x1, y1, x2, y2);

    public static XElement Axis(double x1, double y1, double x2, double y2) => Line("axis", AxisLine, x1, y1, x2, y2);

    /// <summary>What a pointer that rests on an element shows.</summary>
    public static XElement Tip(string text) => Element("title", text);

    private static XElement Line(string kind, string stroke, double x1, double y1, double x2, double y2) => Element(
        "line", At("class", kind), At("x1", x1), At("y1", y1), At("x2", x2), At("y2", y2), At("stroke", stroke), At("stroke-width", 1));
}
