// end[k] = start[k] after many steps of x = x * a + b: nothing but arithmetic, so that its time is that of the multiply-add units.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Takes each element of <paramref name="Start"/> (1 x d) through <paramref name="Rounds"/> times 16 steps x = x * a + b, into
/// <paramref name="End"/> (1 x d). The elements are independent chains and stay in registers, so that it measures the peak of single-precision
/// multiply-adds. a is below 1: however long the chain, rounding does not add up.
/// </summary>
[About("chains of multiply-adds in registers: probe of the arithmetic peak")]
public readonly record struct MultiplyAdds(Matrix Start, Matrix End, int Rounds) : IOperation
{
    private const int StepsPerRound = 16;
    private const float Factor = 1 - (1f / 64);
    private const float Addend = 1f / 64;

    /// <inheritdoc/>
    public Work Cost => new(2L * StepsPerRound * Rounds * Start.Length, Start.Bytes, End.Bytes);

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        Matrix start = TestData.Normal(backend, 1, parameters, key, scale: 0.25f);
        Matrix end = backend.AllocateMatrix(1, parameters);
        var operation = new MultiplyAdds(start, end, clients);
        return new(() => backend.Run(operation), end, operation.Cost, parameters, Magnitude: 1, Restore: null, [start, end]);
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int k = 0; k < Start.Columns; k++)
        {
            double x = Start[k];
            for (int step = 0; step < Rounds * StepsPerRound; step++)
            {
                x = (x * Factor) + Addend;
            }

            End[k] = (float)x;
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile((Start.Columns + Chains.Width - 1) / Chains.Width, StepsPerRound * Rounds * Start.Length,
            new Chains(Start.Host, End.Host, Start.Columns, StepsPerRound * Rounds));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(Kernel, gpu.ThreadEach(Start.Length), GpuBackend.View(Start), GpuBackend.View(End), Rounds);

    /// <summary>A thread owns a chain; a device has enough threads under way to fill its pipes. The 16 steps are written out: loops are not unrolled.</summary>
    private static void Kernel(ArrayView<float> start, ArrayView<float> end, int rounds)
    {
        for (long k = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; k < start.Length; k += (long)Grid.DimX * Group.DimX)
        {
            float x = start[k];
            for (int round = 0; round < rounds; round++)
            {
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
                x = (x * Factor) + Addend;
            }

            end[k] = x;
        }
    }

    /// <summary>Twelve vectors of chains go side by side: two units with a latency of four cycles are busy with eight. Narrow ones leave four of sixteen registers.</summary>
    private readonly unsafe struct Chains(float* start, float* end, int columns, int steps) : ITiles
    {
        public const int Width = 12 * 16;

        public nuint ScratchBytes => Width * sizeof(float);

        public void Run(int tile, byte* scratch)
        {
            int k = tile * Width;
            int width = Math.Min(Width, columns - k);
            float* x = (float*)scratch;
            var chains = new Span<float>(x, Width);
            chains.Clear();
            new Span<float>(start + k, width).CopyTo(chains);
            if (Vector512.IsHardwareAccelerated)
            {
                StepWide(x);
            }
            else
            {
                StepNarrow(x);
                StepNarrow(x + (Width / 2));
            }

            chains[..width].CopyTo(new(end + k, width));
        }

        private void StepWide(float* x)
        {
            Vector512<float> a = Vector512.Create(Factor), b = Vector512.Create(Addend);
            Vector512<float> x0 = Vector512.Load(x), x1 = Vector512.Load(x + 16), x2 = Vector512.Load(x + 32), x3 = Vector512.Load(x + 48);
            Vector512<float> x4 = Vector512.Load(x + 64), x5 = Vector512.Load(x + 80), x6 = Vector512.Load(x + 96), x7 = Vector512.Load(x + 112);
            Vector512<float> x8 = Vector512.Load(x + 128), x9 = Vector512.Load(x + 144), x10 = Vector512.Load(x + 160), x11 = Vector512.Load(x + 176);
            for (int step = 0; step < steps; step++)
            {
                x0 = Vector512.MultiplyAddEstimate(x0, a, b);
                x1 = Vector512.MultiplyAddEstimate(x1, a, b);
                x2 = Vector512.MultiplyAddEstimate(x2, a, b);
                x3 = Vector512.MultiplyAddEstimate(x3, a, b);
                x4 = Vector512.MultiplyAddEstimate(x4, a, b);
                x5 = Vector512.MultiplyAddEstimate(x5, a, b);
                x6 = Vector512.MultiplyAddEstimate(x6, a, b);
                x7 = Vector512.MultiplyAddEstimate(x7, a, b);
                x8 = Vector512.MultiplyAddEstimate(x8, a, b);
                x9 = Vector512.MultiplyAddEstimate(x9, a, b);
                x10 = Vector512.MultiplyAddEstimate(x10, a, b);
                x11 = Vector512.MultiplyAddEstimate(x11, a, b);
            }

            x0.Store(x);
            x1.Store(x + 16);
            x2.Store(x + 32);
            x3.Store(x + 48);
            x4.Store(x + 64);
            x5.Store(x + 80);
            x6.Store(x + 96);
            x7.Store(x + 112);
            x8.Store(x + 128);
            x9.Store(x + 144);
            x10.Store(x + 160);
            x11.Store(x + 176);
        }

        private void StepNarrow(float* x)
        {
            Vector256<float> a = Vector256.Create(Factor), b = Vector256.Create(Addend);
            Vector256<float> x0 = Vector256.Load(x), x1 = Vector256.Load(x + 8), x2 = Vector256.Load(x + 16), x3 = Vector256.Load(x + 24);
            Vector256<float> x4 = Vector256.Load(x + 32), x5 = Vector256.Load(x + 40), x6 = Vector256.Load(x + 48), x7 = Vector256.Load(x + 56);
            Vector256<float> x8 = Vector256.Load(x + 64), x9 = Vector256.Load(x + 72), x10 = Vector256.Load(x + 80), x11 = Vector256.Load(x + 88);
            for (int step = 0; step < steps; step++)
            {
                x0 = Vector256.MultiplyAddEstimate(x0, a, b);
                x1 = Vector256.MultiplyAddEstimate(x1, a, b);
                x2 = Vector256.MultiplyAddEstimate(x2, a, b);
                x3 = Vector256.MultiplyAddEstimate(x3, a, b);
                x4 = Vector256.MultiplyAddEstimate(x4, a, b);
                x5 = Vector256.MultiplyAddEstimate(x5, a, b);
                x6 = Vector256.MultiplyAddEstimate(x6, a, b);
                x7 = Vector256.MultiplyAddEstimate(x7, a, b);
                x8 = Vector256.MultiplyAddEstimate(x8, a, b);
                x9 = Vector256.MultiplyAddEstimate(x9, a, b);
                x10 = Vector256.MultiplyAddEstimate(x10, a, b);
                x11 = Vector256.MultiplyAddEstimate(x11, a, b);
            }

            x0.Store(x);
            x1.Store(x + 8);
            x2.Store(x + 16);
            x3.Store(x + 24);
            x4.Store(x + 32);
            x5.Store(x + 40);
            x6.Store(x + 48);
            x7.Store(x + 56);
            x8.Store(x + 64);
            x9.Store(x + 72);
            x10.Store(x + 80);
            x11.Store(x + 88);
        }
    }
}
