// The operations as BenchmarkDotNet benchmarks: one method, whose parameters are operation, backend, clients and parameters.
using BenchmarkDotNet.Attributes;
using FlGpu.Kernels;

namespace FlGpu.Harness.Benchmarks;

/// <summary>One run of one operation on random inputs.</summary>
public class OperationBenchmarks
{
    private Backend? _backend;
    private Prepared? _prepared;

    /// <summary>Every operation.</summary>
    public static IEnumerable<string> OperationNames => Operations.All.Select(operation => operation.Name);

    /// <summary>The operation.</summary>
    [ParamsSource(nameof(OperationNames))]
    public string Operation { get; set; } = "";

    /// <summary>Where it runs.</summary>
    [Params("reference", "simd")]
    public string BackendName { get; set; } = "";

    /// <summary>n.</summary>
    [Params(100)]
    public int Clients { get; set; }

    /// <summary>d.</summary>
    [Params(2762)]
    public int Parameters { get; set; }

    /// <summary>Makes the inputs.</summary>
    [GlobalSetup]
    public void Prepare()
    {
        _backend = Backends.Open(BackendName, Environment.ProcessorCount);
        _prepared = Operations.All.Single(o => o.Name == Operation).Prepare(_backend, Clients, Parameters, RngKey.FromSeed(93));
    }

    /// <summary>Runs it.</summary>
    [Benchmark]
    public void Run()
    {
        _prepared!.Run();
        _backend!.Synchronize();
    }

    /// <summary>Frees the inputs.</summary>
    [GlobalCleanup]
    public void Free()
    {
        _prepared?.Dispose();
        _backend?.Dispose();
    }
}
