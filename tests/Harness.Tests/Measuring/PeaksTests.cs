// Peaks: what `flgpu peaks` shows, and that the measured ones can be.
using System.Globalization;
using FlGpu.Harness.Measuring;
using FlGpu.Harness.Tests.CommandLine;
using FlGpu.Kernels;

namespace FlGpu.Harness.Tests.Measuring;

public sealed class PeaksTests
{
    [Fact]
    public void The_command_shows_three_peaks_for_one_thread_and_for_all()
    {
        ProgramRun run = ProgramRun.Of("peaks", "--quick", "--backend", "simd", "--threads", "2");
        if (ProgramRun.IsDebugBuild)
        {
            run.AssertRefused("peaks", "Debug build");
            return;
        }

        run.AssertDone();
        Assert.Equal("backend threads read GB/s multiply-add GFLOP/s compare-exchange G/s device", string.Join(' ', run.Cells[0]));
        string[][] lines = [.. run.Cells.Where(cells => cells[0] == "simd")];
        Assert.Equal(["1", "2"], lines.Select(cells => cells[1]));
        Assert.All(lines, cells => Assert.All(cells[2..5], cell => Assert.True(double.Parse(cell, CultureInfo.InvariantCulture) > 0)));
    }

    // Even a machine without vectors does a hundredth of this machine's peak; none reads, adds or compares a hundred times as fast on one thread.
    [Fact]
    public void Peaks_are_in_the_units_that_they_say()
    {
        using var simd = new SimdBackend(1);
        Peaks? peaks = PeakMeasurement.Of(simd, Protocol.Quick, out string missing);

        Assert.NotNull(peaks);
        Assert.Equal(("simd", 1, ""), (peaks.Backend, peaks.Threads, missing));
        Assert.InRange(peaks.ReadGbPerS, 0.2, 1000);
        Assert.InRange(peaks.MultiplyAddGflopPerS, 0.2, 2000);
        Assert.InRange(peaks.CompareExchangeGPerS, 0.05, 1000);
    }

    [Fact]
    public void The_reference_has_no_peaks()
    {
        using var reference = new ReferenceBackend();

        Assert.Null(PeakMeasurement.Of(reference, Protocol.Quick, out string missing));
        Assert.NotEqual("", missing);
    }
}
