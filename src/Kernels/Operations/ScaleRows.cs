// updates[i, k] *= factors[i], in place.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Multiplies each row of <paramref name="Updates"/> (n x d) by its element of <paramref name="Factors"/> (1 x n), in place.
/// A factor of zero writes zeros, also over NaN and infinity.
/// </summary>
[About("multiplies each row by a factor of its own, in place")]
public readonly record struct ScaleRows(Matrix Updates, Matrix Factors) : IOperation, ILaneOperation
{
    /// <inheritdoc/>
    public Work Cost => new(Updates.Length, Updates.Bytes + Factors.Bytes, Updates.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key);
        // Factors of magnitude one: repeated runs neither grow nor lose anything, and a second run undoes the first.
        Matrix factors = backend.Upload(1, clients, [.. Enumerable.Range(0, clients).Select(i => i % 3 == 0 ? -1f : 1f)]);
        var operation = new ScaleRows(updates, factors);
        void Run() => backend.Run(operation);
        return new(Run, updates, operation.Cost, parameters, Magnitude: 1, Restore: Run, [updates, factors]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Updates.Rows; i++)
        {
            for (int k = 0; k < Updates.Columns; k++)
            {
                Updates[i, k] = Factors[i] == 0 ? 0 : (float)((double)Factors[i] * Updates[i, k]);
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Updates.Rows, Updates.Length, new Rows(Updates.Host, Factors.Host, Updates.Columns));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Lanes.Launch(this, gpu, Updates.Columns);

    void ILaneOperation.Launch<T>(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel<T>, RowPieces.Launch(gpu, Updates), GpuBackend.Lanes<T>(Updates), GpuBackend.View(Factors));

    /// <summary>A group owns a piece of a row.</summary>
    private static void Kernel<T>(ArrayView<T> updates, ArrayView<float> factors) where T : unmanaged, ILanes<T>
    {
        long columns = updates.Length / factors.Length;
        RowPieces.Write(new Scaled<T>(updates, factors, columns), updates, columns);
    }

    private readonly struct Scaled<T>(ArrayView<T> updates, ArrayView<float> factors, long columns) : IElements<T> where T : unmanaged, ILanes<T>
    {
        public T At(long row, long column) => Lanes.Times(factors[row], updates[(row * columns) + column]);
    }

    private readonly unsafe struct Rows(float* updates, float* factors, int columns) : ITiles
    {
        public void Run(int tile, byte* scratch)
        {
            var row = new Span<float>(updates + ((long)tile * columns), columns);
            float factor = factors[tile];
            if (factor == 0)
            {
                row.Clear();
                return;
            }

            var factors16 = Vector512.Create(factor);
            int k = 0;
            fixed (float* p = row)
            {
                for (; k + 64 <= columns; k += 64)
                {
                    Vector512<float> a = Vector512.Load(p + k) * factors16;
                    Vector512<float> b = Vector512.Load(p + k + 16) * factors16;
                    Vector512<float> c = Vector512.Load(p + k + 32) * factors16;
                    Vector512<float> d = Vector512.Load(p + k + 48) * factors16;
                    a.Store(p + k);
                    b.Store(p + k + 16);
                    c.Store(p + k + 32);
                    d.Store(p + k + 48);
                }
            }

            for (; k < columns; k++)
            {
                row[k] *= factor;
            }
        }
    }
}
