// Which timings a plan leaves out because a call would take too long, as the same with fewer clients tells.
using System.Globalization;
using FlGpu.Harness.Measuring;
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Sweeping;

/// <summary>Learns from timed cases how long larger ones will take.</summary>
/// <param name="longestSeconds">What a call may take; null for any time.</param>
internal sealed class CallLimit(double? longestSeconds)
{
    // With few clients, what a call costs in any case hides how it grows; and two times on a busy machine can be anything, but no rule is worse than cubic.
    private const double LeastExponent = 1;
    private const double MostExponent = 3;

    private readonly Dictionary<object, SortedDictionary<int, double>> _secondsByClients = [];

    /// <summary>Takes in how long the calls of a case took in the middle.</summary>
    public void Learn(SweepCase sweepCase, IEnumerable<TimingRow> rows)
    {
        if (sweepCase is not TimingCase timing)
        {
            return;
        }

        double[] samplesMs = [.. rows.Where(row => row is { Status: RowStatus.Ok, Phase: TimingPhase.Sample }).Select(row => row.WallMs).OfType<double>()];
        if (samplesMs.Length > 0)
        {
            SortedDictionary<int, double> seconds = _secondsByClients.TryGetValue(KeyOf(timing), out var known) ? known : _secondsByClients[KeyOf(timing)] = [];
            // Of several numbers of malicious clients the slowest.
            seconds[timing.Clients] = Math.Max(seconds.GetValueOrDefault(timing.Clients), Quantiles.Of(samplesMs).Median / 1000);
        }
    }

    /// <summary>Why a case is not to be run; null when it is.</summary>
    public string? Exceeded(SweepCase sweepCase)
    {
        if (longestSeconds is not { } longest || sweepCase is not TimingCase { Impossible: null } timing || !_secondsByClients.TryGetValue(KeyOf(timing), out var known))
        {
            return null;
        }

        KeyValuePair<int, double>[] fewer = [.. known.Where(time => time.Key < timing.Clients).TakeLast(2)];
        if (fewer.Length == 0)
        {
            return null;
        }

        (int clients, double seconds) = fewer[^1];
        double exponent = fewer.Length < 2 ? LeastExponent
            : Math.Clamp(Math.Log(seconds / fewer[0].Value) / Math.Log((double)clients / fewer[0].Key), LeastExponent, MostExponent);
        double reckoned = seconds * Math.Pow((double)timing.Clients / clients, exponent);
        return reckoned <= longest ? null : string.Create(
            CultureInfo.InvariantCulture,
            $"a call would take about {reckoned:0.#} s, reckoned from {seconds:0.##} s with {clients} clients; the plan's longest_call_s is {longest}");
    }

    private static object KeyOf(TimingCase timing) => (timing.Backend, timing.Defense is null, timing.Name, timing.Parameters);
}
