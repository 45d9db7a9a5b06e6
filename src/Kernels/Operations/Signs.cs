// signs[k] = -1, 0 or 1: the sign of element k.
namespace FlGpu.Kernels;

/// <summary>The signs of the elements of <paramref name="Vector"/> (1 x d) into <paramref name="Result"/> (1 x d); NaN gives 0.</summary>
[About("sign of each element of a vector")]
public readonly record struct Signs(Matrix Vector, Matrix Result) : IOperation, ILaneOperation
{
    /// <inheritdoc/>
    public Work Cost => new(Vector.Length, Vector.Bytes, Result.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix vector = TestData.Normal(backend, 1, parameters, key);
        Matrix result = backend.AllocateMatrix(1, parameters);
        var operation = new Signs(vector, result);
        return new(() => backend.Run(operation), result, operation.Cost, 1, Magnitude: 1, Restore: null, [vector, result]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int k = 0; k < Vector.Columns; k++)
        {
            Result[k] = Vector[k] > 0 ? 1 : Vector[k] < 0 ? -1 : 0;
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile((Vector.Columns + Strips.Width - 1) / Strips.Width, Vector.Length, new Strips(Vector.Host, Result.Host, Vector.Columns));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Lanes.Launch(this, gpu, Vector.Columns);

    void ILaneOperation.Launch<T>(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel<T>, gpu.ThreadEach(Vector.Columns / T.Count), GpuBackend.Lanes<T>(Vector), GpuBackend.Lanes<T>(Result));

    /// <summary>A thread owns an element, or four.</summary>
    private static void Kernel<T>(ArrayView<T> vector, ArrayView<T> result) where T : unmanaged, ILanes<T>
    {
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < result.Length; k += (long)Grid.DimX * Group.DimX)
        {
            result[k] = T.Sign(vector[k]);
        }
    }

    private readonly unsafe struct Strips(float* vector, float* result, int columns) : ITiles
    {
        public const int Width = 4096;

        public void Run(int tile, byte* scratch)
        {
            int end = Math.Min(columns, (tile + 1) * Width);
            for (int k = tile * Width; k < end; k++)
            {
                result[k] = Float1.Sign(vector[k]);
            }
        }
    }
}
