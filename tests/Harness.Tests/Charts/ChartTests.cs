// What drawings hold: the exact values, places that agree with the axes, keys for all series, and nothing outside.
using System.Globalization;
using System.Xml.Linq;
using FlGpu.Harness.Charts;

namespace FlGpu.Harness.Tests.Charts;

public sealed class ChartTests
{
    private static readonly Series s_rising = new("rising", SeriesStyle.Of(0), [new(100, 4), new(1, 1, 0.5, 2), new(10, 2, 1, 4)]);
    private static readonly Series s_partly = new("partly <&> \"shown\"", SeriesStyle.Of(1), [new(1, 0), new(10, -1), new(100, 3)]);

    [Fact]
    public void A_line_holds_its_values_exactly_and_in_the_order_of_x()
    {
        XElement drawing = new LineChart("t", "", new Axis("x", Log: true), new Axis("y"), [s_rising with { Points = [new(2, 0.1), new(1, 1.0 / 3)] }]).Draw();
        Assert.Equal("1 0.3333333333333333;2 0.1", Series(drawing, "rising").Attribute("data-points")!.Value);
    }

    [Fact]
    public void Places_of_points_are_where_the_axes_have_their_values()
    {
        XElement drawing = new LineChart("t", "", new Axis("x", Log: true), new Axis("y", Log: true), [s_rising]).Draw();
        double[][] places = Places(drawing, "rising");
        Assert.Equal(3, places.Length);
        // x: 1, 10, 100 and y: 1, 2, 4 are equally far apart on logarithmic axes.
        Assert.Equal(places[1][0] - places[0][0], places[2][0] - places[1][0], 0.05);
        Assert.Equal(places[1][1] - places[0][1], places[2][1] - places[1][1], 0.05);
        Assert.True(places[2][0] > places[0][0] && places[2][1] < places[0][1]);

        // The label of x = 10 stands below the second point.
        XElement label = Assert.Single(drawing.Descendants(), e => e.Name.LocalName == "text" && e.Value == "10");
        Assert.Equal(places[1][0], Number(label, "x"), 0.02);
    }

    [Fact]
    public void A_logarithmic_axis_leaves_out_what_it_cannot_show_and_a_linear_one_does_not()
    {
        XElement logarithmic = new LineChart("t", "", new Axis("x"), new Axis("y", Log: true), [s_rising, s_partly]).Draw();
        Assert.Equal("100 3", Series(logarithmic, s_partly.Name).Attribute("data-points")!.Value);
        XElement linear = new LineChart("t", "", new Axis("x"), new Axis("y"), [s_rising, s_partly]).Draw();
        Assert.Equal("1 0;10 -1;100 3", Series(linear, s_partly.Name).Attribute("data-points")!.Value);
    }

    [Fact]
    public void A_band_goes_along_the_upper_ends_and_back_along_the_lower_ones()
    {
        XElement drawing = new LineChart("t", "", new Axis("x", Log: true), new Axis("y", Log: true), [s_rising]).Draw();
        string path = Assert.Single(Series(drawing, "rising").Elements(), e => e.Attribute("class")?.Value == "band").Attribute("d")!.Value;
        double[][] corners = [.. path.Trim('M', 'z').Split('L').Select(Numbers)];
        double[][] places = Places(drawing, "rising");
        Assert.Equal([places[0][0], places[1][0], places[1][0], places[0][0]], corners.Select(corner => corner[0]));
        // High is twice the value and low half of it: as far above as below.
        Assert.Equal(places[0][1] - corners[0][1], corners[3][1] - places[0][1], 0.05);
        Assert.True(corners[0][1] < places[0][1]);
    }

