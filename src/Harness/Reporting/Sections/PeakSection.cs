// How near the code comes to what the machine was measured to be able to do.
using FlGpu.Harness.Charts;

namespace FlGpu.Harness.Reporting.Sections;

internal static class PeakSection
{
    public static Section Of(IReadOnlyList<ResultFolder> folders) => new(
        "peak", "Percent of the machine's peak",
        "What was reached, of the most that was measured on the same machine (column percent_of_peak).",
        [
            .. ResultLines.Of(folders, Along.Clients, leastPlaces: 1, result => result.Row is { PercentOfPeak: { } percent, Clients: { } n } ? new Point(n, percent) : null)
                .SelectMany(group => ResultLines.FiguresOverClients(
                    group, $"Percent of the measured peak: {ResultLines.WordOf(group.Kind)}", new Axis("% of peak", Within: (0, 1)), guide: 100)),
        ],
        []);
}
