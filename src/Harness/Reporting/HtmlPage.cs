// One page that needs nothing else: sections, charts, tables, style and script in a single file.
using System.IO.Compression;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;

namespace FlGpu.Harness.Reporting;

/// <summary>Writes sections as HTML.</summary>
internal static class HtmlPage
{
    // Tables of a page's own are shorter than this; the thousands of rows of a sweep take a tenth of their room when they are packed.
    private const int MostUnpacked = 100_000;

    // More columns than this have no room on a sheet of paper.
    private const int MostOnPaper = 14;

    /// <summary>The whole page.</summary>
    public static string Of(string title, IReadOnlyList<string> facts, IReadOnlyList<Section> sections)
    {
        XElement body = new(
            "body",
            new XElement(
                "header", new XElement("h1", title), new XElement("ul", new XAttribute("class", "facts"), facts.Select(fact => new XElement("li", fact))),
                new XElement("nav", sections.Select(section => new XElement("a", new XAttribute("href", $"#{section.Id}"), section.Title)))),
            new XElement("main", sections.Select(SectionOf), sections.Count > 0 ? null : new XElement("p", "There are no rows yet, so there is nothing to show.")),
            new XElement("div", new XAttribute("id", "tip"), new XAttribute("role", "status"), new XAttribute("hidden", ""), ""));
        // Nothing is allowed but what is in this file: the page cannot ask for anything even if a script tried.
        const string Policy = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";
        return $"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta http-equiv="Content-Security-Policy" content="{Policy}">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <meta name="generator" content="flgpu report">
            <link rel="icon" href="data:,">
            <title>{new XText(title)}</title>
            <style>
            {Resource("report.css")}</style>
            </head>
            {body.ToString(SaveOptions.DisableFormatting)}
            <script>
            {Resource("report.js")}</script>
            </html>

            """;
    }

    private static XElement SectionOf(Section section) => new(
        "section", new XAttribute("id", section.Id), new XElement("h2", section.Title), new XElement("p", section.Intro),
        section.Figures.Count == 0 ? null : new XElement(
            "div", new XAttribute("class", "figures"), FiguresOf(section.Figures)),
        section.Tables.Select(TableOf));

    private static IEnumerable<XElement> FiguresOf(IReadOnlyList<Figure> figures)
    {
        HashSet<string> choices = ChoicesAmong(figures);
        return figures.Select(figure => new XElement(
            "figure", figure.Beside is null ? null : new XAttribute("class", "with-table"),
            choices.Count == 0 ? null : new XAttribute("data-facets", JsonSerializer.Serialize(figure.Facets.Where(f => choices.Contains(f.Facet)).ToDictionary(f => f.Facet, f => f.Value))),
            figure.Drawing, figure.Beside is { } beside ? TableOf(beside) : null));
    }

    // A facet in which all figures agree is no choice, nor is one that follows from another: two folders, each of a partition of its own.
    private static HashSet<string> ChoicesAmong(IReadOnlyList<Figure> figures)
    {
        HashSet<string> choices = [];
        HashSet<string> splits = [];
        foreach (IGrouping<string, string> facet in figures.SelectMany(figure => figure.Facets).GroupBy(facet => facet.Facet, facet => facet.Value))
        {
            List<string> values = [.. facet.Distinct()];
            if (values.Count > 1 && splits.Add(string.Join(' ', facet.Select(value => values.IndexOf(value)))))
            {
                choices.Add(facet.Key);
            }
        }

        return choices;
    }

    private static XElement TableOf(ReportTable table) => new(
        "div", new XAttribute("class", $"table{(table.Filters ? " filters" : "")}{(table.Columns.Count > MostOnPaper ? " wide" : "")}"), new XAttribute("data-name", table.Name),
        new XElement("p", new XAttribute("class", "caption"), table.Caption), DataOf(JsonOf(table)), table.Filters ? null : PlainTable(table));

    private static XElement DataOf(string json)
    {
        if (json.Length <= MostUnpacked)
        {
            return new("script", new XAttribute("type", "application/json"), json);
        }

        using MemoryStream packed = new();
        using (GZipStream gzip = new(packed, CompressionLevel.SmallestSize))
        {
            gzip.Write(Encoding.UTF8.GetBytes(json));
        }

        return new("script", new XAttribute("type", "application/gzip"), Convert.ToBase64String(packed.ToArray()));
    }

    /// <summary>
    /// Column by column: a column that repeats itself is the list of its values and, for each row, the place of the value in it. The default
    /// encoder leaves no &lt; in the text, so that nothing in it can end the script element.
    /// </summary>
    private static string JsonOf(ReportTable table) => JsonSerializer.Serialize(new
    {
        columns = table.Columns,
        rows = table.Rows.Count,
        cells = table.Columns.Select((_, column) =>
        {
            string[] texts = [.. table.Rows.Select(row => row[column])];
            List<string> values = [.. texts.Distinct()];
            Dictionary<string, int> places = values.Select((value, i) => (value, i)).ToDictionary(pair => pair.value, pair => pair.i);
            return values.Count * 2 > texts.Length ? (object)texts : new { values, at = texts.Select(text => places[text]) };
        }),
    });

    // For readers without scripts. Long tables are for the script only.
    private static XElement PlainTable(ReportTable table) => new(
        "noscript", new XElement(
            "table", new XElement("thead", new XElement("tr", table.Columns.Select(column => new XElement("th", column)))),
            new XElement("tbody", table.Rows.Select(row => new XElement("tr", row.Select(cell => new XElement("td", cell)))))));

    private static string Resource(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"FlGpu.Harness.Reporting.{name}")!;
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
