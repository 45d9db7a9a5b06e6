// target[t] = keep * target[t] + factors[t] * source[from[t]]: picks, scales and accumulates whole rows.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Row t of <paramref name="Target"/> (m x d) becomes <paramref name="Keep"/> times itself plus <paramref name="Factors"/>[t] (1 x m) times
/// row <paramref name="From"/>[t] (m) of <paramref name="Source"/> (n x d). A factor of zero leaves its row of the source out, and a Keep
/// of zero what the target held, whatever they hold. Target is not Source.
/// </summary>
[About("picks, scales and accumulates whole rows")]
public readonly record struct BlendRows(Matrix Source, Buffer<int> From, Matrix Factors, Matrix Target, float Keep) : IOperation, ILaneOperation
{
    /// <inheritdoc/>
    public Work Cost => new(2 * Target.Length, (Keep == 0 ? 1 : 2) * Target.Bytes, Target.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        int rows = clients + 1;
        Matrix source = TestData.Normal(backend, clients, parameters, key.Fold(0));
        Matrix target = TestData.Normal(backend, rows, parameters, key.Fold(1));
        Buffer<int> from = backend.Upload<int>([.. Enumerable.Range(0, rows).Select(t => clients - 1 - (t % clients))]);
        Matrix factors = backend.Upload(1, rows, [.. Enumerable.Range(0, rows).Select(t => (t % 3) - 1f)]);
        // A second run undoes the first.
        var operation = new BlendRows(source, from, factors, target, Keep: -1);
        void Run() => backend.Run(operation);
        return new(Run, target, operation.Cost, parameters, Magnitude: 2, Restore: Run, [source, target, from, factors]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        var from = (HostBuffer<int>)From;
        for (int t = 0; t < Target.Rows; t++)
        {
            for (int k = 0; k < Target.Columns; k++)
            {
                double kept = Keep == 0 ? 0 : (double)Keep * Target[t, k];
                double added = Factors[t] == 0 ? 0 : (double)Factors[t] * Source[from[t], k];
                Target[t, k] = (float)(kept + added);
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Target.Rows, Target.Length,
            new Rows(Source.Host, ((HostBuffer<int>)From).Pointer, Factors.Host, Target.Host, Target.Columns, Keep));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Lanes.Launch(this, gpu, Target.Columns);

    void ILaneOperation.Launch<T>(GpuBackend gpu) =>
        gpu.Runtime.Launch(
            Kernel<T>, RowPieces.Launch(gpu, Target),
            GpuBackend.Lanes<T>(Source), GpuBackend.View(From), GpuBackend.View(Factors), GpuBackend.Lanes<T>(Target), (long)Target.Columns / T.Count, Keep);

    /// <summary>A group owns a piece of a row of the target.</summary>
    private static void Kernel<T>(ArrayView<T> source, ArrayView<int> from, ArrayView<float> factors, ArrayView<T> target, long columns, float keep)
        where T : unmanaged, ILanes<T>
    {
        var added = new Added<T>(source, from, factors, columns);
        if (keep == 0)
        {
            // What the target held is not even read.
            RowPieces.Write(added, target, columns);
        }
        else
        {
            RowPieces.Write(new Blended<T>(added, target, columns, keep), target, columns);
        }
    }

    private readonly struct Added<T>(ArrayView<T> source, ArrayView<int> from, ArrayView<float> factors, long columns) : IElements<T>
        where T : unmanaged, ILanes<T>
    {
        public T At(long row, long column) => Lanes.Times(factors[row], source[(from[row] * columns) + column]);
    }

    private readonly struct Blended<T>(Added<T> added, ArrayView<T> target, long columns, float keep) : IElements<T> where T : unmanaged, ILanes<T>
    {
        public T At(long row, long column) => (keep * target[(row * columns) + column]) + added.At(row, column);
    }

    private readonly unsafe struct Rows(float* source, int* from, float* factors, float* target, int columns, float keep) : ITiles
    {
        public void Run(int tile, byte* scratch)
        {
            float factor = factors[tile];
            float* taken = source + ((long)from[tile] * columns);
            float* row = target + ((long)tile * columns);
            if (factor == 0 && keep == 1)
            {
                return;
            }

            var keep16 = Vector512.Create(keep);
            var factor16 = Vector512.Create(factor);
            int k = 0;
            for (; k + 16 <= columns; k += 16)
            {
                Vector512<float> kept = keep == 0 ? Vector512<float>.Zero : Vector512.Load(row + k) * keep16;
                Vector512<float> value = factor == 0 ? kept : Vector512.MultiplyAddEstimate(Vector512.Load(taken + k), factor16, kept);
                value.Store(row + k);
            }

            for (; k < columns; k++)
            {
                float kept = keep == 0 ? 0 : row[k] * keep;
                row[k] = factor == 0 ? kept : (taken[k] * factor) + kept;
            }
        }
    }
}
