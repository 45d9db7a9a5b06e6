// When a measurement stops, what it counts and what it says, on a clock that only moves when told.
using System.Diagnostics;
using System.Runtime.CompilerServices;
using FlGpu.Harness.Measuring;
using FlGpu.Harness.Tests.Recording;
using FlGpu.Kernels;

namespace FlGpu.Harness.Tests.Measuring;

public class MeasurementTests
{
    private static readonly Protocol s_protocol = new(MinSamples: 10, MinSeconds: 0.5, RelativeIqr: 0.01, TimeoutSeconds: 15, Warmups: 3);

    private readonly Device _device = new();

    [Fact]
    public void The_protocol_of_the_design_is_the_default()
    {
        Assert.Equal(s_protocol, new Protocol());
        Assert.Equal(new Protocol(MinSamples: 3, MinSeconds: 0.05, RelativeIqr: 0.05, TimeoutSeconds: 2, Warmups: 3, MaxSamples: 200), Protocol.Quick);
    }

    [Fact]
    public void It_stops_when_there_are_enough_samples()
    {
        MeasurementResult result = Take(_ => 100);

        Assert.Equal(Enumerable.Repeat(100.0, 10), result.SamplesMs);
        Assert.Null(result.Warning);
    }

    [Fact]
    public void It_goes_on_until_enough_time_was_measured()
    {
        MeasurementResult result = Take(_ => 10);

        Assert.Equal(50, result.SamplesMs.Count);
        Assert.Null(result.Warning);
    }

    [Fact]
    public void It_goes_on_until_the_spread_is_small()
    {
        // Four slow samples: with 17 in all the third quartile is the 13th, the first time that it is a fast one.
        MeasurementResult result = Take(call => call is >= 4 and < 8 ? 200 : 100);

        Assert.Equal(17, result.SamplesMs.Count);
        Assert.Null(result.Warning);
    }

    [Fact]
    public void The_spread_must_be_below_its_goal_and_not_at_it()
    {
        MeasurementResult result = Take(_ => 100, protocol: s_protocol with { RelativeIqr = 0 });

        Assert.Equal(150, result.SamplesMs.Count);
        Assert.Equal("stopped after 15 s: relative IQR 0 %, goal below 0 %", result.Warning);
    }

    [Fact]
    public void The_most_samples_are_enough_however_little_time_they_took()
    {
        MeasurementResult settled = Take(_ => 1, protocol: s_protocol with { MaxSamples = 40 });
        MeasurementResult restless = Take(call => call % 2 == 0 ? 1 : 2, protocol: s_protocol with { MaxSamples = 40 });

        Assert.Equal(40, settled.SamplesMs.Count);
        Assert.Null(settled.Warning);
        Assert.Equal(40, restless.SamplesMs.Count);
        Assert.Contains("relative IQR 66.67 %", restless.Warning);
    }

    [Fact]
    public void The_timeout_ends_a_measurement_that_never_settles()
    {
        MeasurementResult result = Take(call => call % 2 == 0 ? 100 : 200);

        Assert.Equal(100, result.SamplesMs.Count);
        Assert.Equal("stopped after 15 s: relative IQR 66.67 %, goal below 1 %", result.Warning);
    }

    [Fact]
    public void The_timeout_ends_a_measurement_with_too_few_samples()
    {
        MeasurementResult result = Take(_ => 2000);

        Assert.Equal(8, result.SamplesMs.Count);
        Assert.Equal("stopped after 16 s: 8 of 10 samples", result.Warning);
    }

    [Fact]
    public void The_timeout_is_of_wall_time_with_restoring_in_it()
    {
        MeasurementResult result = Take(_ => 1, restoreMs: 1000);

        Assert.Equal(Enumerable.Repeat(1.0, 15), result.SamplesMs);
        Assert.Equal("stopped after 15.015 s: 0.015 s of 0.5 s measured", result.Warning);
    }

    [Fact]
    public void Every_missed_goal_is_told_in_every_culture()
    {
        using CommaCulture culture = new();
        MeasurementResult result = Take(call => call % 2 == 0 ? 1 : 3, restoreMs: 2000, protocol: s_protocol with { RelativeIqr = 0.025 });

        // Eight samples, half of them 1 ms and half 3 ms: quartiles 1 and 3, median 2.
        Assert.Equal("stopped after 16.016 s: 8 of 10 samples, 0.016 s of 0.5 s measured, relative IQR 100 %, goal below 2.5 %", result.Warning);
    }

    [Fact]
    public void A_measurement_that_meets_its_goals_as_the_time_runs_out_has_no_warning() =>
        Assert.Null(Take(_ => 1500).Warning);

    [Fact]
    public void Slow_runs_get_three_samples_in_spite_of_the_timeout()
    {
        MeasurementResult result = Take(call => call == 0 ? 40_000 : 10_000);

        Assert.Equal([10_000, 10_000, 10_000], result.SamplesMs);
        Assert.Equal("stopped after 30 s: 3 of 10 samples", result.Warning);
    }

