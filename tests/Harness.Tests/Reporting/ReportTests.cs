// `flgpu report`: what it reads, what it writes, and what it refuses. What the page does is tested in a browser (tests/browser).
using System.Globalization;
using System.Xml.Linq;
using FlGpu.Harness.Recording;
using FlGpu.Harness.Reporting;
using FlGpu.Harness.Tests.CommandLine;

namespace FlGpu.Harness.Tests.Reporting;

public sealed class ReportTests : IDisposable
{
    private static readonly SummaryRow s_time = new(
        RowKind.Defense, "krum", "none", "", "", "simd", 2, 10, 2, 4810, 87, 1, 1.5, 2, 3, 0.75, null, null, null, null, null, null, null, RowStatus.Ok, "");

    private static readonly SummaryRow s_accuracy = new(
        RowKind.Accuracy, "krum", "alie", "digits", "iid", "simd", null, 30, 6, 4810, null, null, null, null, null, null, null, null, 3, 0.75, 0.01, null, null,
        RowStatus.Ok, "");

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_report_is_a_page_and_a_file_for_each_chart_and_the_page_asks_for_nothing_else()
    {
        WriteSummary("a", [s_time, s_time with { Clients = 20, MedianMs = 8 }, s_accuracy, s_accuracy with { Attack = "backdoor", FinalAttackSuccessMean = 0.5 }]);
        ProgramRun run = ProgramRun.Of("report", _folder["a"]).AssertDone();

        Assert.Equal(["heat-accuracy.svg", "heat-success.svg", "time-clients.svg"], Charts("a"));
        Assert.Contains("3 charts", run.Output, StringComparison.Ordinal);
        string page = Page("a");
        Assert.DoesNotContain("src=", page, StringComparison.Ordinal);
        Assert.DoesNotContain("@import", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<a href=\"http", page, StringComparison.Ordinal);
        Assert.Equal(["time-clients", "heat-accuracy", "heat-success", "rows"], Sections(page));
    }

    [Fact]
    public void A_section_without_data_is_left_out()
    {
        WriteSummary("a", [s_time]);
        ProgramRun.Of("report", _folder["a"]).AssertDone();
        Assert.Equal(["rows"], Sections(Page("a")));
        Assert.False(Directory.Exists(Path.Combine(_folder["a"], "charts")));
    }

    [Fact]
    public void Without_a_summary_one_is_derived_from_the_other_files()
    {
        Directory.CreateDirectory(_folder["a"]);
        using (CsvTable<TimingRow> table = CsvTable<TimingRow>.Create(Path.Combine(_folder["a"], "timings.csv")))
        {
            foreach (int n in (int[])[10, 100])
            {
                table.Write(((double[])[1, 3, 2]).Select((ms, i) => new TimingRow(
                    "r", RowKind.Operation, "row_norms", "", "simd", "CPU", 2, n, 0, 1000, TimingScope.Compute, TimingPhase.Sample, i, n * ms, null, null, null, null, null, RowStatus.Ok, "")));
            }
        }

        ProgramRun.Of("report", _folder["a"]).AssertDone();
        XElement drawing = XDocument.Load(Path.Combine(_folder["a"], "charts", "time-clients.svg")).Root!;
        Assert.Equal("10 20 15 25;100 200 150 250", Assert.Single(drawing.Descendants(), e => e.Attribute("data-points") is not null).Attribute("data-points")!.Value);
        Assert.Contains("timings.csv, 6 rows", Page("a"), StringComparison.Ordinal);
    }

    [Fact]
    public void Files_of_earlier_and_later_versions_lack_or_have_columns_of_numbers_and_are_read_all_the_same()
    {
        Directory.CreateDirectory(_folder["a"]);
        _folder.Write(
            "a/summary.csv",
            "kind,name,attack,dataset,partition,backend,clients,parameters,median_ms,percent_of_peak,news,status,reason\n"
            + "operation,row_norms,,,,simd,10,1000,1.5,42.5,x,ok,\noperation,row_norms,,,,simd,100,1000,15,,y,ok,\n");
        ProgramRun.Of("report", _folder["a"]).AssertDone();
        Assert.Equal(["peak.svg", "time-clients.svg"], Charts("a"));
        Assert.Contains("data-value=\"42.5\"", File.ReadAllText(Path.Combine(_folder["a"], "charts", "peak.svg")), StringComparison.Ordinal);
        Assert.Contains("\"news\"", Page("a"), StringComparison.Ordinal);
    }

