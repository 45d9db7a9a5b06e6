// `flgpu peaks`: what this machine reads, multiplies and adds, and compares and exchanges at most in a second.
using System.CommandLine;
using System.Globalization;
using FlGpu.Harness.Measuring;
using FlGpu.Kernels;
using Spectre.Console;

namespace FlGpu.Harness.CommandLine;

internal static class PeaksCommand
{
    public static Command Create(Screen screen)
    {
        var backends = new Option<string>("--backend") { Description = "backends but not reference; all are simd and every GPU", DefaultValueFactory = _ => "all" };
        var quick = new Option<bool>("--quick") { Description = "fewer samples: enough to see a factor of two" };
        Option<string> threads = CommonOptions.Threads();
        var command = new Command("peaks", "Measure the peaks of read bandwidth, multiply-adds and compare-exchanges, on one CPU thread and on all.") { backends, threads, quick };
        command.SetAction(parsed =>
        {
            DebugBuild.Refuse("peaks");
            int count = CommonOptions.ThreadsOf(parsed, threads);
            string names = parsed.GetValue(backends)!;
            IReadOnlyList<string> chosen = names == "all"
                ? [.. Backends.List().Where(listing => listing.Missing is null && listing.Name is not ("reference" or "cpu")).Select(listing => listing.Name)]
                : OptionText.Names("--backend", names, CommonOptions.BackendNames);
            if (chosen.Contains("reference"))
            {
                throw new InputException("--backend: 'reference' has no peaks, it is the definition of right, not of fast; allowed are simd, cpu, cuda[:i], cuda-tensor[:i], opencl[:i] and auto");
            }

            foreach (string name in chosen)
            {
                Backends.Open(name, count).Dispose();
            }

            return Measure(chosen, count, parsed.GetValue(quick) ? Protocol.Quick : PeakMeasurement.Thorough, screen);
        });
        return command;
    }

    private static int Measure(IReadOnlyList<string> names, int threads, Protocol protocol, Screen screen)
    {
        Table table = Screen.Table("backend", "threads", "read GB/s", "multiply-add GFLOP/s", "compare-exchange G/s", "device");
        int failed = 0;
        foreach (string name in names)
        {
            int measured = 0;
            foreach (int count in (int[])[1, threads])
            {
                using Backend backend = Backends.Open(name, count);
                if (backend.Threads == measured)
                {
                    // A GPU has all of its multiprocessors whatever it is told.
                    continue;
                }

                measured = backend.Threads;
                if (PeakMeasurement.Of(backend, protocol, out string missing) is { } peaks)
                {
                    table.AddRow([.. new[]
                    {
                        peaks.Backend, Show(peaks.Threads, "0"), Show(peaks.ReadGbPerS, "0.00"), Show(peaks.MultiplyAddGflopPerS, "0.00"), Show(peaks.CompareExchangeGPerS, "0.00"),
                        backend.Device,
                    }.Select(Markup.Escape)]);
                }
                else
                {
                    failed++;
                    screen.Error.WriteLine($"{backend.Name} with {backend.Threads} threads: failed: {missing}");
                }
            }
        }

        screen.Console.Write(table);
        return failed == 0 ? 0 : 1;
    }

    private static string Show(IFormattable value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