    [Fact]
    public void A_band_does_not_stretch_an_axis_that_has_ends_of_its_own()
    {
        LineChart chart = new("t", "", new Axis("round"), new Axis("accuracy", Within: (0, 1)), [s_rising with { Points = [new(1, 0.1, -0.2, 0.4), new(2, 0.9, 0.7, 1.1)] }]);
        string[] labels = [.. chart.Draw().Descendants().Where(e => e.Name.LocalName == "text").Select(text => text.Value)];
        Assert.Contains("0.8", labels);
        Assert.DoesNotContain("-0.5", labels);
        Assert.DoesNotContain("1.5", labels);
    }

    [Fact]
    public void No_two_of_the_first_28_series_look_alike_even_without_colours_where_colours_repeat()
    {
        var looks = Enumerable.Range(0, 4 * SeriesStyle.Colors).Select(i => (SeriesStyle.Of(i).Hex, SeriesStyle.Of(i).Line("M0 0").Attribute("stroke-dasharray")?.Value)).ToList();
        Assert.Equal(looks.Count, looks.Distinct().Count());
        XElement[] markers = [.. Enumerable.Range(0, 5).Select(i => SeriesStyle.Of(i).Markers([(0, 0)]))];
        Assert.Equal(5, markers.Select(marker => marker.Attribute("d")!.Value).Distinct().Count());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(12)]
    public void Every_series_has_a_key_in_the_legend_inside_the_drawing(int count)
    {
        string[] names = [.. Enumerable.Range(0, count).Select(i => $"bucketing:s={i}+geometric_median:tolerance=0.000001")];
        XElement drawing = new LineChart("t", "", new Axis("x"), new Axis("y"), [.. names.Select((name, i) => s_rising with { Name = name, Style = SeriesStyle.Of(i) })]).Draw();
        XElement[] keys = [.. drawing.Descendants().Where(e => e.Attribute("class")?.Value == "key")];
        Assert.Equal(names, keys.Select(key => key.Attribute("data-name")!.Value));
        AssertInside(drawing);
    }

    [Fact]
    public void Legends_use_as_many_columns_as_fit()
    {
        static XElement[] Sample(double x, double y) => [];
        (XElement short4, double oneRow) = Legend.Draw([.. "abcd".Select(name => ($"{name}", (Func<double, double, XElement[]>)Sample))], 0, 400);
        (_, double fourRows) = Legend.Draw([.. "abcd".Select(name => (new string(name, 40), (Func<double, double, XElement[]>)Sample))], 0, 400);
        Assert.Equal(4 * oneRow, fourRows);
        Assert.Equal(4, short4.Descendants().Where(e => e.Name.LocalName == "text").Select(text => text.Attribute("x")!.Value).Distinct().Count());
    }

    [Fact]
    public void Stacked_parts_of_a_bar_follow_each_other_without_gaps_and_are_as_long_as_their_values()
    {
        XElement drawing = new BarChart(
            "t", "", new Axis("%", Within: (0, 100)), ["train", "attack", "evaluate"],
            [new("krum", [(50, "a"), (0, "b"), (50, "c")]), new("a_defense_with_a_very_long_name:and=parameters,too=5", [(10, "d"), (30, "e"), (20, "f")])]).Draw();
        XElement[] bars = [.. drawing.Descendants().Where(e => e.Attribute("data-value") is not null)];
        Assert.Equal(["50", "10", "0", "30", "50", "20"], bars.Select(bar => bar.Attribute("data-value")!.Value));
        XElement[] second = [.. bars.Where(bar => bar.Attribute("data-bar")!.Value != "krum")];
        Assert.Equal(Number(second[0], "x") + Number(second[0], "width"), Number(second[1], "x"), 0.02);
        Assert.Equal(Number(second[1], "x") + Number(second[1], "width"), Number(second[2], "x"), 0.02);
        Assert.Equal(3 * Number(second[0], "width"), Number(second[1], "width"), 0.05);
        Assert.Equal(["a", "d", "b", "e", "c", "f"], bars.Select(bar => bar.Value));
        AssertInside(drawing);
    }

