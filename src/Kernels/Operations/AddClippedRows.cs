// target[to[i]] = keep * target[to[i]] + min(1, clip / norm of row i) * row i: what is remembered of each client's updates.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Adds each row of <paramref name="Updates"/> (n x d), cut to the Euclidean norm <paramref name="Clip"/> where it is longer, to
/// <paramref name="Keep"/> times row <paramref name="To"/>[i] (n, all different) of <paramref name="Target"/> (p x d), and writes the norms
/// to <paramref name="Norms"/> (1 x n). A row of infinite or NaN norm adds nothing, and a Keep of zero leaves nothing of the target, whatever
/// they hold; rows of the target that are not listed stay. Target is not Updates.
/// </summary>
[About("adds rows, clipped to a norm, to those of another matrix")]
public readonly record struct AddClippedRows(Matrix Updates, Buffer<int> To, Matrix Target, Matrix Norms, float Keep, float Clip) : IOperation, ILaneOperation
{
    /// <inheritdoc/>
    public Work Cost => new(4 * Updates.Length, (Keep == 0 ? 1 : 2) * Updates.Bytes, Updates.Bytes + Norms.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        int rows = clients + 1;
        Matrix updates = TestData.Normal(backend, clients, parameters, key.Fold(0));
        Matrix before = TestData.Normal(backend, rows, parameters, key.Fold(1));
        Matrix target = backend.AllocateMatrix(rows, parameters);
        Matrix norms = backend.AllocateMatrix(1, clients);
        Matrix ones = backend.Upload(1, rows, [.. Enumerable.Repeat(1f, rows)]);
        Buffer<int> same = backend.Upload<int>([.. Enumerable.Range(0, rows)]);
        Buffer<int> to = backend.Upload<int>([.. Enumerable.Range(0, clients).Select(i => clients - i)]);
        // About half of the rows are longer than the clip.
        var operation = new AddClippedRows(updates, to, target, norms, Keep: 0.5f, (float)Math.Sqrt(parameters));
        void Restore() => backend.Run(new BlendRows(before, same, ones, target, Keep: 0));
        Restore();
        return new(() => backend.Run(operation), target, operation.Cost, parameters, Magnitude: 1, Restore, [updates, before, target, norms, ones, same, to]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        new RowNorms(Updates, Norms).Reference();
        var to = (HostBuffer<int>)To;
        for (int i = 0; i < Updates.Rows; i++)
        {
            float factor = FactorOf(Norms[i], Clip);
            for (int k = 0; k < Updates.Columns; k++)
            {
                double kept = Keep == 0 ? 0 : (double)Keep * Target[to[i], k];
                double added = factor == 0 ? 0 : (double)factor * Updates[i, k];
                Target[to[i], k] = (float)(kept + added);
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Updates.Rows, Cost.Flops,
            new Tiles(Updates.Host, ((HostBuffer<int>)To).Pointer, Target.Host, Norms.Host, Updates.Columns, Keep, Clip));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Lanes.Launch(this, gpu, Updates.Columns);

    void ILaneOperation.Launch<T>(GpuBackend gpu)
    {
        new RowNorms(Updates, Norms).Gpu(gpu);
        gpu.Runtime.Launch(
            Kernel<T>, RowPieces.Launch(gpu, Updates),
            GpuBackend.Lanes<T>(Updates), GpuBackend.View(To), GpuBackend.Lanes<T>(Target), GpuBackend.View(Norms), Keep, Clip);
    }

    /// <summary>A group owns a piece of a row.</summary>
    private static void Kernel<T>(ArrayView<T> updates, ArrayView<int> to, ArrayView<T> target, ArrayView<float> norms, float keep, float clip)
        where T : unmanaged, ILanes<T>
    {
        long columns = updates.Length / norms.Length;
        long count = RowPieces.Count<T>(norms.Length, columns);
        for (long i = Grid.IdxX; i < count; i += Grid.DimX)
        {
            RowPiece piece = RowPieces.At<T>(i, columns);
            long first = to[piece.Row] * columns;
            var clipped = new Clipped<T>(updates, columns, FactorOf(norms[piece.Row], clip));
            if (keep == 0)
            {
                // What the target held is not even read.
                piece.Write(clipped, target, first);
            }
            else
            {
                piece.Write(new Added<T>(clipped, target, first, keep), target, first);
            }
        }
    }

    private readonly struct Clipped<T>(ArrayView<T> updates, long columns, float factor) : IElements<T> where T : unmanaged, ILanes<T>
    {
        public T At(long row, long column) => Lanes.Times(factor, updates[(row * columns) + column]);
    }

    private readonly struct Added<T>(Clipped<T> clipped, ArrayView<T> target, long first, float keep) : IElements<T> where T : unmanaged, ILanes<T>
    {
        public T At(long row, long column) => (keep * target[first + column]) + clipped.At(row, column);
    }

    private static float FactorOf(float norm, float clip)
    {
        // NaN is not below infinity.
        if (!(norm < float.PositiveInfinity))
        {
            return 0;
        }

        return norm > clip ? clip / norm : 1;
    }

    /// <summary>A tile is a row: its norm, then what it adds while it is still in the cache.</summary>
    private readonly unsafe struct Tiles(float* updates, int* to, float* target, float* norms, int columns, float keep, float clip) : ITiles
    {
        public void Run(int tile, byte* scratch)
        {
            float* added = updates + ((long)tile * columns);
            norms[tile] = (float)Math.Sqrt(RowNorms.SquareOf(added, columns));
            float factor = FactorOf(norms[tile], clip);
            float* row = target + ((long)to[tile] * columns);
            var keep16 = Vector512.Create(keep);
            var factor16 = Vector512.Create(factor);
            int k = 0;
            for (; k + 16 <= columns; k += 16)
            {
                Vector512<float> kept = keep == 0 ? Vector512<float>.Zero : Vector512.Load(row + k) * keep16;
                Vector512<float> value = factor == 0 ? kept : Vector512.MultiplyAddEstimate(Vector512.Load(added + k), factor16, kept);
                value.Store(row + k);
            }

            for (; k < columns; k++)
            {
                float kept = keep == 0 ? 0 : row[k] * keep;
                row[k] = factor == 0 ? kept : (added[k] * factor) + kept;
            }
        }
    }
}
