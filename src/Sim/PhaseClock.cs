// Measures the phases of a round: by the wall clock and, where there is one, by the device's own.
using System.Diagnostics;
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Measures what runs on one backend.</summary>
internal sealed class PhaseClock(Backend backend)
{
    private readonly IDeviceTimer? _timer = backend.CreateDeviceTimer();

    /// <summary>What no time at all is here.</summary>
    public Phase Nothing => new(0, default, _timer is null ? null : 0);

    /// <summary>Runs a phase to its end on the device.</summary>
    public Phase Measure(Action phase)
    {
        Work before = backend.Done;
        long start = Stopwatch.GetTimestamp();
        _timer?.Start();
        phase();
        _timer?.Stop();
        backend.Synchronize();
        return new(Stopwatch.GetElapsedTime(start).TotalMilliseconds, backend.Done - before, _timer?.ReadMs());
    }
}
