// How near the code comes to what the machine was measured to be able to do.
using FlGpu.Harness.Charts;

namespace FlGpu.Harness.Reporting.Sections;

internal static class PeakSection
{
    public static Section Of(IReadOnlyList<ResultFolder> folders) => new(
        "peak", "Percent of the machine's peak",
        "The time that the work would take at the speeds that were measured on the same machine (reading memory, multiply-adds, compare-exchanges), in percent of the time that it took. "
        + "More than 100 % is what the caches give: small matrices are read from them, and faster than from memory.",
        [
            .. ResultLines.Of(folders, Along.Clients, leastPlaces: 1, result => result.Row is { PercentOfPeak: { } percent, Clients: { } n } ? new Point(n, percent) : null)
                .SelectMany(group => ResultLines.FiguresOverClients(
                    group, $"Percent of the measured peak: {ResultLines.WordOf(group.Kind)}", new Axis("% of peak", Within: (0, 1)), guide: 100)),
        ],
        []);
}
