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
        simd.ForEachTile((Updates.Columns + Columns.Width - 1) / Columns.Width, 2 * Updates.Length,
            new Columns(Updates.Host, Mean.Host, Deviation.Host, Updates.Rows, Updates.Columns, LostDegrees));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel, gpu.ThreadEach(Updates.Columns), GpuBackend.View(Updates), GpuBackend.View(Mean), GpuBackend.View(Deviation), LostDegrees);

    /// <summary>
    /// A thread owns a column and reads it once, eight rows on their way at once. Squares are those of differences from the first row: no
    /// value is further than sqrt(n - 1) standard deviations from the mean (Samuelson, 1968), so that the digits that cancel are few of a double's.
    /// </summary>
    private static void Kernel(ArrayView<float> updates, ArrayView<float> mean, ArrayView<float> deviation, int lostDegrees)
    {
        long columns = mean.Length;
        long rows = updates.Length / columns;
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < columns; k += (long)Grid.DimX * Group.DimX)
        {
            var sums = new Sums(updates[k], 0, 0, 0);
            long e = k;
            for (; e + (7 * columns) < updates.Length; e += 8 * columns)
            {
                float v0 = updates[e];
                float v1 = updates[e + columns];
                float v2 = updates[e + (2 * columns)];
                float v3 = updates[e + (3 * columns)];
                float v4 = updates[e + (4 * columns)];
                float v5 = updates[e + (5 * columns)];
                float v6 = updates[e + (6 * columns)];
                float v7 = updates[e + (7 * columns)];
                sums = sums.With(v0).With(v1).With(v2).With(v3).With(v4).With(v5).With(v6).With(v7);
            }

            for (; e < updates.Length; e += columns)
            {
                sums = sums.With(updates[e]);
            }

            mean[k] = (float)(sums.Values / rows);
            deviation[k] = rows > lostDegrees ? (float)Math.Sqrt(sums.SquaresAroundMean(rows) / (rows - lostDegrees)) : 0;
        }
    }

    /// <summary>Sums of a column's values, of their differences from an origin among them, and of the squares of those.</summary>
    private readonly struct Sums(double origin, double values, double differences, double squares)
    {
        public double Values => values;

        public Sums With(float value)
        {
            double difference = value - origin;
            return new(origin, values + value, differences + difference, squares + (difference * difference));
        }

        public double SquaresAroundMean(long rows)
        {
            double around = squares - (differences * differences / rows);
            // Rounding may leave less than nothing of values that agree; NaN stays NaN.
            return around < 0 ? 0 : around;
        }
    }

    /// <summary>A tile is a strip of columns whose rows stay in cache between the two passes.</summary>
    private readonly unsafe struct Columns(float* updates, float* mean, float* deviation, int rows, int columns, int lostDegrees) : ITiles
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
