// Rows that come to the host in blocks are the rows of the matrix, also in the last block, which is not full.
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Sim.Tests;

public sealed class RowsBroughtBackTests
{
    [Theory]
    [InlineData(1, 3)]
    [InlineData(5, 2)]
    [InlineData(3, 1 << 19)]
    [InlineData(2, (1 << 20) + 1)]
    public void Every_row_comes_as_it_is(int rows, int columns)
    {
        using var simd = new SimdBackend(1);
        float[] values = [.. Enumerable.Range(0, rows * columns)];
        using Matrix matrix = simd.Upload(rows, columns, values);
        var host = new RowsBroughtBack(rows, columns);
        for (int round = 0; round < 2; round++)
        {
            for (int i = 0; i < rows; i++)
            {
                Assert.True(values.AsSpan(i * columns, columns).SequenceEqual(host.Row(matrix, i)), $"row {i}");
            }
        }
    }
}
