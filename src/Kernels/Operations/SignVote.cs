// vote[k] = step * sign(sum over i of sign(updates[i, k])): what most rows want of each coordinate.
namespace FlGpu.Kernels;

/// <summary>
/// The majority of the signs of each column of <paramref name="Updates"/> (n x d), as plus or minus <paramref name="Step"/>, into
/// <paramref name="Vote"/> (1 x d); zero where as many are positive as negative. Zero and NaN have no sign, infinity has its own.
/// </summary>
[About("majority vote of the signs of each column")]
public readonly record struct SignVote(Matrix Updates, Matrix Vote, float Step) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new(2 * Updates.Length, Updates.Bytes, Vote.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key);
        Matrix vote = backend.AllocateMatrix(1, parameters);
        var operation = new SignVote(updates, vote, 0.5f);
        return new(() => backend.Run(operation), vote, operation.Cost, parameters, Magnitude: 1, Restore: null, [updates, vote]);
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

            Vote[k] = Step * Math.Sign(sum);
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile((Updates.Columns + SignSums.Width - 1) / SignSums.Width, Updates.Length,
            new Columns(Updates.Host, Vote.Host, Updates.Rows, Updates.Columns, Step));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel, gpu.ThreadEach(Updates.Columns), GpuBackend.View(Updates), GpuBackend.View(Vote), Step);

    /// <summary>A thread owns a column.</summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<float> vote, float step)
    {
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < vote.Length; k += (long)Grid.DimX * Group.DimX)
        {
            int sum = SignSums.Of(updates, k, vote.Length);
            vote[k] = sum > 0 ? step : sum < 0 ? -step : 0;
        }
    }

    private readonly unsafe struct Columns(float* updates, float* vote, int rows, int columns, float step) : ITiles
    {
        public nuint ScratchBytes => SignSums.Width * sizeof(int);

        public void Run(int tile, byte* scratch)
        {
            long first = (long)tile * SignSums.Width;
            int width = (int)Math.Min(SignSums.Width, columns - first);
            int* sums = (int*)scratch;
            SignSums.Add(sums, updates + first, rows, columns, width);
            for (int k = 0; k < width; k++)
            {
                vote[first + k] = step * Math.Sign(sums[k]);
            }
        }
    }
}
