// target[i, k] = value: rows of one number, made where they are needed.
namespace FlGpu.Kernels;

/// <summary>Writes <paramref name="Value"/>, which may be NaN or infinite, to every element of <paramref name="Target"/> (n x d).</summary>
[About("one number in every element")]
public readonly record struct Fill(Matrix Target, float Value) : IOperation, ILaneOperation
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
    public void Gpu(GpuBackend gpu) => Lanes.Launch(this, gpu, Target.Columns);

    void ILaneOperation.Launch<T>(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel<T>, gpu.ThreadEach(Target.Length / T.Count), GpuBackend.Lanes<T>(Target), T.From(new Same(Value), 0));

    /// <summary>A thread owns an element, or four.</summary>
    private static void Kernel<T>(ArrayView<T> target, T value) where T : unmanaged, ILanes<T>
    {
        for (long e = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; e < target.Length; e += (long)Grid.DimX * Group.DimX)
        {
            target[e] = value;
        }
    }

    private readonly struct Same(float value) : ILaneSource
    {
        public float At(long index) => value;
    }

    /// <summary>A tile is a row.</summary>
    private readonly unsafe struct Rows(float* target, int columns, float value) : ITiles
    {
        public void Run(int tile, byte* scratch) => new Span<float>(target + ((long)tile * columns), columns).Fill(value);
    }
}
