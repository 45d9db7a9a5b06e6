// gathered[r, k] = factors[r] * updates[rows[r], k]: filters, and clipping that leaves the updates as they are.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Copies the rows of <paramref name="Updates"/> (n x d) listed in <paramref name="Rows"/> (m) to <paramref name="Gathered"/> (m x d),
/// each times its element of <paramref name="Factors"/> (1 x m). A factor of zero writes zeros, also for NaN and infinity. Gathered is
/// not Updates.
/// </summary>
[About("copies some of the rows, each times a factor")]
public readonly record struct GatherRows(Matrix Updates, Buffer<int> Rows, Matrix Factors, Matrix Gathered) : IOperation, ILaneOperation
{
    /// <inheritdoc/>
    public Work Cost => new(Gathered.Length, Gathered.Bytes + Factors.Bytes + (Rows.Length * sizeof(int)), Gathered.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key);
        int count = (clients + 1) / 2;
        Buffer<int> rows = backend.Upload<int>([.. Enumerable.Range(0, count).Select(r => clients - 1 - (2 * r))]);
        Matrix factors = backend.Upload(1, count, [.. Enumerable.Range(0, count).Select(r => r % 3 / 2f)]);
        Matrix gathered = backend.AllocateMatrix(count, parameters);
        var operation = new GatherRows(updates, rows, factors, gathered);
        return new(() => backend.Run(operation), gathered, operation.Cost, parameters, Magnitude: 1, Restore: null, [updates, rows, factors, gathered]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int r = 0; r < Gathered.Rows; r++)
        {
            for (int k = 0; k < Gathered.Columns; k++)
            {
                Gathered[r, k] = Factors[r] == 0 ? 0 : (float)((double)Factors[r] * Updates[((HostBuffer<int>)Rows)[r], k]);
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Gathered.Rows, Gathered.Length,
            new Copies(Updates.Host, ((HostBuffer<int>)Rows).Pointer, Factors.Host, Gathered.Host, Gathered.Columns));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Lanes.Launch(this, gpu, Updates.Columns);

    void ILaneOperation.Launch<T>(GpuBackend gpu) =>
        gpu.Runtime.Launch(
            Kernel<T>, RowPieces.Launch(gpu, Gathered), GpuBackend.Lanes<T>(Updates), GpuBackend.View(Rows), GpuBackend.View(Factors),
            GpuBackend.Lanes<T>(Gathered));

    /// <summary>A group owns a piece of a row of the result.</summary>
    private static void Kernel<T>(ArrayView<T> updates, ArrayView<int> rows, ArrayView<float> factors, ArrayView<T> gathered) where T : unmanaged, ILanes<T>
    {
        long columns = gathered.Length / rows.Length;
        RowPieces.Write(new Picked<T>(updates, rows, factors, columns), gathered, columns);
    }

    private readonly struct Picked<T>(ArrayView<T> updates, ArrayView<int> rows, ArrayView<float> factors, long columns) : IElements<T>
        where T : unmanaged, ILanes<T>
    {
        public T At(long row, long column) => Lanes.Times(factors[row], updates[(rows[row] * columns) + column]);
    }

    private readonly unsafe struct Copies(float* updates, int* rows, float* factors, float* gathered, int columns) : ITiles
    {
        public void Run(int tile, byte* scratch)
        {
            float* source = updates + ((long)rows[tile] * columns);
            float* target = gathered + ((long)tile * columns);
            float factor = factors[tile];
            if (factor == 0)
            {
                new Span<float>(target, columns).Clear();
                return;
            }

            var factors16 = Vector512.Create(factor);
            int k = 0;
            for (; k + 16 <= columns; k += 16)
            {
                (Vector512.Load(source + k) * factors16).Store(target + k);
            }

            for (; k < columns; k++)
            {
                target[k] = factor * source[k];
            }
        }
    }
}
