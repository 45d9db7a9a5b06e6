// One thing done to matrices, as a value: its arguments, its cost and its three bodies.
namespace FlGpu.Kernels;

/// <summary>What one run computes and moves, so that GFLOP/s and GB/s are derived, never typed in.</summary>
/// <param name="Flops">Arithmetic operations; a comparison counts as one.</param>
/// <param name="BytesRead">Bytes that must be read at least once.</param>
/// <param name="BytesWritten">Bytes that must be written.</param>
/// <param name="CompareExchanges">How many of the flops are comparisons that sort or select: minima and maxima bound them, not multiply-adds.</param>
public readonly record struct Work(long Flops, long BytesRead, long BytesWritten, long CompareExchanges = 0)
{
    /// <summary>The work of one thing after another.</summary>
    public static Work operator +(Work a, Work b) =>
        new(a.Flops + b.Flops, a.BytesRead + b.BytesRead, a.BytesWritten + b.BytesWritten, a.CompareExchanges + b.CompareExchanges);

    /// <summary>The work that <paramref name="a"/> has beyond <paramref name="b"/>.</summary>
    public static Work operator -(Work a, Work b) =>
        new(a.Flops - b.Flops, a.BytesRead - b.BytesRead, a.BytesWritten - b.BytesWritten, a.CompareExchanges - b.CompareExchanges);
}

/// <summary>
/// An operation with its arguments bound. <see cref="Backend.Run"/> picks the body, so a new operation is one file that
/// holds all three side by side; the check, the timing and the benchmark of it come from <see cref="Prepare"/>.
/// </summary>
public interface IOperation
{
    /// <summary>What a run of these arguments costs.</summary>
    Work Cost { get; }

    /// <summary>The definition: plain scalar code on one thread, sums in double precision.</summary>
    void Reference();

    /// <summary>The fastest CPU code: vectors and all of the backend's threads, the same bits with any number of them.</summary>
    void Simd(SimdBackend simd);

    /// <summary>The kernel and its launch.</summary>
    void Gpu(GpuBackend gpu);

    /// <summary>Random inputs for n clients and d parameters, the same on every backend.</summary>
    static abstract Prepared Prepare(Backend backend, int clients, int parameters, RngKey key);

    /// <summary>The operation on other kinds of input, under names of their own: on another model.</summary>
    static virtual IReadOnlyList<OperationListing> Variants => [];
}

/// <summary>An operation with inputs of its own, ready to be run again and again.</summary>
/// <param name="Run">Runs it on the backend that it was prepared for.</param>
/// <param name="Output">Where its result is; null where that is <see cref="IntegerOutput"/>.</param>
/// <param name="Cost">What a run costs.</param>
/// <param name="Parameters">The number of parameters that it really has: a model cannot have just any.</param>
/// <param name="Magnitude">About the sum of the magnitudes of the terms behind one output element: what rounding scales with.</param>
/// <param name="Restore">Puts the inputs back where a run changes them in place; null where it does not.</param>
/// <param name="Owned">Everything that was allocated.</param>
public sealed record Prepared(
    Action Run, Matrix? Output, Work Cost, int Parameters, double Magnitude, Action? Restore, IReadOnlyList<IDisposable> Owned) : IDisposable
{
    /// <summary>Where the result of an operation is that writes whole numbers, all of them so small that single precision holds them.</summary>
    public Buffer<int>? IntegerOutput { get; init; }

    /// <summary>The result as it is now.</summary>
    public float[] Result()
    {
        if (Output is not null)
        {
            return Output.ToArray();
        }

        int[] whole = new int[IntegerOutput!.Length];
        IntegerOutput.CopyTo(whole);
        return [.. whole.Select(value => (float)value)];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in Owned)
        {
            owned.Dispose();
        }
    }
}
