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
    /// How many updates of a round are in memory at once: all of them where they fit what the case may take, else as many as do, where attack and
    /// defense allow slices.
    /// </summary>
    /// <exception cref="InputException">It fits in no way; the message has the bytes that it needs.</exception>
    public static int UpdatesAtOnce(TrainingCase training, Backend backend, FederatedData data)
    {
        int all = training.Experiment.UpdatesPerRound;
        int parameters = data.Model(training.Experiment.Model).Parameters;
        (double available, string whose) = Available(training.MemoryLimit, backend);
        if (training.MemoryLimit is null && (double)all * parameters * sizeof(float) * WorthALook < available)
        {
            return all;
        }

        long needed = BytesOf(training, data, all);
        if (needed <= available)
        {
            return all;
        }

        string shortage = Shortage(needed, available, whose);
        if (training.Experiment.WhyNotInSlices(parameters) is { } reason)
        {
            throw new InputException($"{shortage}; {reason}");
        }

        // The second update's samples are as many as any later one's, or more, so that no update takes more.
        long one = BytesOf(training, data, 1);
        long each = BytesOf(training, data, 2) - one;
        return one <= available
            ? (int)Math.Min(all, 1 + ((long)(available - one) / each))
            : throw new InputException($"{shortage}; with one update at a time it still needs {Text(one)}");
    }

    /// <summary>Whether the runs of several cases fit what one may take, all of them at once and each with all of its updates.</summary>
    public static bool FitTogether(IReadOnlyList<TrainingCase> cases, Backend backend, IReadOnlyList<FederatedData> data)
    {
        (double available, _) = Available(cases[0].MemoryLimit, backend);
        Experiment experiment = cases[0].Experiment;
        double updates = (double)cases.Count * experiment.UpdatesPerRound * data[0].Model(experiment.Model).Parameters * sizeof(float);
        // A batch has the samples of all runs side by side, beside those of each.
        return (cases[0].MemoryLimit is null && updates * WorthALook < available)
            || cases.Select((training, i) => BytesOf(training, data[i], experiment.UpdatesPerRound) + data[i].TrainFeatures.Bytes).Sum() <= available;
    }

    /// <summary>Why a case fits in no way; null where it fits.</summary>
    public static string? WhyNot(SweepCase sweepCase, Backend backend)
    {
        try
        {
            if (sweepCase is TrainingCase training)
            {
                using FederatedData data = FederatedData.Load(backend, training.Data, training.Partition, training.Clients, training.Experiment.Seed);
                UpdatesAtOnce(training, backend, data);
            }
            else if (sweepCase is TimingCase timing)
            {
                Require(timing, backend);
            }

            return null;
        }
        catch (InputException shortage)
        {
            return shortage.Message;
        }
    }

    /// <summary>Refuses a timing that does not fit what it may take.</summary>
    /// <exception cref="InputException">The message has the bytes that it needs.</exception>
    public static void Require(TimingCase timing, Backend backend)
    {
        (double available, string whose) = Available(timing.MemoryLimit, backend);
        if (timing.MemoryLimit is null && (double)timing.Clients * timing.Parameters * sizeof(float) * WorthALook < available)
        {
            return;
        }

        long needed = BytesOf(timing);
        if (needed > available)
        {
            throw new InputException(Shortage(needed, available, whose));
        }
    }

    /// <summary>Refuses a round of updates that does not fit this machine, or its GPU, with all that the rule allocates.</summary>
    /// <exception cref="InputException">The message has the bytes that it needs; or the rule does not allow the setting.</exception>
    public static void Require(Choice<IDefense> defense, Setting setting)
    {
        (double available, string whose) = Available(null, setting.Backend);
        if ((double)setting.Clients * setting.Parameters * sizeof(float) * WorthALook < available)
        {
            return;
        }

        long needed = Count(backend => SetUp(defense, setting with { Backend = backend }));
        if (needed > available)
        {
            throw new InputException($"{setting.Clients} clients x {setting.Parameters} parameters with {defense.Text}: {Shortage(needed, available, whose)}");
        }
    }

    /// <summary>What a case may take, and who says so. The operating system would give more away and end the process when it is used.</summary>
    private static (double Bytes, string Whose) Available(long? memoryLimit, Backend backend) =>
        memoryLimit is { } limit ? (limit, "--memory-limit allows")
        : backend.MemoryBytes is { } device ? (device, "this GPU has")
        : (GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, "this machine has");

    private static string Shortage(double needed, double available, string whose) =>
        $"it needs {Text(needed)} of memory and {whose} {Text(available)}";

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
    public static long BytesOf(SweepCase sweepCase) => Count(backend =>
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
                SetUp(timing.Defense, new Setting(backend, timing.Clients, timing.Malicious, timing.Parameters));
                break;
        }
    });

    // The updates of a round, the global parameters and the aggregate, and what the rule keeps.
    private static void SetUp(Choice<IDefense>? defense, Setting setting)
    {
        setting.Backend.AllocateMatrix(setting.Clients, setting.Parameters).Dispose();
        setting.Backend.AllocateMatrix(2, setting.Parameters).Dispose();
        defense?.Create(setting).Dispose();
    }

    // The same with data that are there already, wherever that is.
    private static long BytesOf(TrainingCase training, FederatedData data, int updatesAtOnce) =>
        data.Bytes + Count(backend => new Federation(backend, data, training.Experiment, updatesAtOnce).Dispose());

    private static long Count(Action<Backend> setUp)
    {
        using var backend = new CountingBackend();
        try
        {
            setUp(backend);
        }
        catch (OutOfMemoryException)
        {
            // What was asked for has been counted; that there is not so much is what the caller compares it with.
        }

        return backend.Bytes;
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
