// A weighted sum of rows of which only some are in memory at a time.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Adds up at most <paramref name="rowsAtOnce"/> rows at a time, on the device. One slice alone gives the bits of a plain weighted sum.</summary>
internal sealed class FoldedSum(Backend backend, int rowsAtOnce, int parameters) : IDisposable
{
    // Row 0 is the sum so far, row 1 that of the latest slice.
    private readonly Matrix _both = backend.AllocateMatrix(2, parameters);
    private readonly Matrix _weights = backend.AllocateMatrix(1, rowsAtOnce);
    private readonly Matrix _ones = backend.Upload(1, 2, [1, 1]);
    private bool _empty = true;

    /// <summary>The sum in row 0; row 1 may be used for anything until more is added.</summary>
    public Matrix SumAndSpare => _both;

    /// <summary>Starts anew.</summary>
    public void Clear() => _empty = true;

    /// <summary>Adds rows (m x d), each times its weight.</summary>
    public void Add(Matrix rows, ReadOnlySpan<float> weights)
    {
        var mine = new Matrix(1, rows.Rows, _weights.Elements.Slice(0, rows.Rows));
        mine.CopyFrom(weights);
        backend.Run(new WeightedSum(rows, mine, _both.SliceRows(_empty ? 0 : 1, 1)));
        if (!_empty)
        {
            backend.Run(new WeightedSum(_both, _ones, Sum));
        }

        _empty = false;
    }

    /// <summary>Copies the sum to <paramref name="target"/>, 1 x d.</summary>
    public void CopyTo(Matrix target) => backend.Run(new WeightedSum(Sum, new(1, 1, _ones.Elements.Slice(0, 1)), target));

    private Matrix Sum => _both.SliceRows(0, 1);

    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_both, _weights, _ones])
        {
            owned.Dispose();
        }
    }
}
