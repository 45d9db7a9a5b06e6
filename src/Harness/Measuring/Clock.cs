// Where measured time comes from, so that tests can bring a clock of their own.
using System.Diagnostics;

namespace FlGpu.Harness.Measuring;

/// <summary>A clock that never goes backwards.</summary>
public interface IClock
{
    /// <summary>Now, in ticks of an unspecified length.</summary>
    long Timestamp { get; }

    /// <summary>The milliseconds between two timestamps.</summary>
    double Milliseconds(long from, long to);
}

/// <summary>The finest clock of the machine.</summary>
public sealed class StopwatchClock : IClock
{
    /// <inheritdoc/>
    public long Timestamp => Stopwatch.GetTimestamp();

    /// <inheritdoc/>
    public double Milliseconds(long from, long to) => (to - from) * 1000.0 / Stopwatch.Frequency;
}