    [Fact]
    public void Intervals_stand_around_their_values_on_one_axis_and_those_that_leave_it_have_no_end()
    {
        XElement drawing = new IntervalChart(
            "t", "s", new Axis("b", Within: (0, 1)), 1, ["simd", "cuda:0"],
            [
                new("sum", [new("simd", 1, 0.75, 1.25, "tip of sum"), new("cuda:0", 0.5, null, null, "")]),
                new("a_defense_with_a_very_long_name:and=parameters,too=5", [new("simd", 2, -70, 2.25, "")]),
            ]).Draw();
        XElement[] marks = [.. drawing.Descendants().Where(e => e.Attribute("data-row") is not null)];
        Assert.Equal(
            ["sum simd 1 0.75 1.25", "a_defense_with_a_very_long_name:and=parameters,too=5 simd 2 -70 2.25", "sum cuda:0 0.5  "],
            marks.Select(mark => string.Join(' ', ((string[])["data-row", "data-name", "data-value", "data-low", "data-high"]).Select(name => mark.Attribute(name)?.Value))));
        double[] sum = WhiskerOf(marks[0]);
        double[] far = WhiskerOf(marks[1]);
        double unit = Tick("2") - Tick("1");
        Assert.Equal([Tick("1") - (unit / 4), Tick("1") + (unit / 4)], sum[..2], (a, b) => Math.Abs(a - b) < 0.03);
        Assert.Equal(2, sum.Length - 2);
        Assert.Single(far[2..]);
        Assert.Equal(Tick("2") + (unit / 4), far[1], 0.03);
        Assert.Equal(Tick("0"), far[0], 0.03);
        Assert.DoesNotContain(marks[2].Elements(), e => e.Attribute("class")?.Value == "line");
        Assert.Contains("tip of sum", marks[0].Value, StringComparison.Ordinal);
        Assert.Equal(["simd", "cuda:0"], drawing.Descendants().Where(e => e.Attribute("class")?.Value == "key").Select(key => key.Attribute("data-name")!.Value));
        AssertInside(drawing);

        double Tick(string label) => Number(Assert.Single(drawing.Descendants(), e => e.Name.LocalName == "text" && e.Value == label), "x");
    }