    [Fact]
    public void Runs_longer_than_the_timeout_get_one_warm_up_and_one_sample()
    {
        MeasurementResult result = Take(_ => 20_000);

        Assert.Equal(20_000, result.FirstMs);
        Assert.Equal([20_000], result.SamplesMs);
        Assert.Equal("stopped after 20 s: 1 of 10 samples", result.Warning);
        Assert.Equal(3, _device.Runs);
    }

    [Fact]
    public void The_first_call_is_apart_and_warm_ups_are_not_counted()
    {
        MeasurementResult result = Take(call => call == 0 ? 5000 : call <= 3 ? 300 : 100);

        Assert.Equal(5000, result.FirstMs);
        Assert.Equal(Enumerable.Repeat(100.0, 10), result.SamplesMs);
        Assert.Equal(1 + 3 + 10, _device.Runs);
    }

    [Fact]
    public void What_is_to_be_timed_is_checked_after_the_first_call_whose_time_is_its_own()
    {
        int runsBefore = 0;
        MeasurementResult result = Measurement.Take(
            () => _device.Run(_ => 100), _device.Synchronize, restore: null, s_protocol, _device, check: () =>
            {
                runsBefore = _device.Runs;
                _device.Restore(7000);
                _device.Synchronize();
            });

        Assert.Equal(1, runsBefore);
        Assert.Equal(100, result.FirstMs);
        Assert.Equal(Enumerable.Repeat(100.0, 10), result.SamplesMs);
    }

    [Fact]
    public void What_fails_its_check_is_not_called_again()
    {
        Assert.Throws<InvalidDataException>(() => Measurement.Take(
            () => _device.Run(_ => 100), _device.Synchronize, restore: null, s_protocol, _device, check: () => throw new InvalidDataException()));
        Assert.Equal(1, _device.Runs);
    }

    [Fact]
    public void Every_call_works_on_restored_inputs_and_restoring_is_not_timed()
    {
        MeasurementResult result = Take(_ => 100, restoreMs: 70);

        Assert.Equal(100, result.FirstMs);
        Assert.Equal(Enumerable.Repeat(100.0, 10), result.SamplesMs);
        Assert.Equal(string.Concat(Enumerable.Repeat("restore run ", 14)), _device.Log);
    }

    [Fact]
    public void Garbage_is_collected_before_the_samples()
    {
        WeakReference? garbage = null;
        bool aliveInWarmup = false;
        bool? aliveInSample = null;
        Take(call =>
        {
            switch (call)
            {
                case 0:
                    garbage = Garbage();
                    break;
                case 3:
                    aliveInWarmup = garbage!.IsAlive;
                    break;
                case 4:
                    aliveInSample = garbage!.IsAlive;
                    break;
            }

            return 100;
        });

        Assert.True(aliveInWarmup);
        Assert.False(aliveInSample);
    }

    [Fact]
    public void The_stopwatch_counts_in_milliseconds()
    {
        StopwatchClock clock = new();

        Assert.Equal(1500, clock.Milliseconds(7, 7 + (Stopwatch.Frequency * 3 / 2)));
        Assert.InRange(clock.Timestamp, Stopwatch.GetTimestamp() - Stopwatch.Frequency, Stopwatch.GetTimestamp());
    }

    [Fact]
    public void A_device_timer_spans_each_run_and_not_its_restoring()
    {
        MeasurementResult result = Measurement.Take(
            () => _device.Run(_ => 100), _device.Synchronize, () => _device.Restore(30), s_protocol, _device, new QueueTimer(_device));

        Assert.Equal(result.SamplesMs, result.SamplesGpuMs);
        Assert.All(result.SamplesGpuMs, ms => Assert.Equal(100, ms));
    }

    [Fact]
    public void Without_a_device_timer_there_are_no_times_of_the_device() => Assert.Empty(Take(_ => 100).SamplesGpuMs);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference Garbage() => new(new object());

    private MeasurementResult Take(Func<int, int> runMs, int restoreMs = 0, Protocol? protocol = null) => Measurement.Take(
        () => _device.Run(runMs), _device.Synchronize, restoreMs > 0 ? () => _device.Restore(restoreMs) : null, protocol ?? s_protocol, _device);

    /// <summary>Markers in the queue of the device below: they are passed when everything queued before them is done.</summary>
    private sealed class QueueTimer(Device device) : IDeviceTimer
    {
        private long _start;
        private long _stop;

        public void Start() => _start = device.QueueEnd;

        public void Stop() => _stop = device.QueueEnd;

        public double ReadMs() => _stop - _start;
    }

    /// <summary>A device with a queue: launching takes no time, waiting for what was launched does.</summary>
    private sealed class Device : IClock
    {
        private long _queuedMs;

        public long Timestamp { get; private set; } = 1_000_000;

        public long QueueEnd => Timestamp + _queuedMs;

        public int Runs { get; private set; }

        public string Log { get; private set; } = "";

        public double Milliseconds(long from, long to) => to - from;

        public void Run(Func<int, int> runMs)
        {
            Log += "run ";
            _queuedMs += runMs(Runs);
            Runs++;
        }

        public void Restore(int restoreMs)
        {
            Log += "restore ";
            _queuedMs += restoreMs;
        }

        public void Synchronize()
        {
            Timestamp += _queuedMs;
            _queuedMs = 0;
        }
    }
}
