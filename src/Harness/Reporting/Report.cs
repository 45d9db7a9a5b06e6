// The report of one folder of results or several: what `flgpu report` writes, and every sweep at its end.
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using FlGpu.Harness.Recording;
using FlGpu.Harness.Reporting.Sections;
using FlGpu.Kernels;

namespace FlGpu.Harness.Reporting;

/// <summary>Sections that have something to show, in the order of the page.</summary>
public sealed class Report
{
    /// <summary>The name of the page in a folder of results.</summary>
    public const string PageName = "report.html";

    private const string ChartsFolder = "charts";
    private const string Mark = "<!-- drawn by flgpu report -->";

    private readonly IReadOnlyList<ResultFolder> _folders;
    private readonly IReadOnlyList<Section> _sections;

    private Report(IReadOnlyList<ResultFolder> folders)
    {
        _folders = folders;
        Section[] all =
        [
            ComparisonSection.Of(folders), ScalingSection.Exponents(folders, Along.Clients), ScalingSection.Times(folders, Along.Clients), ScalingSection.Exponents(folders, Along.Parameters),
            ScalingSection.Times(folders, Along.Parameters), SpeedUpSection.Of(folders), HeatMapSection.Accuracy(folders), HeatMapSection.AttackSuccess(folders),
            RoundsSection.Accuracy(folders), RoundsSection.AttackSuccess(folders), DetectionSection.Of(folders), RoundShareSection.Of(folders), PeakSection.Of(folders),
            TableSections.Problems(folders), TableSections.Rows(folders),
            TableSections.Environment(folders),
        ];
        _sections = [.. all.Where(section => section.HasData)];
    }

    /// <summary>How many charts it has.</summary>
    public int Charts => _sections.Sum(section => section.Figures.Count);

    /// <summary>Reads folders and builds their report; several are compared.</summary>
    /// <exception cref="InputException">A folder is missing or holds nothing that can be read.</exception>
    public static Report Of(IReadOnlyList<string> folders) => new(ResultFolder.ReadAll(folders));

    /// <summary>
    /// Writes the page, and each chart as an .svg file into the folder "charts" beside it, where charts of an earlier report are removed.
    /// </summary>
    /// <exception cref="InputException">The files cannot be written.</exception>
    public void WriteTo(string path)
    {
        try
        {
            string charts = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path))!, ChartsFolder);
            IReadOnlyList<(string Name, XElement Drawing)> drawings = Drawings();
            RemoveOld(charts);
            if (drawings.Count > 0)
            {
                Directory.CreateDirectory(charts);
            }

            foreach ((string name, XElement drawing) in drawings)
            {
                File.WriteAllText(Path.Combine(charts, name), $"{Mark}\n{drawing.ToString(SaveOptions.DisableFormatting)}\n");
            }

            // Last, and whole or not at all.
            string half = path + ".part";
            File.WriteAllText(half, HtmlPage.Of(Title, Facts, _sections));
            File.Move(half, path, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"--out {path}: the report cannot be written: {e.Message}");
        }
    }

    private string Title => $"FlGpu: {string.Join(" and ", _folders.Select(folder => folder.Name))}";

    private IReadOnlyList<string> Facts =>
    [
        .. _folders.Select(folder =>
        {
            IReadOnlyList<SummaryRow> rows = [.. folder.Results.Select(result => result.Row)];
            int idle = rows.Count(row => row.Status != RowStatus.Ok);
            return Words.Join(
                _folders.Count > 1 ? folder.Name : "", $"{Words.Count(rows.Count, "configuration")}{(idle > 0 ? $", {Words.Whole(idle)} of them without result" : rows.Count > 0 ? ", all with a result" : "")}",
                Fact(folder, "host", "cpu_model"), Fact(folder, "host", "logical_cores") is { Length: > 0 } cores ? $"{cores} logical cores" : "",
                GpusOf(folder), Fact(folder, "build", "kernel_runtime"),
                Fact(folder, "git", "revision") is { Length: > 8 } revision
                    ? $"revision {revision[..8]}{(Fact(folder, "git", "dirty") == "True" ? ", changed" : "")}" : "",
                Fact(folder, "utc").Split('T')[0]);
        }),
    ];

    private static string GpusOf(ResultFolder folder) =>
        folder.Environment is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("gpus", out JsonElement gpus) && gpus.ValueKind == JsonValueKind.Array
            ? string.Join(", ", gpus.EnumerateArray().Select(gpu => gpu.TryGetProperty("device", out JsonElement device) ? $"{device}" : ""))
            : "";

    private static string Fact(ResultFolder folder, params string[] path)
    {
        JsonElement? element = folder.Environment;
        foreach (string key in path)
        {
            element = element is { ValueKind: JsonValueKind.Object } holder && holder.TryGetProperty(key, out JsonElement value) ? value : null;
        }

        return element?.ToString() ?? "";
    }

    // The section and the facets in which its charts differ: accuracy-rounds-10-label_flip.svg.
    private List<(string Name, XElement Drawing)> Drawings()
    {
        List<(string Name, XElement Drawing)> drawings = [];
        foreach (Section section in _sections)
        {
            HashSet<string> varying =
            [
                .. section.Figures.SelectMany(figure => figure.Facets).GroupBy(facet => facet.Facet)
                    .Where(facet => facet.Select(f => f.Value).Distinct().Count() > 1).Select(facet => facet.Key),
            ];
            foreach (Figure figure in section.Figures)
            {
                string name = FileName([section.Id, .. figure.Facets.Where(facet => varying.Contains(facet.Facet)).Select(facet => facet.Value)]);
                int same = drawings.Count(drawing => drawing.Name == $"{name}.svg" || drawing.Name.StartsWith($"{name}--", StringComparison.Ordinal));
                drawings.Add(($"{name}{(same > 0 ? $"--{same + 1}" : "")}.svg", figure.Drawing));
            }
        }

        return drawings;
    }

    private static string FileName(IEnumerable<string> parts)
    {
        const int MostLength = 120;
        StringBuilder name = new();
        foreach (char character in string.Join('-', parts.Where(part => part != "")))
        {
            char kept = char.IsAsciiLetterOrDigit(character) || character is '_' or '.' ? character : '-';
            if (character != ',' && (kept != '-' || (name.Length > 0 && name[^1] != '-')))
            {
                name.Append(char.ToLower(kept, CultureInfo.InvariantCulture));
            }
        }

        return name.ToString(0, Math.Min(name.Length, MostLength)).Trim('-', '.');
    }

    // Only files that begin with the mark: somebody else's drawings may lie in a folder of that name.
    private static void RemoveOld(string charts)
    {
        foreach (string file in Directory.Exists(charts) ? Directory.GetFiles(charts, "*.svg") : [])
        {
            if (File.ReadLines(file).FirstOrDefault() == Mark)
            {
                File.Delete(file);
            }
        }
    }
}
