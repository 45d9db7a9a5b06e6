// Measures a backend's peaks with the three operations that were made for it.
using FlGpu.Kernels;

namespace FlGpu.Harness.Measuring;

/// <summary>Takes <see cref="Peaks"/> in about a second.</summary>
internal static class PeakMeasurement
{
    // 256 MiB or more: much more than the last-level cache of a socket.
    private const int FewestReadRows = 4096;
    private const int MostReadRows = 8 * FewestReadRows;
    private const int ReadColumns = 16_384;
    private const double ReadCallMs = 2;

    // For each CPU thread or multiprocessor: a GPU's has 2,048 threads, a vector tile of multiply-adds 192 chains.
    private const int Chains = 3 * 2048;
    private const int MostRounds = 1 << 20;

    // Short enough that some calls are not interrupted on a busy machine.
    private const double ArithmeticCallMs = 3;

    // A short call says little about a call that is much longer, and what takes so long on little is not held up by the memory.
    private const int MostGrowth = 64;
    private const double LongCallMs = 100;

    private static readonly RngKey s_key = RngKey.FromSeed(93);

    // One call after the first, to see how long it takes.
    private static readonly Protocol s_look = new(MinSamples: 1, MinSeconds: 0, RelativeIqr: double.PositiveInfinity, Warmups: 0);

    /// <summary>For runs that are about the peaks.</summary>
    public static Protocol Thorough { get; } = new(MinSeconds: 0.5, TimeoutSeconds: 2);

    /// <summary>For runs that are about something else.</summary>
    public static Protocol Brief { get; } = new(MinSeconds: 0.1, RelativeIqr: 0.05, TimeoutSeconds: 1);

    /// <summary>The peaks of those of the named backends that have any.</summary>
    public static IReadOnlyList<Peaks> OfAll(IEnumerable<string> backends, int threads, Protocol protocol)
    {
        List<Peaks> all = [];
        foreach (string name in backends.Distinct())
        {
            using Backend backend = Backends.Open(name, threads);
            if (Of(backend, protocol, out _) is { } peaks)
            {
                all.Add(peaks);
            }
        }

        return all;
    }

    /// <summary>The peaks of a backend: of each probe the fastest call. Null with the reason where it has none, or computes something else than the reference.</summary>
    public static Peaks? Of(Backend backend, Protocol protocol, out string missing)
    {
        missing = "";
        if (backend is ReferenceBackend)
        {
            missing = "the reference is the definition of right, not of fast";
            return null;
        }

        try
        {
            double read = MostPerNs<ReadAll>(backend, FewestReadRows, MostReadRows, ReadColumns, ReadCallMs, protocol, work => work.BytesRead);
            double flops = MostPerNs<MultiplyAdds>(backend, 1, MostRounds, Chains * backend.Threads, ArithmeticCallMs, protocol, work => work.Flops);
            double exchanges = MostPerNs<CompareExchanges>(backend, 1, MostRounds, Chains * backend.Threads, ArithmeticCallMs, protocol, work => work.CompareExchanges);
            return new(backend.Name, backend.Threads, read, flops, exchanges);
        }
        catch (WrongProbeException wrong)
        {
            missing = wrong.Message;
        }
        catch (OutOfMemoryException)
        {
            missing = "not enough memory for a matrix much larger than the caches";
        }

        return null;
    }

    private static double MostPerNs<TOperation>(
        Backend backend, int fewest, int most, int parameters, double callMs, Protocol protocol, Func<Work, long> work) where TOperation : struct, IOperation
    {
        string name = Operations.NameOf(typeof(TOperation));
        if (!Conformance.Compare(Operations.All.Single(operation => operation.Name == name), backend, clients: 5, parameters: 1000, s_key).Passed)
        {
            throw new WrongProbeException($"{name} differs from the reference");
        }

        int size = Math.Max(1, fewest / MostGrowth);
        while (true)
        {
            using Prepared prepared = TOperation.Prepare(backend, size, parameters, s_key);
            double ms = Measurement.Take(prepared.Run, backend.Synchronize, restore: null, s_look, new StopwatchClock()).SamplesMs.Min();
            if ((ms >= callMs / 2 && size >= fewest) || ms >= LongCallMs || size == most)
            {
                MeasurementResult result = Measurement.Take(prepared.Run, backend.Synchronize, restore: null, protocol, new StopwatchClock());
                return work(prepared.Cost) / (result.SamplesMs.Min() * 1e6);
            }

            size = (int)Math.Clamp(size * Math.Clamp(callMs / ms, 2, MostGrowth), fewest, most);
        }
    }

    private sealed class WrongProbeException(string message) : Exception(message);
}
