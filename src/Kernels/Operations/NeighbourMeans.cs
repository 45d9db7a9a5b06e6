// means[i] = the mean of row i's distances to its nearest others: Krum's score of a row, before it is a sum.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// For each of n rows whose distances to one another are in <paramref name="Distances"/> (n x n, symmetric, none negative, zero on the diagonal)
/// the mean of those to the <paramref name="Neighbours"/> nearest other rows (1 to n - 1) into <paramref name="Means"/> (1 x n). NaN is farther
/// than infinity, so a mean is NaN where one is among the nearest. Summed in double precision and rounded once. A mean, because a sum
/// could be too large for a float. Krum's score: Blanchard et al., NeurIPS 2017.
/// </summary>
[About("mean distance of each row to its nearest others")]
public readonly record struct NeighbourMeans(Matrix Distances, Matrix Means, int Neighbours) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => Ranks.Cost;

    // A row's distances are also a column's, and the first in the order of a column is the row itself, at distance zero.
    private RankMean Ranks => new(Distances, Means, First: 1, Last: Neighbours);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        int n = Math.Max(2, clients); // a row alone has no neighbours
        Matrix distances = TestData.Normal(backend, n, n, key);
        float[] symmetric = distances.ToArray();
        for (int i = 0; i < n; i++)
        {
            symmetric[(i * n) + i] = 0;
            for (int j = 0; j < i; j++)
            {
                symmetric[(i * n) + j] = symmetric[(j * n) + i] = MathF.Abs(symmetric[(i * n) + j]);
            }
        }

        distances.CopyFrom(symmetric);
        Matrix means = backend.AllocateMatrix(1, n);
        var operation = new NeighbourMeans(distances, means, Math.Max(1, n - (n / 5) - 2));
        return new(() => backend.Run(operation), means, operation.Cost, parameters, Magnitude: 1, Restore: null, [distances, means]);
    }

    /// <inheritdoc/>
    public void Reference() => Ranks.Reference();

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Distances.Rows, 8 * Distances.Length, new Rows(Distances.Host, Means.Host, Distances.Rows, Neighbours));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) => PanelRankMean.Launch(gpu, Distances, Means, first: 1, last: Neighbours); // no kernel of its own for each n and f

    /// <summary>
    /// A tile is a row, which stays in the cache while bisection on the bits of its distances finds the farthest that counts: nothing is prepared
    /// for one n and one number of neighbours, as a network would be, for n columns are too few to be worth it.
    /// </summary>
    private readonly unsafe struct Rows(float* distances, float* means, int n, int neighbours) : ITiles
    {
        private const int Lanes = 16;

        public nuint ScratchBytes => (nuint)Padded * sizeof(int);

        private int Padded => (n + Lanes - 1) / Lanes * Lanes;

        public void Run(int tile, byte* scratch)
        {
            // The bits of a distance without its sign, which NaN may have, are in its order. The row itself, and what fills the last vector, are
            // greater than any bound.
            int* keys = (int*)scratch;
            new Span<int>(keys + Padded - Lanes, Lanes).Fill(int.MaxValue);
            new Span<int>(distances + ((long)tile * n), n).CopyTo(new(keys, n));
            keys[tile] = int.MaxValue;
            for (int j = 0; j < Padded; j += Lanes)
            {
                (Vector512.Load(keys + j) & Vector512.Create(int.MaxValue)).Store(keys + j);
            }

            int bound = 0;
            int below = 0;
            for (int bit = 30; bit >= 0 && below != neighbours; bit--)
            {
                int trial = bound | (1 << bit);
                int count = CountBelow(keys, trial);
                (bound, below) = count > neighbours ? (bound, below) : (trial, count);
            }

            // Fewer are below the bound only where several distances are equal to it.
            double equal = below == neighbours ? 0 : (double)Interop.IntAsFloat((uint)bound) * (neighbours - below);
            means[tile] = (float)((SumBelow(keys, bound) + equal) / neighbours);
        }

        private double SumBelow(int* keys, int bound)
        {
            var limit = Vector512.Create(bound);
            Vector512<double> lower = Vector512<double>.Zero, upper = lower;
            for (int j = 0; j < Padded; j += Lanes)
            {
                Vector512<int> key = Vector512.Load(keys + j);
                (Vector512<double> a, Vector512<double> b) = Vector512.Widen((key & Vector512.LessThan(key, limit)).AsSingle());
                lower += a;
                upper += b;
            }

            return Vector512.Sum(lower + upper);
        }

        private int CountBelow(int* keys, int bound)
        {
            var limit = Vector512.Create(bound);
            Vector512<int> below = Vector512<int>.Zero;
            for (int j = 0; j < Padded; j += Lanes)
            {
                below -= Vector512.LessThan(Vector512.Load(keys + j), limit);
            }

            return Vector512.Sum(below);
        }
    }
}