    [Fact]
    public void Rows_of_intervals_are_as_high_as_their_own_marks_and_names()
    {
        Interval Of(string series) => new(series, 1, 0.5, 2, "");
        XElement drawing = new IntervalChart(
            "t", "", new Axis("b", Log: true), 1, ["a", "b", "c"],
            [new("one", [Of("b")]), new("three", [Of("a"), Of("b"), Of("c")]), new("one more", [Of("c")]), new("bucketing:s=2+geometric_median:tolerance=1e-6", [Of("a")])]).Draw();
        double[] heights = [.. drawing.Descendants().Where(e => e.Attribute("class")?.Value == "name" && e.Parent!.Attribute("class")?.Value != "key").Select(name => name.Elements().Average(line => Number(line, "y")))];
        Assert.Equal([27, 27, 32], heights.Zip(heights.Skip(1), (a, b) => b - a), (a, b) => Math.Abs(a - b) < 0.01);
        AssertInside(drawing);
    }

    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 1)]
    [InlineData(true, 1000)]
    public void A_guide_runs_across_where_the_axis_has_its_value(bool log, double guide)
    {
        XElement drawing = new LineChart("t", "", new Axis("x"), new Axis("y", log), [s_rising], guide).Draw();
        XElement[] across = [.. drawing.Elements().Where(e => e.Attribute("class")?.Value == "axis" && Number(e, "y1") == Number(e, "y2") && Number(e, "x2") - Number(e, "x1") > 300)];
        Assert.Equal(guide == 1 ? 2 : 1, across.Length);
        XElement label = Assert.Single(drawing.Descendants(), e => e.Name.LocalName == "text" && e.Value == "1" && e.Attribute("text-anchor")!.Value == "end");
        Assert.Equal(guide == 1, across.Any(line => Math.Abs(Number(line, "y1") + 4 - Number(label, "y")) < 0.02));
    }

    /// <summary>Where a whisker begins and ends, and where it has ends.</summary>
    private static double[] WhiskerOf(XElement mark)
    {
        string[] parts = Assert.Single(mark.Elements(), e => e.Attribute("class")?.Value == "line").Attribute("d")!.Value.Split('M', StringSplitOptions.RemoveEmptyEntries);
        string[] along = parts[0].Split(' ', 'H');
        return [.. ((string[])[along[0], along[2], .. parts[1..].Select(end => end.Split(' ')[0])]).Select(number => double.Parse(number, CultureInfo.InvariantCulture))];
    }

    [Fact]
    public void A_heat_map_has_a_cell_for_every_row_and_column_coloured_by_its_value()
    {
        XElement drawing = Heat(["none", "a_defense_with_a_very_long_name:and=parameters,that=5,go=on"], ["x", "label_flip:mode=targeted,source=1,target=7,more=8"]);
        XElement[] cells = [.. drawing.Descendants().Where(e => e.Attribute("data-row") is not null)];
        Assert.Equal(["0 0 0", "0 1 100", "1 0 50", "1 1 "], cells.Select(cell => $"{cell.Attribute("data-row")!.Value} {cell.Attribute("data-column")!.Value} {cell.Attribute("data-value")?.Value}"));
        Assert.Equal(ColorRamp.Cividis.At(0), cells[0].Attribute("fill")!.Value);
        Assert.Equal(ColorRamp.Cividis.At(1), cells[1].Attribute("fill")!.Value);
        Assert.Equal(ColorRamp.Cividis.At(0.5), cells[2].Attribute("fill")!.Value);
        Assert.DoesNotContain(cells[3].Attribute("fill")!.Value, cells.Take(3).Select(cell => cell.Attribute("fill")!.Value));
        Assert.Equal("tip 1 1", cells[3].Value);
        AssertInside(drawing);
    }

    [Fact]
    public void A_heat_map_grows_with_its_columns_so_that_cells_keep_their_size()
    {
        double few = Number(Heat(["a"], [.. Enumerable.Range(0, 20).Select(i => $"c{i}")]), "width");
        double many = Number(Heat(["a"], [.. Enumerable.Range(0, 60).Select(i => $"c{i}")]), "width");
        Assert.Equal(40 * Number(Cell(Heat(["a"], ["c"])), "width") + 40, many - few, 0.1);
    }

    [Fact]
    public void Ramps_grow_lighter_all_the_way_and_ink_on_them_has_contrast()
    {
        foreach (ColorRamp ramp in (ColorRamp[])[ColorRamp.Cividis, ColorRamp.Inferno])
        {
            double[] luminance = [.. Enumerable.Range(0, 101).Select(i => Luminance(ramp.At(i / 100.0)))];
            Assert.All(luminance.Zip(luminance.Skip(1)), pair => Assert.True(pair.Second > pair.First - 1e-9));
            Assert.All(Enumerable.Range(0, 101), i => Assert.True(Contrast(luminance[i], Luminance(ramp.InkAt(i / 100.0))) >= 4.5));
            Assert.Equal((ramp.At(0), ramp.At(1)), (ramp.At(-3), ramp.At(7)));
        }
    }

    [Fact]
    public void A_drawing_stands_alone_with_a_white_ground_and_colours_as_attributes()
    {
        XElement drawing = XElement.Parse(new LineChart("Title", "s", new Axis("x"), new Axis("y"), [s_rising, s_partly]).Draw().ToString());
        Assert.Equal("http://www.w3.org/2000/svg", drawing.Name.NamespaceName);
        Assert.Equal("#ffffff", drawing.Elements().First().Attribute("fill")!.Value);
        Assert.All(drawing.Descendants().Where(e => e.Name.LocalName is "path" or "rect" or "text"), e => Assert.NotNull(e.Attribute("fill")));
        Assert.Equal(s_partly.Name, Series(drawing, s_partly.Name).Attribute("data-name")!.Value);
    }

    [Fact]
    public void An_empty_chart_and_one_with_a_single_point_can_be_drawn()
    {
        AssertInside(new LineChart("t", "", new Axis("x", Log: true), new Axis("y", Log: true), []).Draw());
        AssertInside(new LineChart("t", "", new Axis("x", Log: true), new Axis("y"), [s_rising with { Points = [new(30, 5)] }]).Draw());
    }

    private static XElement Heat(string[] rows, string[] columns) => new HeatMap(
        "A title that is longer than a narrow heat map is wide, so that it needs lines", "s", "defense", "attack", rows, columns,
        [.. rows.Select((_, row) => (IReadOnlyList<Cell>)[.. columns.Select((_, column) => new Cell(
            (row, column) switch { (0, 0) => 0, (0, 1) => 100, (1, 0) => 50, _ => null }, "", $"tip {row} {column}"))])], ColorRamp.Cividis, 0, 100).Draw();

    private static XElement Cell(XElement drawing) => drawing.Descendants().First(e => e.Attribute("data-row") is not null);

    private static XElement Series(XElement drawing, string name) =>
        Assert.Single(drawing.Descendants(), e => e.Attribute("class")?.Value.StartsWith("series", StringComparison.Ordinal) == true && e.Attribute("data-name")!.Value == name);

    private static double[][] Places(XElement drawing, string name) => [.. Series(drawing, name).Attribute("data-places")!.Value.Split(';').Select(Numbers)];

    private static double[] Numbers(string text) => [.. text.Split(' ').Select(number => double.Parse(number, CultureInfo.InvariantCulture))];

    private static double Number(XElement element, string attribute) => double.Parse(element.Attribute(attribute)!.Value, CultureInfo.InvariantCulture);

    /// <summary>No text begins or ends outside of the drawing, by the upper estimate of its width, and no coordinate is not a number.</summary>
    private static void AssertInside(XElement drawing)
    {
        (double width, double height) = (Number(drawing, "width"), Number(drawing, "height"));
        Assert.DoesNotContain("NaN", drawing.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain("∞", drawing.ToString(), StringComparison.Ordinal);
        foreach (XElement text in drawing.Descendants().Where(e => e.Name.LocalName == "text"))
        {
            string shown = string.Concat(text.Nodes().OfType<XText>().Select(node => node.Value));
            double length = TextMeasure.Width(shown, Number(text, "font-size"));
            double start = text.Attribute("text-anchor")?.Value switch { "end" => -length, "middle" => -length / 2, _ => 0 };
            (double x, double y) = (Number(text, "x"), Number(text, "y"));
            if (text.Attribute("transform") is not null)
            {
                Assert.True(y - length >= 0, $"{shown} begins above the drawing");
                continue;
            }

            Assert.True(x + start >= 0 && x + start + length <= width + 4, $"{shown} is from {x + start} to {x + start + length} of {width}");
            Assert.InRange(y, 8, height);
        }
    }

    private static double Contrast(double a, double b) => (Math.Max(a, b) + 0.05) / (Math.Min(a, b) + 0.05);

    private static double Luminance(string hex)
    {
        double[] channels = [.. Enumerable.Range(0, 3).Select(i => int.Parse(hex.AsSpan(1 + (2 * i), 2), NumberStyles.HexNumber, CultureInfo.InvariantCulture) / 255.0)];
        double[] linear = [.. channels.Select(channel => channel <= 0.04045 ? channel / 12.92 : Math.Pow((channel + 0.055) / 1.055, 2.4))];
        return (0.2126 * linear[0]) + (0.7152 * linear[1]) + (0.0722 * linear[2]);
    }
}
