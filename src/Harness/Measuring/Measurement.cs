// Times one launch again and again until its median can be believed.
using System.Globalization;
using FlGpu.Kernels;

namespace FlGpu.Harness.Measuring;

/// <summary>The times of one launch.</summary>
/// <param name="FirstMs">Milliseconds of the first call, with the compilation and loading of what the process had not used before.</param>
/// <param name="SamplesMs">Milliseconds of each timed call, in order.</param>
/// <param name="Warning">Which goals of the protocol were missed and by how much; null when all were met.</param>
/// <param name="SamplesGpuMs">The same calls as the device measured them; empty without a device timer.</param>
public sealed record MeasurementResult(double FirstMs, IReadOnlyList<double> SamplesMs, string? Warning, IReadOnlyList<double> SamplesGpuMs);

/// <summary>Measures by a <see cref="Protocol"/>.</summary>
public static class Measurement
{
    // Fewer than three samples have no quartiles worth the name.
    private const int FewestSamples = 3;

    // The spread is looked at again when there are this many times as many samples: looking means sorting all of them.
    private const double LookAgainGrowth = 1.1;

    /// <summary>
    /// Times the first call, checks what is to be timed, warms up, then times calls until the protocol's goals are met or its timeout is over. Even after
    /// the timeout there are 3 samples, unless one alone exceeds it. The most samples that the protocol allows are enough without its seconds. The warm-up, too, ends early after the timeout.
    /// </summary>
    /// <param name="run">The launch.</param>
    /// <param name="synchronize">Waits until everything launched has finished.</param>
    /// <param name="restore">Puts the inputs back before each call; it is not timed. Null when a run leaves them alone.</param>
    /// <param name="protocol">How long to measure.</param>
    /// <param name="clock">Tells the time.</param>
    /// <param name="deviceTimer">Measures each call on the device too; null where there is none.</param>
    /// <param name="check">
    /// Called after the first call, which may have compiled what the check would otherwise compile, and before all others; throws where there is
    /// nothing to be timed.
    /// </param>
    public static MeasurementResult Take(
        Action run, Action synchronize, Action? restore, Protocol protocol, IClock clock, IDeviceTimer? deviceTimer = null, Action? check = null)
    {
        double first = TimeOne();
        check?.Invoke();
        double timeoutMs = protocol.TimeoutSeconds * 1000;

        long warmupStart = clock.Timestamp;
        for (int i = 0; i < protocol.Warmups && MsSince(warmupStart) < timeoutMs; i++)
        {
            TimeOne();
        }

        GC.Collect();

        List<double> samples = [];
        List<double> gpuSamples = [];
        double measuredMs = 0;
        double longestMs = 0;
        int lookAt = protocol.MinSamples;
        long start = clock.Timestamp;
        while (true)
        {
            double sample = TimeOne();
            samples.Add(sample);
            if (deviceTimer is not null)
            {
                gpuSamples.Add(deviceTimer.ReadMs());
            }

            measuredMs += sample;
            longestMs = Math.Max(longestMs, sample);

            if (samples.Count >= protocol.MaxSamples)
            {
                return new(first, samples, Shortfall(samples, Math.Max(measuredMs, protocol.MinSeconds * 1000), MsSince(start), protocol), gpuSamples);
            }

            if (samples.Count >= lookAt && measuredMs >= protocol.MinSeconds * 1000)
            {
                if (Quantiles.Of(samples).RelativeIqr < protocol.RelativeIqr)
                {
                    return new(first, samples, null, gpuSamples);
                }

                lookAt = Math.Max(samples.Count + 1, (int)(samples.Count * LookAgainGrowth));
            }

            double elapsedMs = MsSince(start);
            if (elapsedMs >= timeoutMs && (samples.Count >= FewestSamples || longestMs > timeoutMs))
            {
                return new(first, samples, Shortfall(samples, measuredMs, elapsedMs, protocol), gpuSamples);
            }
        }

        double TimeOne()
        {
            if (restore is not null)
            {
                restore();
                // What restoring left in the device's queue must not run on this call's time.
                synchronize();
            }

            deviceTimer?.Start();
            long from = clock.Timestamp;
            run();
            deviceTimer?.Stop();
            synchronize();
            return clock.Milliseconds(from, clock.Timestamp);
        }

        double MsSince(long from) => clock.Milliseconds(from, clock.Timestamp);
    }

    private static string? Shortfall(List<double> samples, double measuredMs, double elapsedMs, Protocol protocol)
    {
        List<string> missed = [];
        if (samples.Count < protocol.MinSamples)
        {
            missed.Add($"{samples.Count} of {protocol.MinSamples} samples");
        }

        if (measuredMs < protocol.MinSeconds * 1000)
        {
            missed.Add(string.Create(CultureInfo.InvariantCulture, $"{measuredMs / 1000:0.###} s of {protocol.MinSeconds} s measured"));
        }

        double spread = Quantiles.Of(samples).RelativeIqr;
        if (spread >= protocol.RelativeIqr)
        {
            missed.Add(string.Create(CultureInfo.InvariantCulture, $"relative IQR {spread * 100:0.##} %, goal below {protocol.RelativeIqr * 100:0.##} %"));
        }

        string after = string.Create(CultureInfo.InvariantCulture, $"stopped after {elapsedMs / 1000:0.###} s: ");
        return missed.Count == 0 ? null : after + string.Join(", ", missed);
    }
}
