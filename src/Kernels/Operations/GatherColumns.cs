// gathered[i, j] = updates[i, columns[j]]: a sample of the coordinates.
namespace FlGpu.Kernels;

/// <summary>
/// Copies the columns of <paramref name="Updates"/> (n x d) listed in <paramref name="Columns"/> (r) to
/// <paramref name="Gathered"/> (n x r).
/// </summary>
[About("copies some of the columns")]
public readonly record struct GatherColumns(Matrix Updates, Buffer<int> Columns, Matrix Gathered) : IOperation, ILaneOperation
{
    /// <inheritdoc/>
    public Work Cost => new(0, Gathered.Bytes + (Columns.Length * sizeof(int)), Gathered.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key.Fold(0));
        int[] chosen = new int[(parameters + 1) / 2];
        RngStream stream = key.Fold(1).Stream();
        foreach (ref int column in chosen.AsSpan())
        {
            column = stream.NextInt32(parameters);
        }

        Buffer<int> columns = backend.Upload<int>(chosen);
        Matrix gathered = backend.AllocateMatrix(clients, chosen.Length);
        var operation = new GatherColumns(updates, columns, gathered);
        return new(() => backend.Run(operation), gathered, operation.Cost, parameters, Magnitude: 1, Restore: null, [updates, columns, gathered]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Updates.Rows; i++)
        {
            for (int j = 0; j < Columns.Length; j++)
            {
                Gathered[i, j] = Updates[i, ((HostBuffer<int>)Columns)[j]];
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Updates.Rows, Gathered.Length,
            new Rows(Updates.Host, ((HostBuffer<int>)Columns).Pointer, Gathered.Host, Updates.Columns, (int)Columns.Length));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Lanes.Launch(this, gpu, Gathered.Columns);

    void ILaneOperation.Launch<T>(GpuBackend gpu) =>
        gpu.Runtime.Launch(
            Kernel<T>, RowPieces.Launch(gpu, Gathered), GpuBackend.View(Updates), GpuBackend.View(Columns), GpuBackend.Lanes<T>(Gathered),
            (long)Updates.Columns);

    /// <summary>A group owns a piece of a row of the result.</summary>
    private static void Kernel<T>(ArrayView<float> updates, ArrayView<int> columns, ArrayView<T> gathered, long width) where T : unmanaged, ILanes<T> =>
        RowPieces.Write(new Picked<T>(updates, columns, width), gathered, columns.Length / T.Count);

    private readonly struct Picked<T>(ArrayView<float> updates, ArrayView<int> columns, long width) : IElements<T> where T : unmanaged, ILanes<T>
    {
        public T At(long row, long column) => T.From(new Listed(updates, columns, row * width), column * T.Count);
    }

    private readonly struct Listed(ArrayView<float> updates, ArrayView<int> columns, long first) : ILaneSource
    {
        public float At(long index) => updates[first + columns[index]];
    }

    private readonly unsafe struct Rows(float* updates, int* columns, float* gathered, int width, int count) : ITiles
    {
        public void Run(int tile, byte* scratch)
        {
            float* source = updates + ((long)tile * width);
            float* target = gathered + ((long)tile * count);
            for (int j = 0; j < count; j++)
            {
                target[j] = source[columns[j]];
            }
        }
    }
}
