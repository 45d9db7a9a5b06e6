// A whole defense on random updates, ready to be timed and compared.
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Timing;

/// <summary>One defense with updates of n clients and d parameters on a backend.</summary>
internal sealed class TimedDefense : IDisposable
{
    private const int SamplesPerClient = 100;
    private readonly IDefense _defense;
    private readonly Round _round;
    private readonly Matrix _global;

    public TimedDefense(Choice<IDefense> choice, Backend backend, int clients, int malicious, int parameters, RngKey key)
    {
        _defense = choice.Create(new Setting(backend, clients, malicious, parameters));
        _global = TestData.Normal(backend, 1, parameters, key.Fold(1));
        _round = new(1, TestData.Normal(backend, clients, parameters, key.Fold(0)), _global, [.. Enumerable.Repeat(SamplesPerClient, clients)], malicious, key,
            TrainServer: () => _global);
        Aggregate = backend.AllocateMatrix(1, parameters);
    }

    public Matrix Aggregate { get; }

    public void Run() => _defense.Aggregate(_round, Aggregate);

    /// <summary>The largest difference from the reference backend, relative to the size of an update's elements.</summary>
    public static double ErrorOf(Choice<IDefense> choice, Backend backend, int clients, int malicious, int parameters, RngKey key)
    {
        using var reference = new ReferenceBackend();
        using var expected = new TimedDefense(choice, reference, clients, malicious, parameters, key);
        using var actual = new TimedDefense(choice, backend, clients, malicious, parameters, key);
        expected.Run();
        actual.Run();
        return Conformance.Error(expected.Aggregate.ToArray(), actual.Aggregate.ToArray(), magnitude: 1);
    }

    public void Dispose()
    {
        _defense.Dispose();
        _round.Updates.Dispose();
        _global.Dispose();
        Aggregate.Dispose();
    }
}
