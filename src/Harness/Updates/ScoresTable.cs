// A row a client: the file that --scores asks for.
using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;
using FlGpu.Sim;

namespace FlGpu.Harness.Updates;

internal static class ScoresTable
{
    private static readonly string[] s_columns = ["client", "file", "kept", "weight", "norm", "cosine", "distance"];

    /// <summary>
    /// Writes client, file, kept, weight, norm, cosine and distance to the aggregate, a column for each judgement, and the reason in words.
    /// What does not apply is empty.
    /// </summary>
    public static void Write(TextWriter writer, AggregatedRound round)
    {
        IReadOnlyList<string> reasons = RoundReasons.Of(round);
        using var csv = new CsvWriter(writer, new CsvConfiguration(CultureInfo.InvariantCulture) { NewLine = "\n" }, leaveOpen: true);
        WriteRow(csv, [.. s_columns, .. NamesOf(round.Judgements), "reason"]);
        foreach (AggregatedClient client in round.Clients)
        {
            WriteRow(csv,
            [
                client.Index, client.Name, client.Kept is { } kept ? kept ? "true" : "false" : null, client.Weight, client.Norm, client.Cosine, client.Distance,
                .. round.Judgements.Select(judgement => double.IsNaN(judgement.Values[client.Index]) ? null : (object)judgement.Values[client.Index]),
                reasons[client.Index],
            ]);
        }
    }

    // Two stages may have looked at the same: update_norm, update_norm_2.
    private static IEnumerable<string> NamesOf(IReadOnlyList<Judgement> judgements) => judgements.Select((judgement, i) =>
    {
        int before = judgements.Take(i).Count(other => other.Name == judgement.Name);
        return before == 0 ? judgement.Name : string.Create(CultureInfo.InvariantCulture, $"{judgement.Name}_{before + 1}");
    });

    private static void WriteRow(CsvWriter csv, IEnumerable<object?> fields)
    {
        foreach (object? field in fields)
        {
            csv.WriteField(field);
        }

        csv.NextRecord();
    }
}
