// sums[k] = sum over i of sign(updates[i, k]): what votes on directions come down to.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// How many values of each column of <paramref name="Updates"/> (n x d) are positive less how many are negative, into
/// <paramref name="Sums"/> (1 x d). Zero and NaN count as neither, infinity has its sign.
/// </summary>
[About("positive less negative values of each column")]
public readonly record struct SignSums(Matrix Updates, Matrix Sums) : IOperation
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
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel, gpu.ThreadEach(Updates.Columns), GpuBackend.View(Updates), GpuBackend.View(Sums));

    /// <summary>A thread owns a column, four rows of it on their way at once.</summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<float> sums)
    {
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < sums.Length; k += (long)Grid.DimX * Group.DimX)
        {
            int sum = 0;
            long e = k;
            for (; e + (3 * sums.Length) < updates.Length; e += 4 * sums.Length)
            {
                float v0 = updates[e];
                float v1 = updates[e + sums.Length];
                float v2 = updates[e + (2 * sums.Length)];
                float v3 = updates[e + (3 * sums.Length)];
                sum += Sign(v0) + Sign(v1) + (Sign(v2) + Sign(v3));
            }

            for (; e < updates.Length; e += sums.Length)
            {
                sum += Sign(updates[e]);
            }

            sums[k] = sum;
        }
    }

    private static int Sign(float value) => (value > 0 ? 1 : 0) - (value < 0 ? 1 : 0);

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
