// How much memory a case takes: it is set up on a backend that counts what it gives away and computes nothing.
using System.Globalization;
using System.Runtime.CompilerServices;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Sweeping;

internal static class CaseMemory
{
    // Only where the updates alone take such a part of the memory is it worth a look at the rest.
    private const int WorthALook = 8;

    /// <summary>
    /// Why a case does not fit the memory of this machine; null when it does, or runs on a GPU, which says so itself. The operating system
    /// would give the memory away and end the process when it is used.
    /// </summary>
    public static string? Shortage(SweepCase sweepCase, Backend backend, int parameters)
    {
        double available = GC.GetGCMemoryInfo().TotalAvailableMemoryBytes;
        if (backend is GpuBackend { Name: not "cpu" } || (double)sweepCase.Clients * parameters * sizeof(float) * WorthALook < available)
        {
            return null;
        }

        long needed = BytesOf(sweepCase);
        return needed > available ? $"it needs {Text(needed)} of memory and this machine has {Text(available)}" : null;
    }

    /// <summary>12.3 MiB, 4.5 GiB.</summary>
    public static string Text(double bytes)
    {
        const double Mebibyte = 1 << 20;
        const double Gibibyte = 1 << 30;
        return bytes < Gibibyte
            ? string.Create(CultureInfo.InvariantCulture, $"{bytes / Mebibyte:0.0} MiB")
            : string.Create(CultureInfo.InvariantCulture, $"{bytes / Gibibyte:0.0} GiB");
    }

    /// <summary>Bytes of data, updates, model and what attack and defense keep, or of as much of it as can be had. Scratch memory of single operations comes on top.</summary>
    public static long BytesOf(SweepCase sweepCase)
    {
        using var backend = new CountingBackend();
        try
        {
            SetUp(sweepCase, backend);
        }
        catch (OutOfMemoryException)
        {
            // What was asked for has been counted; that there is not so much is what the caller compares it with.
        }

        return backend.Bytes;
    }

    private static void SetUp(SweepCase sweepCase, Backend backend)
    {
        switch (sweepCase)
        {
            case TrainingCase training:
                using (FederatedData data = FederatedData.Load(backend, training.Data, training.Partition, training.Clients, training.Experiment.Seed))
                {
                    new Federation(backend, data, training.Experiment).Dispose();
                }

                break;
            case TimingCase timing:
                backend.AllocateMatrix(timing.Clients, timing.Parameters).Dispose();
                backend.AllocateMatrix(2, timing.Parameters).Dispose();
                timing.Defense?.Create(new Setting(backend, timing.Clients, timing.Malicious, timing.Parameters)).Dispose();
                break;
        }
    }

    /// <summary>Memory that nobody writes to costs nothing, so that a case larger than this machine can be set up, too.</summary>
    private sealed class CountingBackend() : Backend("counting", "", 1)
    {
        public long Bytes { get; private set; }

        public override Buffer<T> Allocate<T>(long length)
        {
            Bytes += length * Unsafe.SizeOf<T>();
            return new HostBuffer<T>(length);
        }

        protected override void Execute<TOperation>(in TOperation operation)
        {
        }
    }
}
