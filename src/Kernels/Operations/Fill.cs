// target[i, k] = value: rows of one number, made where they are needed.
namespace FlGpu.Kernels;

/// <summary>Writes <paramref name="Value"/>, which may be NaN or infinite, to every element of <paramref name="Target"/> (n x d).</summary>
[About("one number in every element")]
public readonly record struct Fill(Matrix Target, float Value) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new(0, 0, Target.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix target = TestData.Normal(backend, clients, parameters, key);
        var operation = new Fill(target, 0.75f);
        return new(() => backend.Run(operation), target, operation.Cost, parameters, Magnitude: 1, Restore: null, [target]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Target.Rows; i++)
        {
            for (int k = 0; k < Target.Columns; k++)
            {
                Target[i, k] = Value;
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) => simd.ForEachTile(Target.Rows, Target.Length, new Rows(Target.Host, Target.Columns, Value));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => gpu.Runtime.Launch(Kernel, gpu.ThreadEach(Target.Length), GpuBackend.View(Target), Value);

    /// <summary>A thread owns an element.</summary>
    private static void Kernel(ArrayView<float> target, float value)
    {
        for (long e = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; e < target.Length; e += (long)Grid.DimX * Group.DimX)
        {
            target[e] = value;
        }
    }

    /// <summary>A tile is a row.</summary>
    private readonly unsafe struct Rows(float* target, int columns, float value) : ITiles
    {
        public void Run(int tile, byte* scratch) => new Span<float>(target + ((long)tile * columns), columns).Fill(value);
    }
}
