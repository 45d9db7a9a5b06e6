// The operations as BenchmarkDotNet benchmarks, a class a family: each on a backend beside the reference.
using BenchmarkDotNet.Attributes;
using FlGpu.Kernels;

namespace FlGpu.Harness.Benchmarks;

/// <summary>One run of one operation on random inputs. The reference is the baseline, so that the ratio of a line is to it.</summary>
public abstract class OperationBenchmarks
{
    private Backend? _opened;
    private Prepared? _prepared;

    /// <summary>The families that `flgpu bench` runs: every operation is in one of them.</summary>
    public static IReadOnlyList<Type> Families { get; } =
    [
        typeof(TrainingBenchmarks), typeof(OrderStatisticBenchmarks), typeof(DistanceBenchmarks), typeof(SumBenchmarks), typeof(PeakBenchmarks), typeof(OtherBenchmarks),
    ];

    // BenchmarkDotNet makes the instances itself: what they run with can only be told to the class.

    /// <summary>The numbers of clients.</summary>
    public static IEnumerable<int> ClientCounts { get; set; } = [];

    /// <summary>The numbers of parameters.</summary>
    public static IEnumerable<int> ParameterCounts { get; set; } = [];

    /// <summary>The backends that are held against the reference.</summary>
    public static IEnumerable<string> BackendNames { get; set; } = [];

    /// <summary>The backends worth timing on this machine: simd and its GPUs.</summary>
    public static IEnumerable<string> WorthTiming =>
        Backends.List().Where(backend => backend.Missing is null && backend.Name is not ("reference" or "cpu")).Select(backend => backend.Name);

    /// <summary>The operations of the family.</summary>
    public abstract IEnumerable<string> OperationNames { get; }

    /// <summary>The operation.</summary>
    [ParamsSource(nameof(OperationNames))]
    public string Operation { get; set; } = "";

    /// <summary>n.</summary>
    [ParamsSource(nameof(ClientCounts))]
    public int Clients { get; set; }

    /// <summary>d.</summary>
    [ParamsSource(nameof(ParameterCounts))]
    public int Parameters { get; set; }

    /// <summary>What is held against the reference.</summary>
    [ParamsSource(nameof(BackendNames))]
    public string Backend { get; set; } = "";

    /// <summary>Makes the inputs of the baseline.</summary>
    [GlobalSetup(Target = nameof(Reference))]
    public void PrepareReference() => Prepare("reference");

    /// <summary>Makes the inputs of the backend.</summary>
    [GlobalSetup(Target = nameof(OnBackend))]
    public void PrepareOnBackend() => Prepare(Backend);

    /// <summary>Runs it on the reference.</summary>
    [Benchmark(Baseline = true)]
    public void Reference() => Run();

    /// <summary>Runs it on the backend.</summary>
    [Benchmark]
    public void OnBackend() => Run();

    /// <summary>Frees the inputs.</summary>
    [GlobalCleanup]
    public void Free()
    {
        _prepared?.Dispose();
        _opened?.Dispose();
    }

    /// <summary>The names of operations.</summary>
    protected static IEnumerable<string> Named(params IEnumerable<Type> operations) => operations.Select(Operations.NameOf);

    private void Prepare(string backend)
    {
        _opened = Backends.Open(backend, Environment.ProcessorCount);
        _prepared = Operations.All.Single(o => o.Name == Operation).Prepare(_opened, Clients, Parameters, RngKey.FromSeed(93));
    }

    private void Run()
    {
        _prepared!.Run();
        _opened!.Synchronize();
    }
}

/// <summary>What is done with models and samples.</summary>
public class TrainingBenchmarks : OperationBenchmarks
{
    /// <inheritdoc/>
    public override IEnumerable<string> OperationNames => Named(typeof(TrainClients), typeof(Evaluate), typeof(Logits));
}

/// <summary>What sorts or selects in each column.</summary>
public class OrderStatisticBenchmarks : OperationBenchmarks
{
    /// <inheritdoc/>
    public override IEnumerable<string> OperationNames => Named(typeof(CoordinateMedian), typeof(TrimmedMean), typeof(MeanAroundCenter));
}

/// <summary>What relates updates to each other or to a vector.</summary>
public class DistanceBenchmarks : OperationBenchmarks
{
    /// <inheritdoc/>
    public override IEnumerable<string> OperationNames => Named(typeof(PairwiseSquaredDistances), typeof(DistancesToVector), typeof(GramMatrix), typeof(InnerProducts));
}

/// <summary>What adds up rows, columns or their signs.</summary>
public class SumBenchmarks : OperationBenchmarks
{
    /// <inheritdoc/>
    public override IEnumerable<string> OperationNames => Named(
        typeof(WeightedSum), typeof(RowMix), typeof(RowNorms), typeof(ColumnMoments), typeof(AddClippedRows), typeof(SignSums), typeof(SignShares));
}

/// <summary>The probes of a machine's peaks.</summary>
public class PeakBenchmarks : OperationBenchmarks
{
    /// <inheritdoc/>
    public override IEnumerable<string> OperationNames => Named(typeof(ReadAll), typeof(MultiplyAdds), typeof(CompareExchanges));
}

/// <summary>Everything else: what copies, scales or draws elements one by one, and operations that no other family names.</summary>
public class OtherBenchmarks : OperationBenchmarks
{
    /// <inheritdoc/>
    public override IEnumerable<string> OperationNames => Operations.All.Select(operation => operation.Name)
        .Except(Families.Where(family => family != typeof(OtherBenchmarks)).SelectMany(family => ((OperationBenchmarks)Activator.CreateInstance(family)!).OperationNames));
}
