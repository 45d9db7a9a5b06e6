// The cosine of the angle between all pairs of rows, however different their lengths.
using System.Numerics;
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
    private readonly double[] _squares = new double[rows];
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
            _squares[i] = _host[(i * n) + i];
        }

        int[] undirected = [.. Enumerable.Range(0, n).Where(i => !HasDirection(_norms[i]))];
        for (int i = 0; i < n; i++)
        {
            Span<double> row = cosines.Row(i);
            OfRow(_host.AsSpan(i * n, n), _squares[i], row);
            foreach (int j in undirected)
            {
                row[j] = 0;
            }

            if (!HasDirection(_norms[i]))
            {
                row.Clear();
            }

            row[i] = 1;
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

    /// <summary>The cosines of a row to all, from its products with them, its own square and theirs.</summary>
    private void OfRow(ReadOnlySpan<float> products, double square, Span<double> row)
    {
        int j = 0;
        for (; j <= row.Length - Vector<float>.Count; j += Vector<float>.Count)
        {
            Vector.Widen(new Vector<float>(products[j..]), out Vector<double> low, out Vector<double> high);
            int middle = j + Vector<double>.Count;
            Bounded(low / Vector.SquareRoot(square * new Vector<double>(_squares, j))).CopyTo(row[j..]);
            Bounded(high / Vector.SquareRoot(square * new Vector<double>(_squares, middle))).CopyTo(row[middle..]);
        }

        for (; j < row.Length; j++)
        {
            double cosine = products[j] / Math.Sqrt(square * _squares[j]);
            row[j] = cosine > 1 - SameDirection ? 1 : Math.Max(cosine, -1);
        }
    }

    private static Vector<double> Bounded(Vector<double> cosines) =>
        Vector.ConditionalSelect(Vector.GreaterThan(cosines, new(1 - SameDirection)), Vector<double>.One, Vector.Max(cosines, -Vector<double>.One));

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
