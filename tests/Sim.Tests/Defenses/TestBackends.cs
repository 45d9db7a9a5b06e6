// The backends that every machine has, by name, for theories.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

internal static class TestBackends
{
    public static readonly string[] Names = ["reference", "simd", "cpu"];

    public static Backend Open(string name) => name switch
    {
        "reference" => new ReferenceBackend(),
        "simd" => new SimdBackend(2),
        "cpu" => Backends.OpenCpu(threads: 2, groupSize: 1),
        _ => throw new ArgumentOutOfRangeException(nameof(name), name, "no such backend"),
    };

    /// <summary>Every backend with every one of <paramref name="seconds"/>.</summary>
    public static TheoryData<string, string> With(params string[] seconds)
    {
        var data = new TheoryData<string, string>();
        foreach (string name in Names)
        {
            foreach (string second in seconds)
            {
                data.Add(name, second);
            }
        }

        return data;
    }
}
