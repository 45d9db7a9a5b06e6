// Why a client was kept or rejected, in words.
using System.Globalization;
using FlGpu.Sim;

namespace FlGpu.Harness.Updates;

internal static class RoundReasons
{
    /// <summary>
    /// A reason a client: that its update is not finite, the judgements whose limit it exceeds, its place among the others where there is no
    /// limit. Empty where nothing is to be said.
    /// </summary>
    public static IReadOnlyList<string> Of(AggregatedRound round)
    {
        List<string>[] reasons = [.. round.Clients.Select(client => double.IsFinite(client.Norm) ? new List<string>() : [$"norm {Text(client.Norm)}"])];
        foreach (Judgement judgement in round.Judgements)
        {
            int[] order = [.. Enumerable.Range(0, judgement.Values.Count).Where(i => !double.IsNaN(judgement.Values[i])).OrderBy(i => judgement.Values[i])];
            for (int place = 0; place < order.Length; place++)
            {
                double value = judgement.Values[order[place]];
                if (judgement.Limit is { } limit && value > limit)
                {
                    reasons[order[place]].Add(judgement.YesOrNo ? judgement.Name.Replace('_', ' ') : $"{judgement.Name} {Text(value)} > {Text(limit)}");
                }
                else if (judgement.Limit is null)
                {
                    reasons[order[place]].Add($"{judgement.Name} {Text(value)} ({place + 1} of {order.Length})");
                }
            }
        }

        return [.. reasons.Select(parts => string.Join("; ", parts))];
    }

    /// <summary>Four digits are enough for people; the files have all.</summary>
    public static string Text(double value) => value.ToString("G4", CultureInfo.InvariantCulture);
}
