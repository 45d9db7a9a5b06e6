// sums[k] = sum over i of sign(updates[i, k]): what votes on directions come down to.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// How many values of each column of <paramref name="Updates"/> (n x d) are positive less how many are negative, into
/// <paramref name="Sums"/> (1 x d). Zero and NaN count as neither, infinity has its sign.
/// </summary>
[About("positive less negative values of each column")]
public readonly record struct SignSums(Matrix Updates, Matrix Sums) : IOperation, ILaneOperation
{
    /// <inheritdoc/>
    public Work Cost => new(2 * Updates.Length, Updates.Bytes, Sums.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key);
        Matrix sums = backend.AllocateMatrix(1, parameters);
        var operation = new SignSums(updates, sums);
        return new(() => backend.Run(operation), sums, operation.Cost, parameters, Magnitude: 1, Restore: null, [updates, sums]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int k = 0; k < Updates.Columns; k++)
        {
            int sum = 0;
            for (int i = 0; i < Updates.Rows; i++)
            {
                sum += Updates[i, k] > 0 ? 1 : Updates[i, k] < 0 ? -1 : 0;
            }

            Sums[k] = sum;
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile((Updates.Columns + Strips.Width - 1) / Strips.Width, Updates.Length,
            new Strips(Updates.Host, Sums.Host, Updates.Rows, Updates.Columns));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Lanes.Launch(this, gpu, Updates.Columns);

    void ILaneOperation.Launch<T>(GpuBackend gpu) =>
        gpu.Runtime.Launch(
            Kernel<T>, gpu.ThreadEach(Updates.Columns / T.Count, ColumnWalk.GroupSize), GpuBackend.Lanes<T>(Updates), GpuBackend.Lanes<T>(Sums));

    /// <summary>A thread owns a column, or four.</summary>
    private static void Kernel<T>(ArrayView<T> updates, ArrayView<T> sums) where T : unmanaged, ILanes<T>
    {
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < sums.Length; k += (long)Grid.DimX * Group.DimX)
        {
            sums[k] = ColumnWalk.Down(updates, k, sums.Length, new Votes<T>(default)).Sum;
        }
    }

    /// <summary>Sums of whole numbers: exact in single precision for up to 2^24 rows.</summary>
    private readonly struct Votes<T>(T sum) : IColumnState<Votes<T>, T> where T : unmanaged, ILanes<T>
    {
        public T Sum => sum;

        public Votes<T> With(T row) => new(sum + T.Sign(row));
    }

    /// <summary>A tile is a strip of columns.</summary>
    private readonly unsafe struct Strips(float* updates, float* sums, int rows, int columns) : ITiles
    {
        public const int Width = 1024;

        public nuint ScratchBytes => Width * sizeof(int);

        public void Run(int tile, byte* scratch)
        {
            long first = (long)tile * Width;
            int width = (int)Math.Min(Width, columns - first);
            int* counts = (int*)scratch;
            new Span<int>(counts, Width).Clear();
            for (int i = 0; i < rows; i++)
            {
                float* row = updates + ((long)i * columns) + first;
                for (int k = 0; k < width; k += 16)
                {
                    // Whole vectors, also past the end of the row: what they add there is never read.
                    var values = Vector512.Load(row + k);
                    Vector512<int> positive = Vector512.GreaterThan(values, Vector512<float>.Zero).AsInt32();
                    Vector512<int> negative = Vector512.LessThan(values, Vector512<float>.Zero).AsInt32();
                    (Vector512.Load(counts + k) - positive + negative).Store(counts + k);
                }
            }

            for (int k = 0; k < width; k++)
            {
                sums[first + k] = counts[k];
            }
        }
    }
}
