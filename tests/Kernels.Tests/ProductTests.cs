// The matrix product of the vector code against three loops: every tile, both directions of the left factor, every end.
namespace FlGpu.Kernels.Tests;

public sealed unsafe class ProductTests
{
    private const int MaxRows = 21;
    private const int MaxDepth = 9;
    private const int Stride = 24;
    private const int MaxWidth = 112;

    [Fact]
    public void Every_shape_is_the_sum_of_its_products()
    {
        using Buffers at = new();
        for (int rows = 1; rows <= MaxRows; rows++)
        {
            foreach (int width in (int[])[16, 32, 48, 64, 112])
            {
                foreach (int depth in (int[])[0, 1, 9])
                {
                    Check<FromZero>(at, rows, width, depth, (product, _, _) => product);
                    Check<Accumulate>(at, rows, width, depth, (product, before, _) => before + product);
                    Check<WithRowBias>(at, rows, width, depth, (product, _, side) => side + product);
                    Check<WithBiasRectified>(at, rows, width, depth, (product, _, side) => Math.Max(0, side + product));
                    Check<WhereActive>(at, rows, width, depth, (product, _, side) => side > 0 ? product : 0);
                }
            }
        }
    }

    [Fact]
    public void Rows_are_added_up()
    {
        using Buffers at = new();
        foreach (int width in (int[])[16, 64, 112])
        {
            at.Fill();
            float[] before = [.. new Span<float>(at.C, width)];
            Product.AddRows(at.C, at.B, width, MaxDepth);
            for (int j = 0; j < width; j++)
            {
                Assert.Equal(before[j] + Enumerable.Range(0, MaxDepth).Sum(k => at.B[(k * width) + j]), at.C[j], 1e-5f);
            }
        }
    }

    private static void Check<TEnds>(Buffers at, int rows, int width, int depth, Func<float, float, float, float> end)
        where TEnds : struct, IEnds
    {
        Check<TEnds, EvenRows>(at, new(at.A, Stride), rows, width, depth, end);
        Check<TEnds, EvenColumns>(at, new(at.A, Stride), rows, width, depth, end);
        Check<TEnds, RowList>(at, new(at.Lines), rows, width, depth, end);
        Check<TEnds, ColumnList>(at, new(at.Lines), rows, width, depth, end);
    }

    private static void Check<TEnds, TLeft>(Buffers at, TLeft a, int rows, int width, int depth, Func<float, float, float, float> end)
        where TEnds : struct, IEnds
        where TLeft : struct, ILeftFactor
    {
        at.Fill();
        int sideRow = TEnds.Along == 0 ? 1 : width;
        float[] before = [.. new Span<float>(at.C, (MaxRows + 1) * MaxWidth)];
        Product.Run<TEnds, TLeft>(at.C, width, a, at.B, width, rows, depth, at.Side, sideRow);
        for (int r = 0; r < rows; r++)
        {
            for (int j = 0; j < width; j++)
            {
                float product = 0;
                for (int k = 0; k < depth; k++)
                {
                    product += (TLeft.HasColumns ? a.Line(k)[r] : a.Line(r)[k]) * at.B[(k * width) + j];
                }

                float expected = end(product, before[(r * width) + j], at.Side[(r * sideRow) + (j * TEnds.Along)]);
                Assert.Equal(expected, at.C[(r * width) + j], 1e-5f);
            }
        }

        for (int k = rows * width; k < before.Length; k++)
        {
            Assert.Equal(before[k], at.C[k]);
        }
    }

    /// <summary>A's lines backwards in their list; numbers of both signs everywhere.</summary>
    private sealed class Buffers : IDisposable
    {
        private readonly HostBuffer<float> _a = new((MaxRows + 1) * Stride);
        private readonly HostBuffer<float> _b = new(MaxDepth * MaxWidth);
        private readonly HostBuffer<float> _c = new((MaxRows + 1) * MaxWidth);
        private readonly HostBuffer<float> _side = new(MaxRows * MaxWidth);
        private readonly HostBuffer<long> _lines = new(MaxRows);

        public Buffers()
        {
            Fill();
            for (int i = 0; i < MaxRows; i++)
            {
                Lines[i] = A + ((MaxRows - 1 - i) * Stride);
            }
        }

        public float* A => _a.Pointer;

        public float* B => _b.Pointer;

        public float* C => _c.Pointer;

        public float* Side => _side.Pointer;

        public float** Lines => (float**)_lines.Pointer;

        public void Fill()
        {
            RngStream stream = RngKey.FromSeed(7).Stream();
            foreach (HostBuffer<float> buffer in (HostBuffer<float>[])[_a, _b, _c, _side])
            {
                for (int k = 0; k < buffer.Length; k++)
                {
                    buffer.Pointer[k] = (float)((2 * stream.NextDouble()) - 1);
                }
            }
        }

        public void Dispose()
        {
            _a.Dispose();
            _b.Dispose();
            _c.Dispose();
            _side.Dispose();
            _lines.Dispose();
        }
    }
}
