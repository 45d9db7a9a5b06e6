// updates[i, k] += deviations[i] * a normal number that depends on the key, i and k alone.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Adds independent Gaussian noise to <paramref name="Updates"/> (n x d), in place: row i gets the standard deviation
/// <paramref name="Deviations"/>[i] (1 x n). Element (i, k) draws from Philox with <paramref name="Key"/> and the counter
/// (block of k, i), so the noise is the same on every backend. A deviation of zero leaves its row as it is. Where the rows are a window of
/// more, <paramref name="FirstRow"/> is the number of the first one there, and they get the noise of their numbers.
/// </summary>
[About("adds Gaussian noise of a standard deviation per row, in place")]
public readonly record struct AddGaussianNoise(Matrix Updates, Matrix Deviations, RngKey Key, int FirstRow = 0) : IOperation
{
    // 64 columns are 16 counters of four words each: word w of counter l belongs to column 16 w + l, so that a vector of
    // counters gives vectors of neighbouring columns, and threads write neighbouring elements.
    private const int BlockColumns = 64;
    private const int Lanes = 16;
    private const int FlopsPerNormal = 30;

    /// <inheritdoc/>
    public Work Cost => new(FlopsPerNormal * Updates.Length, Updates.Bytes + Deviations.Bytes, Updates.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = backend.AllocateMatrix(clients, parameters);
        Matrix deviations = backend.Upload(1, clients, [.. Enumerable.Range(0, clients).Select(i => 1f + (i % 4))]);
        Matrix zeros = backend.Upload(1, clients, new float[clients]);
        var operation = new AddGaussianNoise(updates, deviations, key);
        void Clear() => backend.Run(new ScaleRows(updates, zeros));
        Clear();
        return new(() => backend.Run(operation), updates, operation.Cost, parameters, Magnitude: 4, Clear, [updates, deviations, zeros]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Updates.Rows; i++)
        {
            for (int k = 0; k < Updates.Columns; k++)
            {
                if (Deviations[i] == 0)
                {
                    continue;
                }

                int word = k % BlockColumns / Lanes;
                uint counter = (uint)((k / BlockColumns * Lanes) + (k % Lanes));
                Words words = Philox.Block(Key.A, Key.B, counter, 0, (uint)(FirstRow + i), 0);
                double normal = word switch
                {
                    0 => NormalBits.FirstExact(words.A, words.B),
                    1 => NormalBits.SecondExact(words.A, words.B),
                    2 => NormalBits.FirstExact(words.C, words.D),
                    _ => NormalBits.SecondExact(words.C, words.D),
                };
                Updates[i, k] = (float)(Updates[i, k] + (Deviations[i] * normal));
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(Updates.Rows, Updates.Length, new Rows(Updates.Host, Deviations.Host, Updates.Columns, Key, FirstRow));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu)
    {
        if (Updates.Columns % Float4.Count == 0)
        {
            Launch<Float4, FourNormals>(gpu);
        }
        else
        {
            Launch<Float1, Normals>(gpu);
        }
    }

    private void Launch<T, TNormals>(GpuBackend gpu) where T : unmanaged, ILanes<T> where TNormals : struct, INormals<TNormals, T>
    {
        long counters = (long)Updates.Rows * ((Updates.Columns + BlockColumns - 1) / BlockColumns) * Lanes;
        gpu.Runtime.Launch(Kernel<T, TNormals>, gpu.ThreadEach(counters / T.Count), GpuBackend.Lanes<T>(Updates), GpuBackend.View(Deviations), Key, FirstRow);
    }

    /// <summary>A thread owns a counter, or four neighbouring ones: four elements, or four times four, sixteen columns apart.</summary>
    private static void Kernel<T, TNormals>(ArrayView<T> updates, ArrayView<float> deviations, RngKey key, int firstRow)
        where T : unmanaged, ILanes<T> where TNormals : struct, INormals<TNormals, T>
    {
        // All in elements of so many lanes.
        int block = BlockColumns / T.Count;
        int word = Lanes / T.Count;
        long columns = updates.Length / deviations.Length;
        long perRow = (columns + block - 1) / block * word;
        for (long t = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; t < deviations.Length * perRow; t += (long)Grid.DimX * Group.DimX)
        {
            long i = t / perRow;
            long counter = t - (i * perRow);
            float deviation = deviations[i];
            if (deviation != 0)
            {
                TNormals normals = TNormals.At(key, (uint)(counter * T.Count), (uint)(firstRow + i));
                long k = (counter / word * block) + (counter % word);
                Add(updates, i, k, columns, deviation * normals.First);
                Add(updates, i, k + word, columns, deviation * normals.Second);
                Add(updates, i, k + (2 * word), columns, deviation * normals.Third);
                Add(updates, i, k + (3 * word), columns, deviation * normals.Fourth);
            }
        }
    }

    private static void Add<T>(ArrayView<T> updates, long i, long k, long columns, T value) where T : unmanaged, ILanes<T>
    {
        if (k < columns)
        {
            updates[(i * columns) + k] += value;
        }
    }

    /// <summary>The normal numbers of a counter, or of four neighbouring ones, word by word.</summary>
    private interface INormals<TSelf, T> where TSelf : struct, INormals<TSelf, T> where T : unmanaged, ILanes<T>
    {
        T First { get; }

        T Second { get; }

        T Third { get; }

        T Fourth { get; }

        static abstract TSelf At(RngKey key, uint counter, uint row);
    }

    private readonly struct Normals(Words words) : INormals<Normals, Float1>
    {
        public Float1 First => new(NormalBits.First(words.A, words.B));

        public Float1 Second => new(NormalBits.Second(words.A, words.B));

        public Float1 Third => new(NormalBits.First(words.C, words.D));

        public Float1 Fourth => new(NormalBits.Second(words.C, words.D));

        public static Normals At(RngKey key, uint counter, uint row) => new(Philox.Block(key.A, key.B, counter, 0, row, 0));
    }

    private readonly struct FourNormals(Normals x, Normals y, Normals z, Normals w) : INormals<FourNormals, Float4>
    {
        public Float4 First => new(x.First.X, y.First.X, z.First.X, w.First.X);

        public Float4 Second => new(x.Second.X, y.Second.X, z.Second.X, w.Second.X);

        public Float4 Third => new(x.Third.X, y.Third.X, z.Third.X, w.Third.X);

        public Float4 Fourth => new(x.Fourth.X, y.Fourth.X, z.Fourth.X, w.Fourth.X);

        public static FourNormals At(RngKey key, uint counter, uint row) =>
            new(Normals.At(key, counter, row), Normals.At(key, counter + 1, row), Normals.At(key, counter + 2, row), Normals.At(key, counter + 3, row));
    }

    private readonly unsafe struct Rows(float* updates, float* deviations, int columns, RngKey key, int firstRow) : ITiles
    {
        public nuint ScratchBytes => BlockColumns * sizeof(float);

        public void Run(int tile, byte* scratch)
        {
            float* row = updates + ((long)tile * columns);
            if (deviations[tile] == 0)
            {
                return;
            }

            var deviation = Vector512.Create(deviations[tile]);
            float* noise = (float*)scratch;
            for (int k = 0; k < columns; k += BlockColumns)
            {
                Vector512<uint> a = Vector512.Create((uint)(k / BlockColumns * Lanes)) + Vector512<uint>.Indices;
                Vector512<uint> b = Vector512<uint>.Zero;
                Vector512<uint> c = Vector512.Create((uint)(firstRow + tile));
                Vector512<uint> d = Vector512<uint>.Zero;
                Philox.Block(key.A, key.B, ref a, ref b, ref c, ref d);
                (Vector512<float> n0, Vector512<float> n1) = NormalBits.Pair(a, b);
                (Vector512<float> n2, Vector512<float> n3) = NormalBits.Pair(c, d);
                if (k + BlockColumns <= columns)
                {
                    float* p = row + k;
                    (Vector512.Load(p) + (deviation * n0)).Store(p);
                    (Vector512.Load(p + 16) + (deviation * n1)).Store(p + 16);
                    (Vector512.Load(p + 32) + (deviation * n2)).Store(p + 32);
                    (Vector512.Load(p + 48) + (deviation * n3)).Store(p + 48);
                    continue;
                }

                (deviation * n0).Store(noise);
                (deviation * n1).Store(noise + 16);
                (deviation * n2).Store(noise + 32);
                (deviation * n3).Store(noise + 48);
                for (int j = 0; k + j < columns; j++)
                {
                    row[k + j] += noise[j];
                }
            }
        }
    }
}
