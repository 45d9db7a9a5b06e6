// Values that go round a ring of compare-exchanges: nothing but minima and maxima, so that its time is that of their units.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Compares and exchanges the eight values of each column of <paramref name="Values"/> (8 x d) with their neighbours, <paramref name="Rounds"/>
/// times 16 exchanges, into <paramref name="Moved"/> (8 x d). The eight form a ring, in which large values rise and begin again at the bottom, so
/// that it never comes to rest: no exchange can be left out. It is done on integer keys in registers, as sorting networks are, and measures
/// the peak of compare-exchanges.
/// </summary>
[About("compare-exchanges in registers: probe of the sorting peak")]
public readonly record struct CompareExchanges(Matrix Values, Matrix Moved, int Rounds) : IOperation
{
    private const int Ring = 8;
    private const int TurnsPerRound = 2;

    /// <inheritdoc/>
    public Work Cost
    {
        get
        {
            long exchanges = (long)Ring * TurnsPerRound * Rounds * Values.Columns;
            return new(exchanges, Values.Bytes, Moved.Bytes, exchanges);
        }
    }

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix values = TestData.Normal(backend, Ring, parameters, key);
        Matrix moved = backend.AllocateMatrix(Ring, parameters);
        var operation = new CompareExchanges(values, moved, clients);
        return new(() => backend.Run(operation), moved, operation.Cost, parameters, Magnitude: 1, Restore: null, [values, moved]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        float[] ring = new float[Ring];
        for (int k = 0; k < Values.Columns; k++)
        {
            for (int i = 0; i < Ring; i++)
            {
                ring[i] = Values[i, k];
            }

            // A turn: (0,1) (2,3) (4,5) (6,7), then (1,2) (3,4) (5,6) (7,0).
            for (int exchange = 0; exchange < Ring * TurnsPerRound * Rounds; exchange++)
            {
                int low = exchange % Ring < Ring / 2 ? exchange % Ring * 2 : (exchange % Ring * 2) - Ring + 1;
                int high = (low + 1) % Ring;
                (ring[low], ring[high]) = (Math.Min(ring[low], ring[high]), Math.Max(ring[low], ring[high]));
            }

            for (int i = 0; i < Ring; i++)
            {
                Moved[i, k] = ring[i];
            }
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile((Values.Columns + Columns.Width - 1) / Columns.Width, Cost.CompareExchanges,
            new Columns(Values.Host, Moved.Host, Values.Columns, TurnsPerRound * Rounds));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel, gpu.ThreadEach(Values.Columns), GpuBackend.View(Values), GpuBackend.View(Moved), Rounds);

    /// <summary>A thread owns a column. A round's two turns are written out: loops are not unrolled.</summary>
    private static void Kernel(ArrayView<float> values, ArrayView<float> moved, int rounds)
    {
        long columns = values.Length / Ring;
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < columns; k += (long)Grid.DimX * Group.DimX)
        {
            int a0 = OrderedKey.Of(values[k]), a1 = OrderedKey.Of(values[k + columns]);
            int a2 = OrderedKey.Of(values[k + (2 * columns)]), a3 = OrderedKey.Of(values[k + (3 * columns)]);
            int a4 = OrderedKey.Of(values[k + (4 * columns)]), a5 = OrderedKey.Of(values[k + (5 * columns)]);
            int a6 = OrderedKey.Of(values[k + (6 * columns)]), a7 = OrderedKey.Of(values[k + (7 * columns)]);
            for (int round = 0; round < rounds; round++)
            {
                int b0 = IntrinsicMath.Min(a0, a1), b1 = IntrinsicMath.Max(a0, a1);
                int b2 = IntrinsicMath.Min(a2, a3), b3 = IntrinsicMath.Max(a2, a3);
                int b4 = IntrinsicMath.Min(a4, a5), b5 = IntrinsicMath.Max(a4, a5);
                int b6 = IntrinsicMath.Min(a6, a7), b7 = IntrinsicMath.Max(a6, a7);
                int c1 = IntrinsicMath.Min(b1, b2), c2 = IntrinsicMath.Max(b1, b2);
                int c3 = IntrinsicMath.Min(b3, b4), c4 = IntrinsicMath.Max(b3, b4);
                int c5 = IntrinsicMath.Min(b5, b6), c6 = IntrinsicMath.Max(b5, b6);
                int c7 = IntrinsicMath.Min(b7, b0), c0 = IntrinsicMath.Max(b7, b0);
                int d0 = IntrinsicMath.Min(c0, c1), d1 = IntrinsicMath.Max(c0, c1);
                int d2 = IntrinsicMath.Min(c2, c3), d3 = IntrinsicMath.Max(c2, c3);
                int d4 = IntrinsicMath.Min(c4, c5), d5 = IntrinsicMath.Max(c4, c5);
                int d6 = IntrinsicMath.Min(c6, c7), d7 = IntrinsicMath.Max(c6, c7);
                a1 = IntrinsicMath.Min(d1, d2);
                a2 = IntrinsicMath.Max(d1, d2);
                a3 = IntrinsicMath.Min(d3, d4);
                a4 = IntrinsicMath.Max(d3, d4);
                a5 = IntrinsicMath.Min(d5, d6);
                a6 = IntrinsicMath.Max(d5, d6);
                a7 = IntrinsicMath.Min(d7, d0);
                a0 = IntrinsicMath.Max(d7, d0);
            }

            moved[k] = OrderedKey.ToFloat(a0);
            moved[k + columns] = OrderedKey.ToFloat(a1);
            moved[k + (2 * columns)] = OrderedKey.ToFloat(a2);
            moved[k + (3 * columns)] = OrderedKey.ToFloat(a3);
            moved[k + (4 * columns)] = OrderedKey.ToFloat(a4);
            moved[k + (5 * columns)] = OrderedKey.ToFloat(a5);
            moved[k + (6 * columns)] = OrderedKey.ToFloat(a6);
            moved[k + (7 * columns)] = OrderedKey.ToFloat(a7);
        }
    }

    /// <summary>A tile is 32 columns, whose keys are made, moved and turned back into floats.</summary>
    private readonly unsafe struct Columns(float* values, float* moved, int columns, int turns) : ITiles
    {
        public const int Width = 32;

        public nuint ScratchBytes => Ring * Width * sizeof(int);

        public void Run(int tile, byte* scratch)
        {
            int k = tile * Width;
            int width = Math.Min(Width, columns - k);
            int* keys = (int*)scratch;
            for (int i = 0; i < Ring; i++)
            {
                new Span<float>(values + ((long)i * columns) + k, width).CopyTo(new(keys + (i * Width), width));
            }

            for (int i = 0; i < Ring * Width; i += 16)
            {
                OrderedKey.OfBits(Vector512.Load(keys + i)).Store(keys + i);
            }

            if (Vector512.IsHardwareAccelerated)
            {
                TurnWide(keys);
            }
            else
            {
                for (int j = 0; j < Width; j += 8)
                {
                    TurnNarrow(keys + j);
                }
            }

            for (int i = 0; i < Ring * Width; i += 16)
            {
                OrderedKey.ToFloat(Vector512.Load(keys + i)).AsInt32().Store(keys + i);
            }

            for (int i = 0; i < Ring; i++)
            {
                new Span<float>(keys + (i * Width), width).CopyTo(new(moved + ((long)i * columns) + k, width));
            }
        }

        /// <summary>Two rings at once, of sixteen columns each: one alone leaves units idle.</summary>
        private void TurnWide(int* keys)
        {
            Vector512<int> a0 = Vector512.Load(keys), a1 = Vector512.Load(keys + 32);
            Vector512<int> a2 = Vector512.Load(keys + 64), a3 = Vector512.Load(keys + 96);
            Vector512<int> a4 = Vector512.Load(keys + 128), a5 = Vector512.Load(keys + 160);
            Vector512<int> a6 = Vector512.Load(keys + 192), a7 = Vector512.Load(keys + 224);
            Vector512<int> b0 = Vector512.Load(keys + 16), b1 = Vector512.Load(keys + 48);
            Vector512<int> b2 = Vector512.Load(keys + 80), b3 = Vector512.Load(keys + 112);
            Vector512<int> b4 = Vector512.Load(keys + 144), b5 = Vector512.Load(keys + 176);
            Vector512<int> b6 = Vector512.Load(keys + 208), b7 = Vector512.Load(keys + 240);
            for (int turn = 0; turn < turns; turn++)
            {
                Exchange(ref a0, ref a1);
                Exchange(ref a2, ref a3);
                Exchange(ref a4, ref a5);
                Exchange(ref a6, ref a7);
                Exchange(ref b0, ref b1);
                Exchange(ref b2, ref b3);
                Exchange(ref b4, ref b5);
                Exchange(ref b6, ref b7);
                Exchange(ref a1, ref a2);
                Exchange(ref a3, ref a4);
                Exchange(ref a5, ref a6);
                Exchange(ref a7, ref a0);
                Exchange(ref b1, ref b2);
                Exchange(ref b3, ref b4);
                Exchange(ref b5, ref b6);
                Exchange(ref b7, ref b0);
            }

            a0.Store(keys);
            a1.Store(keys + 32);
            a2.Store(keys + 64);
            a3.Store(keys + 96);
            a4.Store(keys + 128);
            a5.Store(keys + 160);
            a6.Store(keys + 192);
            a7.Store(keys + 224);
            b0.Store(keys + 16);
            b1.Store(keys + 48);
            b2.Store(keys + 80);
            b3.Store(keys + 112);
            b4.Store(keys + 144);
            b5.Store(keys + 176);
            b6.Store(keys + 208);
            b7.Store(keys + 240);
        }

        /// <summary>One ring of eight columns: as much as sixteen registers hold.</summary>
        private void TurnNarrow(int* keys)
        {
            Vector256<int> a0 = Vector256.Load(keys), a1 = Vector256.Load(keys + 32);
            Vector256<int> a2 = Vector256.Load(keys + 64), a3 = Vector256.Load(keys + 96);
            Vector256<int> a4 = Vector256.Load(keys + 128), a5 = Vector256.Load(keys + 160);
            Vector256<int> a6 = Vector256.Load(keys + 192), a7 = Vector256.Load(keys + 224);
            for (int turn = 0; turn < turns; turn++)
            {
                Exchange(ref a0, ref a1);
                Exchange(ref a2, ref a3);
                Exchange(ref a4, ref a5);
                Exchange(ref a6, ref a7);
                Exchange(ref a1, ref a2);
                Exchange(ref a3, ref a4);
                Exchange(ref a5, ref a6);
                Exchange(ref a7, ref a0);
            }

            a0.Store(keys);
            a1.Store(keys + 32);
            a2.Store(keys + 64);
            a3.Store(keys + 96);
            a4.Store(keys + 128);
            a5.Store(keys + 160);
            a6.Store(keys + 192);
            a7.Store(keys + 224);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Exchange(ref Vector512<int> low, ref Vector512<int> high)
        {
            Vector512<int> smaller = Vector512.Min(low, high);
            high = Vector512.Max(low, high);
            low = smaller;
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void Exchange(ref Vector256<int> low, ref Vector256<int> high)
        {
            Vector256<int> smaller = Vector256.Min(low, high);
            high = Vector256.Max(low, high);
            low = smaller;
        }
    }
}