    [Fact]
    public void Markup_in_names_and_reasons_is_text()
    {
        const string Evil = "</script><img src=x onerror=alert(1)>&amp;";
        WriteSummary("a", [s_accuracy with { Name = Evil }, s_accuracy with { Name = "b", FinalAccuracyMean = null, Status = RowStatus.Failed, Reason = Evil }]);
        ProgramRun.Of("report", _folder["a"]).AssertDone();
        Assert.DoesNotContain("<img", Page("a"), StringComparison.Ordinal);
        XElement drawing = XDocument.Load(Path.Combine(_folder["a"], "charts", "heat-accuracy.svg")).Root!;
        Assert.Contains(drawing.Descendants(), e => e.Name.LocalName == "title" && e.Value == $"{Evil} under alie: 75.0 % ± 1.0 %, 3 seeds");
        Assert.Contains(drawing.Descendants(), e => e.Name.LocalName == "title" && e.Value == $"b under alie: failed: {Evil}");
    }

    [Fact]
    public void Charts_of_an_earlier_report_go_and_other_drawings_stay()
    {
        WriteSummary("a", [s_accuracy]);
        ProgramRun.Of("report", _folder["a"]).AssertDone();
        _folder.Write("a/charts/mine.svg", "<svg/>\n");
        WriteSummary("a", [s_time, s_time with { Clients = 20 }]);
        ProgramRun.Of("report", _folder["a"]).AssertDone();
        Assert.Equal(["mine.svg", "time-clients.svg"], Charts("a"));
    }

    [Fact]
    public void The_same_files_give_the_same_page_in_any_culture()
    {
        WriteSummary("a", [s_time, s_time with { Clients = 2000, MedianMs = 8.5 }, s_accuracy]);
        ProgramRun.Of("report", _folder["a"]).AssertDone();
        string first = Page("a");
        CultureInfo before = CultureInfo.CurrentCulture;
        try
        {
            // A culture with commas in numbers; real ones are not in a program of invariant globalization.
            var commas = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            commas.NumberFormat.NumberDecimalSeparator = ",";
            commas.NumberFormat.NumberGroupSeparator = ".";
            CultureInfo.CurrentCulture = commas;
            ProgramRun.Of("report", _folder["a"]).AssertDone();
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }

        Assert.Equal(first, Page("a"));
    }

    [Fact]
    public void Times_under_attack_do_not_mix_with_those_without()
    {
        WriteSummary("a", [s_time with { Attack = "alie", MedianMs = 99 }, s_time, s_time with { Attack = "alie", Clients = 20, MedianMs = 99 }, s_time with { Clients = 20 }]);
        ProgramRun.Of("report", _folder["a"]).AssertDone();
        Assert.Contains("data-points=\"10 2 1.5 3;20 2 1.5 3\"", File.ReadAllText(Path.Combine(_folder["a"], "charts", "time-clients.svg")), StringComparison.Ordinal);
    }

