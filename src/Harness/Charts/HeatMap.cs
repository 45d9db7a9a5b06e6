// A table whose cells are coloured by their values.
using System.Xml.Linq;

namespace FlGpu.Harness.Charts;

/// <summary>A cell: its value, what is written in it and what a pointer shows. Without a value it stays empty but for the text.</summary>
internal readonly record struct Cell(double? Value, string Text, string Tip);

/// <summary>Rows by columns of values from <paramref name="From"/> to <paramref name="To"/>; Cells has a list a row.</summary>
internal sealed record HeatMap(
    string Title, string Subtitle, string RowsAre, string ColumnsAre, IReadOnlyList<string> Rows, IReadOnlyList<string> Columns,
    IReadOnlyList<IReadOnlyList<Cell>> Cells, ColorRamp Ramp, double From, double To)
{
    private const double MostRowWidth = 250;
    private const double MostColumnWidth = 200;
    private const int MostLines = 2;
    private const double CellWidth = 33;
    private const double LeastCellHeight = 21;
    private const double LeastWidth = 320;
    private const double RampWidth = 180;
    private const double Margin = 12;

    /// <summary>Draws it, as wide as it must be. Each cell is a rectangle with data-row, data-column (indices) and data-value.</summary>
    public XElement Draw()
    {
        string corner = $"{RowsAre} ↓ {ColumnsAre} →";
        IReadOnlyList<string>[] rows = [.. Rows.Select(row => TextMeasure.Fold(row, MostRowWidth, Svg.TextSize, MostLines))];
        IReadOnlyList<string>[] columns = [.. Columns.Select(column => TextMeasure.Fold(column, MostColumnWidth, Svg.TextSize, MostLines))];
        double rowLabels = WidestOf([.. rows, [corner]]);
        double columnLabels = WidestOf(columns);
        double left = rowLabels + 10;
        double width = Math.Max(LeastWidth, left + (CellWidth * Columns.Count) + Margin);
        (IReadOnlyList<XElement> title, double top) = Svg.Title(Title, Subtitle, width);
        top += 14 + columnLabels + 8;
        double[] heights = [.. rows.Select(lines => Math.Max(LeastCellHeight, (Svg.LineHeight * lines.Count) + 3))];
        double[] tops = [.. rows.Select((_, i) => top + heights.Take(i).Sum())];
        double bottom = top + heights.Sum();
        return Svg.Drawing(
            "heat", Title, width, bottom + 54,
            title,
            Svg.Text(left - 6, top - 8, corner, "end", faint: true),
            Columns.Select((column, i) => Svg.UprightName(left + (CellWidth * (i + 0.5)), top - 6, column, columns[i])),
            Rows.Select((row, i) => Svg.Name(left - 6, tops[i] + (heights[i] / 2), row, rows[i])),
            Rows.SelectMany((_, row) => Columns.Select((_, column) => DrawCell(row, column, left + (CellWidth * column), tops[row], heights[row]))),
            DrawRamp(bottom + 22));
    }

    private XElement[] DrawCell(int row, int column, double x, double y, double height)
    {
        Cell cell = Cells[row][column];
        double? place = cell.Value is { } value ? (value - From) / (To - From) : null;
        XElement rectangle = Svg.Element(
            "rect", Svg.At("class", place is null ? "cell missing" : "cell"), Svg.At("x", x), Svg.At("y", y),
            Svg.At("width", CellWidth - 1), Svg.At("height", height - 1), Svg.At("fill", place is { } at ? Ramp.At(at) : "#f0f0f0"),
            Svg.At("data-row", row), Svg.At("data-column", column), cell.Value is { } exact ? Svg.At("data-value", Svg.Exact(exact)) : null, Svg.Tip(cell.Tip));
        if (cell.Text == "")
        {
            return [rectangle];
        }

        XElement text = Svg.Element(
            "text", Svg.At("class", place is null ? "faint in-cell" : "in-cell"), Svg.At("x", x + ((CellWidth - 1) / 2)), Svg.At("y", y + (height / 2) + 4),
            Svg.At("text-anchor", "middle"), Svg.At("font-size", 11), Svg.At("pointer-events", "none"),
            Svg.At("fill", place is { } onColor ? Ramp.InkAt(onColor) : "#5a5a5a"), cell.Text);
        return [rectangle, text];
    }

    private IEnumerable<XElement> DrawRamp(double top)
    {
        const int Steps = 36;
        return
        [
            .. Enumerable.Range(0, Steps).Select(i => Svg.Element(
                "rect", Svg.At("x", 4 + (RampWidth / Steps * i)), Svg.At("y", top), Svg.At("width", (RampWidth / Steps) + 0.5), Svg.At("height", 10),
                Svg.At("fill", Ramp.At(i / (Steps - 1.0))))),
            Svg.Text(4, top + 25, Scale.Label(From), faint: true),
            Svg.Text(4 + RampWidth, top + 25, Scale.Label(To), "end", faint: true),
        ];
    }

    private static double WidestOf(IEnumerable<IReadOnlyList<string>> labels) =>
        labels.Max(lines => lines.Max(line => TextMeasure.Width(line, Svg.TextSize)));
}
