// mean[k] and deviation[k]: the mean and the standard deviation of column k.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Mean and standard deviation of each column of <paramref name="Updates"/> (n x d), into <paramref name="Mean"/> and
/// <paramref name="Deviation"/> (1 x d). The sum of squares is divided by n - <paramref name="LostDegrees"/>: 0 or 1; where that is
/// zero the deviation is zero. In double precision.
/// </summary>
[About("mean and standard deviation of each column")]
public readonly record struct ColumnMoments(Matrix Updates, Matrix Mean, Matrix Deviation, int LostDegrees) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new(4 * Updates.Length, Updates.Bytes, Mean.Bytes + Deviation.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix updates = TestData.Normal(backend, clients, parameters, key);
        Matrix both = backend.AllocateMatrix(2, parameters);
        var operation = new ColumnMoments(updates, both.SliceRows(0, 1), both.SliceRows(1, 1), 1);
        return new(() => backend.Run(operation), both, operation.Cost, parameters, Magnitude: 1, Restore: null, [updates, both]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int k = 0; k < Updates.Columns; k++)
        {
            double sum = 0;
            for (int i = 0; i < Updates.Rows; i++)
            {
                sum += Updates[i, k];
            }

            double mean = sum / Updates.Rows;
            double squares = 0;
            for (int i = 0; i < Updates.Rows; i++)
            {
                squares += (Updates[i, k] - mean) * (Updates[i, k] - mean);
            }

            Mean[k] = (float)mean;
            Deviation[k] = Updates.Rows > LostDegrees ? (float)Math.Sqrt(squares / (Updates.Rows - LostDegrees)) : 0;
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile((Updates.Columns + Strips.Width - 1) / Strips.Width, 2 * Updates.Length,
            new Strips(Updates.Host, Mean.Host, Deviation.Host, Updates.Rows, Updates.Columns, LostDegrees));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu)
    {
        if (Updates.Columns % Float4.Count == 0)
        {
            Launch<Float4, FourSums>(gpu);
        }
        else
        {
            Launch<Float1, Sums>(gpu);
        }
    }

    private void Launch<T, TSums>(GpuBackend gpu) where T : unmanaged, ILanes<T> where TSums : struct, ISums<TSums, T> =>
        gpu.Runtime.Launch(
            Kernel<T, TSums>, gpu.ThreadEach(Updates.Columns / T.Count, ColumnWalk.GroupSize), GpuBackend.Lanes<T>(Updates), GpuBackend.Lanes<T>(Mean),
            GpuBackend.Lanes<T>(Deviation), LostDegrees);

    /// <summary>
    /// A thread owns a column, or four, and reads it once. Squares are those of differences from the first row: no value is further than
    /// sqrt(n - 1) standard deviations from the mean (Samuelson, 1968), so that the digits that cancel are few of a double's.
    /// </summary>
    private static void Kernel<T, TSums>(ArrayView<T> updates, ArrayView<T> mean, ArrayView<T> deviation, int lostDegrees)
        where T : unmanaged, ILanes<T> where TSums : struct, ISums<TSums, T>
    {
        long columns = mean.Length;
        long rows = updates.Length / columns;
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < columns; k += (long)Grid.DimX * Group.DimX)
        {
            TSums sums = ColumnWalk.Down(updates, k, columns, TSums.Around(updates[k]));
            mean[k] = sums.Mean(rows);
            deviation[k] = sums.Deviation(rows, lostDegrees);
        }
    }

    /// <summary>Sums of a column's values, of their differences from an origin among them, and of the squares of those; or the same of four columns.</summary>
    private interface ISums<TSelf, T> : IColumnState<TSelf, T> where TSelf : struct, ISums<TSelf, T> where T : unmanaged, ILanes<T>
    {
        static abstract TSelf Around(T origin);

        T Mean(long rows);

        T Deviation(long rows, int lostDegrees);
    }

    private readonly struct Sums(double origin, double values, double differences, double squares) : ISums<Sums, Float1>
    {
        public static Sums Around(Float1 origin) => new(origin.X, 0, 0, 0);

        public Sums With(Float1 row)
        {
            double difference = row.X - origin;
            return new(origin, values + row.X, differences + difference, squares + (difference * difference));
        }

        public Float1 Mean(long rows) => new((float)(values / rows));

        public Float1 Deviation(long rows, int lostDegrees)
        {
            double around = squares - (differences * differences / rows);
            // Rounding may leave less than nothing of values that agree; NaN stays NaN.
            return new(rows > lostDegrees ? (float)Math.Sqrt((around < 0 ? 0 : around) / (rows - lostDegrees)) : 0);
        }
    }

    private readonly struct FourSums(Sums x, Sums y, Sums z, Sums w) : ISums<FourSums, Float4>
    {
        public static FourSums Around(Float4 origin) =>
            new(Sums.Around(new(origin.X)), Sums.Around(new(origin.Y)), Sums.Around(new(origin.Z)), Sums.Around(new(origin.W)));

        public FourSums With(Float4 row) => new(x.With(new(row.X)), y.With(new(row.Y)), z.With(new(row.Z)), w.With(new(row.W)));

        public Float4 Mean(long rows) => new(x.Mean(rows).X, y.Mean(rows).X, z.Mean(rows).X, w.Mean(rows).X);

        public Float4 Deviation(long rows, int lostDegrees) =>
            new(x.Deviation(rows, lostDegrees).X, y.Deviation(rows, lostDegrees).X, z.Deviation(rows, lostDegrees).X, w.Deviation(rows, lostDegrees).X);
    }

    /// <summary>A tile is a strip of columns whose rows stay in cache between the two passes.</summary>
    private readonly unsafe struct Strips(float* updates, float* mean, float* deviation, int rows, int columns, int lostDegrees) : ITiles
    {
        public const int Width = 128;

        public nuint ScratchBytes => Width * 2 * sizeof(double);

        public void Run(int tile, byte* scratch)
        {
            int k = tile * Width;
            int width = Math.Min(Width, columns - k);
            double* average = (double*)scratch;
            double* squares = average + Width;
            new Span<double>(average, 2 * Width).Clear();
            for (int i = 0; i < rows; i++)
            {
                float* row = updates + ((long)i * columns) + k;
                for (int j = 0; j < width; j += 16)
                {
                    // Whole vectors, also past the end of the row: what they add there is never written out.
                    (Vector512<double> a, Vector512<double> b) = Vector512.Widen(Vector512.Load(row + j));
                    (Vector512.Load(average + j) + a).Store(average + j);
                    (Vector512.Load(average + j + 8) + b).Store(average + j + 8);
                }
            }

            var count = Vector512.Create((double)rows);
            for (int j = 0; j < Width; j += 8)
            {
                (Vector512.Load(average + j) / count).Store(average + j);
            }

            for (int i = 0; i < rows; i++)
            {
                float* row = updates + ((long)i * columns) + k;
                for (int j = 0; j < width; j += 16)
                {
                    (Vector512<double> a, Vector512<double> b) = Vector512.Widen(Vector512.Load(row + j));
                    a -= Vector512.Load(average + j);
                    b -= Vector512.Load(average + j + 8);
                    (Vector512.Load(squares + j) + (a * a)).Store(squares + j);
                    (Vector512.Load(squares + j + 8) + (b * b)).Store(squares + j + 8);
                }
            }

            for (int j = 0; j < width; j++)
            {
                mean[k + j] = (float)average[j];
                deviation[k + j] = rows > lostDegrees ? (float)Math.Sqrt(squares[j] / (rows - lostDegrees)) : 0;
            }
        }
    }
}
