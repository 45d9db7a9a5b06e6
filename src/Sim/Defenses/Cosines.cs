// The cosine of the angle between all pairs of rows, however different their lengths.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Cosines from inner products, right to about 1e-7 whatever the lengths: those above 1 - 1e-6 count as 1, so that rows that point the
/// same way do so exactly. A row of length zero has cosine 0 to every other, and so has one with NaN or infinity in it. The rows are read
/// once; where the square of a length is out of the range of floats, they are scaled to unit length and read again.
/// </summary>
internal sealed class Cosines(Backend backend, int rows, int columns) : IDisposable
{
    private const double SameDirection = 1e-6;

    // Norms with room for the squares of their elements, and for their products with any other such norm.
    private const float ShortestSquarable = 1e-12f;
    private const float LongestSquarable = 1e18f;

    private readonly Matrix _deviceNorms = backend.AllocateMatrix(1, rows);
    private readonly Matrix _products = backend.AllocateMatrix(rows, rows);
    private readonly float[] _norms = new float[rows];
    private readonly float[] _host = new float[rows * rows];
    private UnitRows? _unit;

    /// <summary>The Euclidean norms of the rows last given to <see cref="Of"/>.</summary>
    public ReadOnlySpan<float> Norms => _norms;

    /// <summary>Fills <paramref name="cosines"/> (n x n) for all rows of <paramref name="source"/> (n x d).</summary>
    public void Of(Matrix source, double[,] cosines)
    {
        backend.Run(new GramMatrix(source, _products, _deviceNorms));
        _deviceNorms.CopyTo(_norms);
        if (_norms.AsSpan().ContainsAnyInRange(float.Epsilon, ShortestSquarable) || _norms.AsSpan().ContainsAnyInRange(LongestSquarable, float.MaxValue))
        {
            _unit ??= new(backend, rows, columns);
            backend.Run(new GramMatrix(_unit.Of(source, _norms), _products));
        }

        _products.CopyTo(_host);
        int n = _norms.Length;
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                bool defined = HasDirection(_norms[i]) && HasDirection(_norms[j]);
                double squares = (double)_host[(i * n) + i] * _host[(j * n) + j];
                double cosine = defined ? Math.Clamp(_host[(i * n) + j] / Math.Sqrt(squares), -1, 1) : 0;
                cosines[i, j] = i == j || cosine > 1 - SameDirection ? 1 : cosine;
            }
        }
    }

    public void Dispose()
    {
        foreach (IDisposable? owned in (IDisposable?[])[_deviceNorms, _products, _unit])
        {
            owned?.Dispose();
        }
    }

    private static bool HasDirection(float norm) => float.IsFinite(norm) && norm > 0 && float.IsFinite(1 / norm);

    /// <summary>A copy of the rows at unit length; those without a direction are zero.</summary>
    private sealed class UnitRows(Backend backend, int rows, int columns) : IDisposable
    {
        private readonly Buffer<int> _all = backend.Upload<int>([.. Enumerable.Range(0, rows)]);
        private readonly Matrix _factors = backend.AllocateMatrix(1, rows);
        private readonly Matrix _unit = backend.AllocateMatrix(rows, columns);

        public Matrix Of(Matrix source, ReadOnlySpan<float> norms)
        {
            float[] factors = new float[norms.Length];
            for (int i = 0; i < factors.Length; i++)
            {
                factors[i] = HasDirection(norms[i]) ? 1 / norms[i] : 0;
            }

            _factors.CopyFrom(factors);
            backend.Run(new BlendRows(source, _all, _factors, _unit, Keep: 0));
            return _unit;
        }

        public void Dispose()
        {
            _all.Dispose();
            _factors.Dispose();
            _unit.Dispose();
        }
    }
}
