// shares[i] = the shares of the elements of row i that are positive, zero and negative.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// The shares of positive, zero and negative elements of each row of <paramref name="Updates"/> (n x d), into
/// <paramref name="Shares"/> (n x 3). NaN is none of them. The features of SignGuard: Xu et al., ICDCS 2022, section IV.
/// </summary>
[About("shares of positive, zero and negative elements of each row")]
public readonly record struct SignShares(Matrix Updates, Matrix Shares) : IOperation, ILaneOperation
{
    private const int Kinds = 3;

    /// <inheritdoc/>
    public Work Cost => new(3 * Updates.Length, Updates.Bytes, Shares.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key);
        Matrix shares = backend.AllocateMatrix(clients, Kinds);
        var operation = new SignShares(updates, shares);
        return new(() => backend.Run(operation), shares, operation.Cost, parameters, Magnitude: 1, Restore: null, [updates, shares]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Updates.Rows; i++)
        {
            long positive = 0;
            long zero = 0;
            long negative = 0;
            for (int k = 0; k < Updates.Columns; k++)
            {
                positive += Updates[i, k] > 0 ? 1 : 0;
                zero += Updates[i, k] == 0 ? 1 : 0;
                negative += Updates[i, k] < 0 ? 1 : 0;
            }

            Shares[i, 0] = (float)((double)positive / Updates.Columns);
            Shares[i, 1] = (float)((double)zero / Updates.Columns);
            Shares[i, 2] = (float)((double)negative / Updates.Columns);
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Updates.Rows, Updates.Length, new Rows(Updates.Host, Shares.Host, Updates.Columns));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => Lanes.Launch(this, gpu, Updates.Columns);

    void ILaneOperation.Launch<T>(GpuBackend gpu) =>
        gpu.Runtime.Launch(
            Kernel<T>, gpu.GroupEach(Updates.Rows), GpuBackend.Lanes<T>(Updates), GpuBackend.View(Shares), (long)Updates.Columns / T.Count);

    /// <summary>A group owns a row; its threads count every DimX-th element, or four of them, then add their counts in a fixed tree.</summary>
    private static void Kernel<T>(ArrayView<T> updates, ArrayView<float> shares, long columns) where T : unmanaged, ILanes<T>
    {
        ArrayView<double> shared = SharedMemory.Allocate<double>(GpuBackend.MaxGroupSize);
        for (long i = Grid.IdxX; i < shares.Length / Kinds; i += Grid.DimX)
        {
            long first = i * columns;
            long step = Group.DimX;
            long k = Group.IdxX;
            var counts = new Counts(0, 0, 0);
            for (; k + (3 * step) < columns; k += 4 * step)
            {
                T v0 = updates[first + k];
                T v1 = updates[first + k + step];
                T v2 = updates[first + k + (2 * step)];
                T v3 = updates[first + k + (3 * step)];
                counts = T.Tally(T.Tally(T.Tally(T.Tally(counts, v0), v1), v2), v3);
            }

            for (; k < columns; k += step)
            {
                counts = T.Tally(counts, updates[first + k]);
            }

            double positive = GroupSum.Of(counts.Positive, shared);
            double zero = GroupSum.Of(counts.Zero, shared);
            double negative = GroupSum.Of(counts.Negative, shared);
            if (Group.IdxX == 0)
            {
                shares[i * Kinds] = (float)(positive / (columns * T.Count));
                shares[(i * Kinds) + 1] = (float)(zero / (columns * T.Count));
                shares[(i * Kinds) + 2] = (float)(negative / (columns * T.Count));
            }
        }
    }

    private readonly struct Counts(int positive, int zero, int negative) : ITally<Counts>
    {
        public int Positive => positive;

        public int Zero => zero;

        public int Negative => negative;

        public Counts With(float value) => new(positive + (value > 0 ? 1 : 0), zero + (value == 0 ? 1 : 0), negative + (value < 0 ? 1 : 0));
    }

    private readonly unsafe struct Rows(float* updates, float* shares, int columns) : ITiles
    {
        public void Run(int tile, byte* scratch)
        {
            float* row = updates + ((long)tile * columns);
            Vector512<int> positives = Vector512<int>.Zero, zeros = positives, negatives = positives;
            int k = 0;
            for (; k + 16 <= columns; k += 16)
            {
                var values = Vector512.Load(row + k);
                positives -= Vector512.GreaterThan(values, Vector512<float>.Zero).AsInt32();
                zeros -= Vector512.Equals(values, Vector512<float>.Zero).AsInt32();
                negatives -= Vector512.LessThan(values, Vector512<float>.Zero).AsInt32();
            }

            int positive = Vector512.Sum(positives);
            int zero = Vector512.Sum(zeros);
            int negative = Vector512.Sum(negatives);
            for (; k < columns; k++)
            {
                positive += row[k] > 0 ? 1 : 0;
                zero += row[k] == 0 ? 1 : 0;
                negative += row[k] < 0 ? 1 : 0;
            }

            shares[tile * Kinds] = (float)((double)positive / columns);
            shares[(tile * Kinds) + 1] = (float)((double)zero / columns);
            shares[(tile * Kinds) + 2] = (float)((double)negative / columns);
        }
    }
}
