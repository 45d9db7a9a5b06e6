// How much memory a case takes: it is set up on a backend that counts what it gives away and computes nothing.
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Sweeping;

internal static class CaseMemory
{
    /// <summary>Bytes of data, updates, model and what attack and defense keep. Scratch memory of single operations comes on top.</summary>
    public static long BytesOf(SweepCase sweepCase)
    {
        using var backend = new CountingBackend();
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

        return backend.Bytes;
    }

    /// <summary>Memory that nobody writes to costs nothing, so that a case larger than this machine can be set up, too.</summary>
    private sealed class CountingBackend() : Backend("counting", "", 1)
    {
        public long Bytes { get; private set; }

        public override Buffer<T> Allocate<T>(long length)
        {
            Bytes += length * System.Runtime.CompilerServices.Unsafe.SizeOf<T>();
            return new HostBuffer<T>(length);
        }

        protected override void Execute<TOperation>(in TOperation operation)
        {
        }
    }
}