    [Fact]
    public void Exponents_of_all_lines_stand_in_order_with_their_intervals_and_the_slope_at_the_end()
    {
        int[] clients = [10, 100, 1000];
        SummaryRow Row(string name, int n, double ms) => s_time with { Name = name, Attack = "", Clients = n, MedianMs = ms, Q1Ms = null, Q3Ms = null };
        WriteSummary(
            "a",
            [
                .. clients.Select(n => Row("square", n, n * (double)n)), .. clients.Select(n => Row("straight", n, n)), .. clients.Select(n => Row("bent", n, n == 10 ? 100 : n)),
                .. clients.Select(n => Row("row_norms", n, n) with { Kind = RowKind.Operation }),
            ]);
        ProgramRun.Of("report", _folder["a"]).AssertDone();
        Assert.Equal(["growth-clients.svg", "time-clients-aggregation.svg", "time-clients-operation.svg"], Charts("a"));
        XElement[] marks = [.. XDocument.Load(Path.Combine(_folder["a"], "charts", "growth-clients.svg")).Root!.Descendants().Where(e => e.Attribute("data-row") is not null)];
        Assert.Equal(["bent", "straight", "square"], marks.Select(mark => mark.Attribute("data-row")!.Value));
        Assert.Equal([0.5, 1, 2], marks.Select(mark => Value(mark, "data-value")), (a, b) => Math.Abs(a - b) < 1e-9);
        // Residuals of 1/6, -1/3, 1/6 decades around b = 1/2; Student's t of 95 % for one degree of freedom is 12.7062.
        Assert.Equal(0.5 - (12.7062 * Math.Sqrt(1.0 / 6 / 2)), Value(marks[0], "data-low"), 1e-3);
        string page = Page("a");
        Assert.Equal(["growth-clients", "time-clients", "rows"], Sections(page));
        Assert.Contains("\"at the end\"", page, StringComparison.Ordinal);

        static double Value(XElement mark, string name) => double.Parse(mark.Attribute(name)!.Value, CultureInfo.InvariantCulture);
    }

    [Fact]
    public void Of_several_partitions_the_times_of_the_first_are_shown_and_a_single_size_is_a_list_of_values()
    {
        SummaryRow row = s_time with { Partition = "iid", PercentOfPeak = 40 };
        WriteSummary(
            "a",
            [
                row, row with { Partition = "shards", PercentOfPeak = 70 }, row with { Name = "median", PercentOfPeak = 80 }, row with { Backend = "cuda:0", MedianMs = 0.5, PercentOfPeak = 10 },
            ]);
        ProgramRun.Of("report", _folder["a"]).AssertDone();
        Assert.Equal(["peak.svg", "speed-up.svg"], Charts("a"));
        Assert.Equal(["krum simd 40", "median simd 80", "krum cuda:0 10"], Marks("peak.svg"));
        Assert.Equal(["krum cuda:0 4"], Marks("speed-up.svg"));

        IEnumerable<string> Marks(string chart) => XDocument.Load(Path.Combine(_folder["a"], "charts", chart)).Root!.Descendants().Where(e => e.Attribute("data-row") is not null)
            .Select(mark => $"{mark.Attribute("data-row")!.Value} {mark.Attribute("data-name")!.Value} {mark.Attribute("data-value")!.Value}");
    }

    [Fact]
    public void Cases_that_failed_come_before_those_that_were_left_out_and_warnings_and_no_column_is_empty()
    {
        WriteSummary(
            "a",
            [
                s_time with { Reason = "stopped after 2 s" }, s_time with { Status = RowStatus.Skipped, Reason = "too few" }, s_time with { Status = RowStatus.Timeout, Reason = "too long" },
                s_time with { Status = RowStatus.Failed, Reason = "wrong", Attack = "" },
            ]);
        ProgramRun.Of("report", _folder["a"]).AssertDone();
        string table = Page("a").Split("data-name=\"problems\"")[1].Split("</script>")[0];
        Assert.Contains("\"columns\":[\"status\",\"kind\",\"name\",\"attack\",\"backend\",\"clients\",\"malicious\",\"parameters\",\"rows\",\"reason\"]", table, StringComparison.Ordinal);
        Assert.Contains("[\"failed\",\"timeout\",\"skipped\",\"ok\"]", table, StringComparison.Ordinal);
        Assert.Contains("[\"wrong\",\"too long\",\"too few\",\"stopped after 2 s\"]", table, StringComparison.Ordinal);
    }

