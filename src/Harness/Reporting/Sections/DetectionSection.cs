// Whom the defenses reject: precision and recall of detecting malicious clients.
using FlGpu.Harness.Charts;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Reporting.Sections;

internal static class DetectionSection
{
    private static readonly (string Name, string About, Func<AccuracyRow, double?> Of)[] s_rates =
    [
        ("Precision", "malicious among the rejected", row => row.DetectionPrecision),
        ("Recall", "rejected among the malicious", row => row.DetectionRecall),
    ];

    public static Section Of(IReadOnlyList<ResultFolder> folders)
    {
        // A defense that never rejects anybody detects nothing: it has no precision, and its recall of 0 says nothing new.
        var rows = folders.SelectMany(folder =>
        {
            HashSet<string> detecting = [.. folder.Accuracies.Where(row => row.DetectionPrecision is not null).Select(row => row.Defense)];
            return folder.Accuracies.Where(row => row is { Status: RowStatus.Ok, Malicious: > 0 } && detecting.Contains(row.Defense)).Select(row => (Folder: folder, Row: row));
        }).ToList();
        var settings = rows.GroupBy(r => (
            r.Folder, r.Row.Dataset, r.Row.Partition, r.Row.Model, r.Row.Backend, r.Row.Clients, r.Row.Malicious, r.Row.Parameters, r.Row.LocalEpochs, r.Row.LearningRate)).ToList();
        bool manyTrainings = rows.Select(r => (r.Row.LocalEpochs, r.Row.LearningRate)).Distinct().Count() > 1;
        bool manyModels = rows.Select(r => r.Row.Model).Distinct().Count() > 1;
        return new(
            "detection", "Detection of malicious clients",
            "Precision: the part of the rejected clients that is malicious. Recall: the part of the malicious clients that is rejected. "
            + "Both in percent, mean over all rounds and seeds in which they are defined; only of defenses that reject clients.",
            [
                .. from setting in settings
                   let training = Words.Training(setting.Key.LocalEpochs, setting.Key.LearningRate)
                   from rate in s_rates
                   let cells = (IReadOnlyList<(string, string, Cell)>)
                   [
                       .. from place in setting.GroupBy(r => (r.Row.Defense, r.Row.Attack))
                          let values = place.Select(r => rate.Of(r.Row)).OfType<double>().ToList()
                          select (place.Key.Defense, place.Key.Attack, values.Count == 0
                              ? new Cell(null, "", $"{place.Key.Defense} {HeatMapSection.Under(place.Key.Attack)}: nobody was rejected")
                              : HeatMapSection.CellOf(place.Key.Defense, place.Key.Attack, values.Average(), $", {Words.Count(values.Count, "round")}")),
                   ]
                   select new Figure(
                       [
                           ("rate", rate.Name.ToLowerInvariant()), ("folder", setting.Key.Folder.Name), ("data", setting.Key.Dataset), ("partition", setting.Key.Partition),
                           ("model", setting.Key.Model), ("backend", setting.Key.Backend), ("clients", Words.Federation(setting.Key.Clients, setting.Key.Malicious)),
                           ("parameters", Words.Whole(setting.Key.Parameters)), ("training", training),
                       ],
                       HeatMapSection.Draw(
                           $"{rate.Name} of detection, %",
                           Words.Join(
                               rate.About, folders.Count > 1 ? setting.Key.Folder.Name : "", setting.Key.Dataset, setting.Key.Partition, manyModels ? setting.Key.Model : "",
                               Words.Federation(setting.Key.Clients, setting.Key.Malicious), setting.Key.Backend, manyTrainings ? training : ""),
                           cells, ColorRamp.Cividis)),
            ],
            rows.Count == 0 ? [] : [TableOf(rows, manyFolders: folders.Count > 1, manyModels, manyTrainings)]);
    }

    private static ReportTable TableOf(IEnumerable<(ResultFolder Folder, AccuracyRow Row)> rows, bool manyFolders, bool manyModels, bool manyTrainings)
    {
        IReadOnlyList<IReadOnlyList<string>> means =
        [
            .. from r in rows
               group r.Row by (
                   r.Row.Defense, r.Row.Attack, r.Row.Dataset, r.Row.Partition, r.Row.Model, r.Row.Backend, r.Row.Clients, r.Row.Malicious, r.Row.LocalEpochs, r.Row.LearningRate, r.Folder)
               into setting
               select (IReadOnlyList<string>)
               [
                   .. manyFolders ? [setting.Key.Folder.Name] : (string[])[], setting.Key.Defense, setting.Key.Attack, setting.Key.Dataset, setting.Key.Partition,
                   .. manyModels ? [setting.Key.Model] : (string[])[], .. manyTrainings ? [Words.Training(setting.Key.LocalEpochs, setting.Key.LearningRate)] : (string[])[],
                   setting.Key.Backend, Words.Exact(setting.Key.Clients), Words.Exact(setting.Key.Malicious), Words.Exact(setting.Average(row => row.DetectionPrecision)),
                   Words.Exact(setting.Average(row => row.DetectionRecall)), Words.Exact(setting.Average(row => row.DetectionF1)),
                   Words.Exact(setting.Average(row => row.DetectionFalsePositiveRate)),
               ],
        ];
        return new(
            "detection", "Detection by defense and attack: means over rounds and seeds",
            [
                .. manyFolders ? ["folder"] : (string[])[], "defense", "attack", "data", "partition", .. manyModels ? ["model"] : (string[])[],
                .. manyTrainings ? ["training"] : (string[])[], "backend", "clients", "malicious", "precision", "recall", "F1", "false positive rate",
            ],
            means, Filters: means.Count > ReportTable.MostUnfiltered);
    }
}
