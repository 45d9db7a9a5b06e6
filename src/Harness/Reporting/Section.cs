// What a report consists of: sections with charts and tables.
using System.Xml.Linq;

namespace FlGpu.Harness.Reporting;

/// <summary>A part of a report under a heading of its own.</summary>
/// <param name="Id">What links to it, and what the files of its charts begin with.</param>
/// <param name="Title">The heading.</param>
/// <param name="Intro">A sentence on what is shown and how it was worked out.</param>
/// <param name="Figures">Its charts.</param>
/// <param name="Tables">Its tables.</param>
internal sealed record Section(string Id, string Title, string Intro, IReadOnlyList<Figure> Figures, IReadOnlyList<ReportTable> Tables)
{
    /// <summary>Whether there is anything to see.</summary>
    public bool HasData => Figures.Count > 0 || Tables.Count > 0;
}

/// <summary>A chart, what it is of (by these facets a reader chooses among the charts of a section), and the table that stands beside it, if any.</summary>
internal sealed record Figure(IReadOnlyList<(string Facet, string Value)> Facets, XElement Drawing, ReportTable? Beside = null);

/// <summary>A table that can be sorted, filtered and saved. Texts of numbers have all their digits.</summary>
/// <param name="Name">The file name, without extension, under which it is saved.</param>
/// <param name="Caption">What it holds.</param>
/// <param name="Columns">The names of its columns.</param>
/// <param name="Rows">Its rows, with a text a column.</param>
/// <param name="Filters">Whether every column gets a filter: for long tables.</param>
internal sealed record ReportTable(string Name, string Caption, IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows, bool Filters = false)
{
    /// <summary>So many rows are looked through without filters.</summary>
    public const int MostUnfiltered = 20;
}
