// The rules of a measurement: how often something is run before its time is believed.
namespace FlGpu.Harness.Measuring;

/// <summary>How long to measure.</summary>
/// <param name="MinSamples">Timed calls at least.</param>
/// <param name="MinSeconds">Seconds that the timed calls take together at least.</param>
/// <param name="RelativeIqr">The spread to get below: (q3 - q1) / median, 0.01 is 1 %.</param>
/// <param name="TimeoutSeconds">Seconds of wall time after which to give up on the above.</param>
/// <param name="Warmups">Calls before the first timed sample that are not timed.</param>
/// <param name="MaxSamples">Timed calls at most; so many of a short call say enough, however little time they took.</param>
public sealed record Protocol(
    int MinSamples = 10, double MinSeconds = 0.5, double RelativeIqr = 0.01, double TimeoutSeconds = 15, int Warmups = 3, int MaxSamples = 10_000)
{
    /// <summary>For a first look: good enough to see a factor of two. The median of 200 calls is known better than that.</summary>
    public static Protocol Quick { get; } = new(MinSamples: 3, MinSeconds: 0.05, RelativeIqr: 0.05, TimeoutSeconds: 2, MaxSamples: 200);
}
