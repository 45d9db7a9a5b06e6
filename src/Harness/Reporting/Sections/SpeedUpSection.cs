// What each backend gains over the vector code of the CPU.
using FlGpu.Harness.Charts;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Reporting.Sections;

internal static class SpeedUpSection
{
    private const string Baseline = "simd";

    public static Section Of(IReadOnlyList<ResultFolder> folders)
    {
        Dictionary<object, double> baseline = folders.SelectMany(folder => folder.Results)
            .Where(r => r.Row.Backend == Baseline && r.Row.MedianMs is not null)
            .GroupBy(KeyOf)
            // Of several numbers of threads the fastest: a gain over half a CPU is none.
            .ToDictionary(group => group.Key, group => group.Min(r => r.Row.MedianMs!.Value));
        IReadOnlyList<LineGroup> groups = ResultLines.Of(
            folders, Along.Clients, leastPlaces: 1,
            result => result.Row.Backend != Baseline && result.Row is { MedianMs: { } ms, Clients: { } n } && baseline.TryGetValue(KeyOf(result), out double baselineMs)
                ? new Point(n, baselineMs / ms)
                : null);
        return new(
            "speed-up", $"Speed-up over {Baseline}",
            $"Median time of {Baseline} in the same folder divided by that of the backend, for the same work: 2 is twice as fast, 0.5 half as fast.",
            [
                .. groups.SelectMany(group => ResultLines.FiguresOverClients(
                    group, $"Speed-up over {Baseline}: {ResultLines.WordOf(group.Kind)}", new Axis($"times as fast as {Baseline}", Log: true, Within: (0.9, 1.1)), guide: 1)),
            ],
            []);
    }

    private static object KeyOf(Result result) =>
        (result.Folder, result.Row.Kind, result.Row.Name, result.Row.Attack, result.Row.Clients, result.Row.Malicious, result.Row.Parameters);
}
