// Shows who was kept and why.
using System.Globalization;
using FlGpu.Sim;
using Spectre.Console;

namespace FlGpu.Harness.Updates;

internal static class RoundScreen
{
    /// <summary>The most clients that are listed; there are more lines only for them than a terminal shows at once.</summary>
    public const int MostListed = 32;

    // The fewer of the kept and the rejected are named as long as that fits beside the other numbers.
    private const int MostNamed = 10;

    /// <summary>A line or more on the result, then a table of clients.</summary>
    public static void Show(AggregatedRound round, Screen screen)
    {
        int n = round.Clients.Count;
        bool weighed = round.Clients[0].Kept is not null;
        string kept = weighed
            ? Kept(round.Clients)
            : "The rule does not weigh whole updates: none is kept or rejected as a whole.";
        screen.Out.WriteLine(
            $"{kept} Norm of the aggregate {RoundReasons.Text(round.AggregateNorm)}. Read in {Ms(round.ReadMs)} ms, aggregated in {Ms(round.AggregateMs)} ms (first call).");

        if (round.Staged)
        {
            screen.Out.WriteLine("Weights are those of the updates as they were sent; scores are of what the stages made of them.");
        }

        if (round.Remembers)
        {
            screen.Out.WriteLine("The rule judges by earlier rounds too; this is taken for the first.");
        }

        IReadOnlyList<string> reasons = RoundReasons.Of(round);
        bool named = round.Clients[0].Name is not null;
        Table table = Screen.Table([.. (string[])(named ? ["client", "file"] : ["client"]), "kept", "weight", "norm", "cosine", "why"]);
        table.Columns[^1].NoWrap = false; // reasons may be long, and a narrow terminal must not cut them
        foreach (AggregatedClient client in Listed(round.Clients))
        {
            string[] cells =
            [
                client.Index.ToString(CultureInfo.InvariantCulture), .. (string[])(named ? [Screen.OneLine(client.Name!)] : []),
                client.Kept is { } isKept ? isKept ? "yes" : "no" : "-", Text(client.Weight), Text(client.Norm), Text(client.Cosine), reasons[client.Index],
            ];
            table.AddRow([.. cells.Select(Markup.Escape)]);
        }

        screen.Console.Write(table);
        if (n > MostListed)
        {
            screen.Out.WriteLine(
                $"{MostListed} of {n} clients are listed: {(weighed ? "rejected ones farthest from the aggregate's direction and kept ones of most weight" : "those farthest from the aggregate's direction")}. --scores FILE has all.");
        }
    }

    private static string Kept(IReadOnlyList<AggregatedClient> clients)
    {
        int[] kept = [.. clients.Where(client => client.Kept == true).Select(client => client.Index)];
        int[] rejected = [.. clients.Where(client => client.Kept != true).Select(client => client.Index)];
        string counts = $"Kept {kept.Length} of {clients.Count} clients";
        return kept.Length is > 0 and <= MostNamed && kept.Length < rejected.Length ? $"{counts}: {string.Join(", ", kept)}."
            : rejected.Length is > 0 and <= MostNamed ? $"{counts}; rejected {string.Join(", ", rejected)}."
            : $"{counts}.";
    }

    private static IEnumerable<AggregatedClient> Listed(IReadOnlyList<AggregatedClient> clients)
    {
        if (clients.Count <= MostListed)
        {
            return clients;
        }

        AggregatedClient[] others = [.. clients.Where(client => client.Kept != true).OrderBy(client => client.Cosine ?? double.NegativeInfinity)];
        AggregatedClient[] kept = [.. clients.Where(client => client.Kept == true).OrderByDescending(client => client.Weight).ThenByDescending(client => client.Cosine)];
        int listedKept = Math.Min(kept.Length, Math.Max(MostListed / 2, MostListed - others.Length));
        return kept.Take(listedKept).Concat(others.Take(MostListed - listedKept)).OrderBy(client => client.Index);
    }

    private static string Text(double? value) => value is { } number ? RoundReasons.Text(number) : "-";

    private static string Ms(double value) => value.ToString("F1", CultureInfo.InvariantCulture);
}