    [Fact]
    public void Seeds_of_other_learning_rates_local_epochs_and_models_do_not_mix()
    {
        AccuracyRow Row(ulong seed, int round, double accuracy, double rate) => new(
            "r", "digits", "iid", "mlp:64-10", 650, 10, 2, "alie", "krum", "simd", seed, round, accuracy, null, null, null, null, 0.5, 0.5, 0.5, 0.5, null, null, null, 1, 1, 1, 1,
            RowStatus.Ok, "", 1, rate);
        Directory.CreateDirectory(_folder["a"]);
        using (CsvTable<AccuracyRow> table = CsvTable<AccuracyRow>.Create(Path.Combine(_folder["a"], "accuracy.csv")))
        {
            foreach (double rate in (double[])[0.1, 0.5])
            {
                table.Write([Row(1, 1, rate, rate), Row(2, 1, rate, rate), Row(1, 2, rate + 0.25, rate), Row(2, 2, rate + 0.25, rate)]);
            }
        }

        ProgramRun.Of("report", _folder["a"]).AssertDone();
        Assert.Equal(
            [
                "accuracy-rounds-1-local-epoch-learning-rate-0.1.svg", "accuracy-rounds-1-local-epoch-learning-rate-0.5.svg",
                "detection-precision-1-local-epoch-learning-rate-0.1.svg", "detection-precision-1-local-epoch-learning-rate-0.5.svg",
                "detection-recall-1-local-epoch-learning-rate-0.1.svg", "detection-recall-1-local-epoch-learning-rate-0.5.svg",
                "heat-accuracy-1-local-epoch-learning-rate-0.1.svg", "heat-accuracy-1-local-epoch-learning-rate-0.5.svg", "round-shares.svg",
            ], Charts("a"));
        string drawn = File.ReadAllText(Path.Combine(_folder["a"], "charts", "accuracy-rounds-1-local-epoch-learning-rate-0.5.svg"));
        Assert.Contains("data-points=\"1 0.5 0.5 0.5;2 0.75 0.75 0.75\"", drawn, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_a_sweep_that_was_killed_in_the_middle_of_a_line_the_whole_lines_are_reported()
    {
        Directory.CreateDirectory(_folder["a"]);
        string path = Path.Combine(_folder["a"], "timings.csv");
        using (CsvTable<TimingRow> table = CsvTable<TimingRow>.Create(path))
        {
            table.Write(Enumerable.Range(0, 3).Select(i => new TimingRow(
                "r", RowKind.Operation, "row_norms", "", "simd", "CPU", 2, 10, 0, 1000, TimingScope.Compute, TimingPhase.Sample, i, 1, null, null, null, null, null, RowStatus.Ok, "")));
        }

        using (FileStream file = new(path, FileMode.Open))
        {
            file.SetLength(file.Length - 20);
        }

        ProgramRun.Of("report", _folder["a"]).AssertDone();
        Assert.Contains("timings.csv, 2 rows", Page("a"), StringComparison.Ordinal);
    }

    [Fact]
    public void Folders_without_rows_make_a_page_that_says_so()
    {
        WriteSummary("a", []);
        Assert.Contains("nothing to draw", ProgramRun.Of("report", _folder["a"]).AssertDone().Output, StringComparison.Ordinal);
        Assert.Contains("There are no rows yet", Page("a"), StringComparison.Ordinal);
    }

    [Fact]
    public void Folders_are_compared_in_the_cases_that_they_share_with_the_first()
    {
        WriteSummary("a", [s_time, s_time with { Clients = 20, MedianMs = 8 }, s_time with { Name = "median" }, s_accuracy]);
        WriteSummary("b", [s_time with { MedianMs = 1, Threads = 64 }, s_time with { Clients = 20, MedianMs = 1 }, s_time with { Clients = 40 }, s_accuracy with { FinalAccuracyMean = 0.5 }]);
        ProgramRun.Of("report", _folder["a"], _folder["b"], "--out", Path.Combine(_folder["both"], "report.html")).AssertDone();
        Assert.Equal(["krum 4 2 8"], Marks("comparison-time-aggregation.svg"));
        Assert.Equal(["krum -25 -25 -25"], Marks("comparison-accuracy.svg"));
        Assert.Contains("\"columns\":[\"name\",\"clients\",\"a ms\",\"b ms\",\"b times as fast\"]", Page("both"), StringComparison.Ordinal);

        IEnumerable<string> Marks(string chart) => XDocument.Load(Path.Combine(_folder["both"], "charts", chart)).Root!.Descendants().Where(e => e.Attribute("data-row") is not null)
            .Select(mark => string.Join(' ', ((string[])["data-row", "data-value", "data-low", "data-high"]).Select(name => mark.Attribute(name)!.Value)));
    }

    [Fact]
    public void What_cannot_be_reported_is_refused_and_nothing_is_written()
    {
        WriteSummary("a", [s_time]);
        Directory.CreateDirectory(_folder["empty"]);
        ProgramRun.Of("report", _folder["missing"]).AssertRefused("missing", "is no folder");
        ProgramRun.Of("report", _folder["empty"]).AssertRefused("empty", "summary.csv, accuracy.csv, timings.csv");
        ProgramRun.Of("report", _folder["a"], Path.Combine(_folder["a"], "..", "a")).AssertRefused("given twice");
        ProgramRun.Of("report", _folder["a"], "--out", _folder["empty"]).AssertRefused("--out", "allowed is a file");
        ProgramRun.Of("report", _folder["a"], "--out", Path.Combine(_folder["a"], "summary.csv", "x.html")).AssertRefused("--out", "is a file");
        ProgramRun.Of("report").AssertRefused("flgpu");
        _folder.Write("empty/summary.csv", "kind,name\noperation,x\n");
        ProgramRun.Of("report", _folder["empty"]).AssertRefused("line 1", "attack", "missing");
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.html*", SearchOption.AllDirectories));
        Assert.Empty(Directory.GetDirectories(_folder.Path, "charts", SearchOption.AllDirectories));
    }

    [Theory]
    [InlineData("/r/quickstart", "quickstart")]
    [InlineData("/a/iid /a/dirichlet", "iid dirichlet")]
    [InlineData("/a/iid /b/iid", "a/iid b/iid")]
    [InlineData("/x/a/iid /y/a/iid /y/b", "x/a/iid y/a/iid y/b")]
    public void Folders_are_named_by_as_much_of_their_paths_as_tells_them_apart(string paths, string names) =>
        Assert.Equal(names.Split(' '), ResultFolder.NamesOf(paths.Split(' ')));

    [Theory]
    [InlineData(1, 1)]
    [InlineData(30, 1)]
    [InlineData(2, 6)]
    [InlineData(7, 3)]
    [InlineData(4, 13)]
    [InlineData(1, 20)]
    public void Lines_of_a_chart_all_look_different_and_every_line_is_in_one_chart(int names, int variants)
    {
        NamedLine[] lines = [.. from variant in Enumerable.Range(0, variants) from name in Enumerable.Range(0, names) select new NamedLine($"n{name}", $"v{variant}", [])];
        var charts = SeriesSplit.Of(lines);
        Assert.Equal(lines.Length, charts.SelectMany(chart => chart.Series).Select(series => series.Name).Distinct().Count());
        Assert.Equal(lines.Length, charts.Sum(chart => chart.Series.Count));
        Assert.All(charts, chart =>
        {
            Assert.True(chart.Series.Count <= Math.Max(12, variants));
            Assert.Equal(chart.Series.Count, chart.Series.Select(series => (series.Style.Hex, series.Style.Line("").Attribute("stroke-dasharray")?.Value)).Distinct().Count());
        });
    }

    private void WriteSummary(string name, IEnumerable<SummaryRow> rows)
    {
        Directory.CreateDirectory(_folder[name]);
        using CsvTable<SummaryRow> table = CsvTable<SummaryRow>.Create(Path.Combine(_folder[name], "summary.csv"));
        table.Write(rows);
    }

    private string Page(string name) => File.ReadAllText(Path.Combine(_folder[name], "report.html"));

    private string[] Charts(string name) =>
        [.. Directory.GetFiles(Path.Combine(_folder[name], "charts")).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];

    private static string[] Sections(string page) => [.. page.Split("<section id=\"").Skip(1).Select(rest => rest.Split('"')[0])];
}
