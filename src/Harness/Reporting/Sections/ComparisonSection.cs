// Folders side by side: what the others have in common with the first, and how far they are from it (two machines, two commits).
using FlGpu.Harness.Charts;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Reporting.Sections;

internal static class ComparisonSection
{
    public static Section Of(IReadOnlyList<ResultFolder> folders)
    {
        IReadOnlyList<Case> times = CasesOf(folders, row => row.MedianMs is > 0 ? row.MedianMs : null);
        IReadOnlyList<Case> accuracies = CasesOf(folders, row => row.FinalAccuracyMean);
        string first = folders[0].Name;
        return new(
            "comparison", $"Compared with {first}",
            "What the first folder and another have in common: the same cases, whatever the machine. Times: how many times as fast as in the first, the geometric mean over all sizes and attacks; "
            + "2 is half the time. Accuracy: how many percent points more than in the first, the mean over all settings. Whiskers reach from the least case to the most.",
            [
                .. times.GroupBy(one => one.Row.Kind).Select(kind => new Figure(
                    [("of", $"time: {ResultLines.WordOf(kind.Key)}")],
                    Draw(
                        $"Speed compared with {first}: {ResultLines.WordOf(kind.Key)}", new Axis($"times as fast as {first}", Log: true, Within: (0.9, 1.1)), 1, [.. kind], folders,
                        (value, reference) => reference / value, ratios => Math.Exp(ratios.Average(Math.Log)), ratio => $"{Words.Short(ratio)} times as fast"))),
                .. accuracies.Count == 0 ? [] : (Figure[])
                [
                    new(
                        [("of", "accuracy")],
                        Draw(
                            $"Accuracy compared with {first}", new Axis($"percent points more than {first}", Within: (-1, 1)), 0, accuracies, folders,
                            (value, reference) => 100 * (value - reference), differences => differences.Average(), difference => $"{Words.Short(difference)} points")),
                ],
            ],
            [
                .. times.Count == 0 ? [] : (ReportTable[])
                [
                    TableOf("compared-times", "Median milliseconds of the same work", "ms", "times as fast", times, folders, (value, reference) => reference / value),
                ],
                .. accuracies.Count == 0 ? [] : (ReportTable[])
                [
                    TableOf("compared-accuracies", "Accuracy after the last round of the same training", "accuracy", "more", accuracies, folders, (value, reference) => value - reference),
                ],
            ]);
    }

    // Of several numbers of threads the fastest. Two machines need not have as many.
    private static IReadOnlyList<Case> CasesOf(IReadOnlyList<ResultFolder> folders, Func<SummaryRow, double?> valueOf) =>
    [
        .. from result in folders.SelectMany(folder => folder.Results)
           where valueOf(result.Row) is not null
           group result by (
               result.Row.Kind, result.Row.Name, result.Row.Attack, result.Row.Dataset, result.Row.Partition, result.Row.Model, result.Row.Backend, result.Row.Clients,
               result.Row.Malicious, result.Row.Parameters, result.Row.LocalEpochs, result.Row.LearningRate)
           into same
           let values = same.GroupBy(result => result.Folder).ToDictionary(of => of.Key, of => of.Min(result => valueOf(result.Row)!.Value))
           where values.Count > 1 && values.ContainsKey(folders[0])
           select new Case(same.First().Row, values),
    ];

    private static System.Xml.Linq.XElement Draw(
        string title, Axis axis, double guide, IReadOnlyList<Case> cases, IReadOnlyList<ResultFolder> folders, Func<double, double, double> compare,
        Func<IEnumerable<double>, double> middle, Func<double, string> say)
    {
        bool manyBackends = cases.Select(one => one.Row.Backend).Distinct().Count() > 1;
        ResultFolder[] others = [.. folders.Skip(1).Where(folder => cases.Any(one => one.Values.ContainsKey(folder)))];
        return new IntervalChart(
            title, Words.Join(others.Length == 1 ? others[0].Name : "", Words.Count(cases.Count, "case"), manyBackends ? "" : cases[0].Row.Backend), axis, guide,
            [.. others.Select(folder => folder.Name)],
            [
                .. cases.GroupBy(one => Words.Join(one.Row.Name, manyBackends ? one.Row.Backend : "")).Select(row => new IntervalRow(row.Key,
                [
                    .. from folder in others
                       let compared = row.Where(one => one.Values.ContainsKey(folder)).Select(one => compare(one.Values[folder], one.Values[folders[0]])).ToList()
                       where compared.Count > 0
                       select new Interval(
                           folder.Name, middle(compared), compared.Min(), compared.Max(),
                           $"{row.Key} · {folder.Name}: {say(middle(compared))}, from {Words.Short(compared.Min())} to {Words.Short(compared.Max())} in {Words.Count(compared.Count, "case")}"),
                ])),
            ]).Draw();
    }

    private static ReportTable TableOf(
        string name, string caption, string unit, string compared, IReadOnlyList<Case> cases, IReadOnlyList<ResultFolder> folders, Func<double, double, double> compare)
    {
        (string Column, Func<SummaryRow, string> Of)[] settings =
        [
            ("kind", row => Words.Of(row.Kind)), ("name", row => row.Name), ("attack", row => row.Attack), ("data", row => row.Dataset), ("partition", row => row.Partition),
            ("model", row => row.Model), ("training", row => Words.Training(row.LocalEpochs, row.LearningRate)), ("backend", row => row.Backend),
            ("clients", row => Words.Exact(row.Clients)), ("malicious", row => Words.Exact(row.Malicious)), ("parameters", row => Words.Exact(row.Parameters)),
        ];
        // What is the same everywhere only takes the room of the numbers.
        settings = [.. settings.Where(setting => setting.Column == "name" || cases.Select(one => setting.Of(one.Row)).Distinct().Count() > 1)];
        return new(
            name, $"{caption}, {Words.Count(cases.Count, "case")}",
            [.. settings.Select(setting => setting.Column), .. folders.Select(folder => $"{folder.Name} {unit}"), .. folders.Skip(1).Select(folder => $"{folder.Name} {compared}")],
            [
                .. cases.Select(one => (IReadOnlyList<string>)
                [
                    .. settings.Select(setting => setting.Of(one.Row)),
                    .. folders.Select(folder => one.Values.TryGetValue(folder, out double value) ? Words.Exact(value) : ""),
                    .. folders.Skip(1).Select(folder => one.Values.TryGetValue(folder, out double value) ? Words.Exact(compare(value, one.Values[folders[0]])) : ""),
                ]),
            ],
            Filters: cases.Count > ReportTable.MostUnfiltered);
    }

    private sealed record Case(SummaryRow Row, IReadOnlyDictionary<ResultFolder, double> Values);
}
