// The cosine of the angle between all pairs of rows, however different their lengths.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Cosines from the distances between the rows scaled to unit length: |a - b|^2 = 2 - 2 cos. Scaling first keeps the precision where one
/// row is far longer than another. A row of length zero has cosine 0 to every other, and so has one with NaN or infinity in it.
/// </summary>
internal sealed class Cosines : IDisposable
{
    // Rows that point the same way differ by about 1e-14 once rounded to floats.
    private const float SameDirection = 1e-12f;

    private readonly Backend _backend;
    private readonly Matrix _deviceNorms;
    private readonly Matrix _factors;
    private readonly Matrix _unit;
    private readonly Matrix _squared;
    private readonly float[] _norms;
    private readonly float[] _scales;
    private readonly float[] _row;

    public Cosines(Backend backend, int rows, int columns)
    {
        _backend = backend;
        _deviceNorms = backend.AllocateMatrix(1, rows);
        _factors = backend.AllocateMatrix(1, rows);
        _unit = backend.AllocateMatrix(rows, columns);
        _squared = backend.AllocateMatrix(rows, rows);
        (_norms, _scales, _row) = (new float[rows], new float[rows], new float[rows]);
    }

    /// <summary>The Euclidean norms of the rows last given to <see cref="Of"/>.</summary>
    public ReadOnlySpan<float> Norms => _norms;

    /// <summary>Fills <paramref name="cosines"/> (n x n) for the rows <paramref name="from"/> of <paramref name="source"/>.</summary>
    public void Of(Matrix source, Buffer<int> from, double[,] cosines)
    {
        int n = _norms.Length;
        _backend.Run(new BlendRows(source, from, Filled(_factors, 1), _unit, Keep: 0));
        _backend.Run(new RowNorms(_unit, _deviceNorms));
        _deviceNorms.CopyTo(_norms);
        for (int i = 0; i < n; i++)
        {
            float scale = 1 / _norms[i];
            _scales[i] = HasDirection(i) ? scale : 0;
        }

        _factors.CopyFrom(_scales);
        _backend.Run(new ScaleRows(_unit, _factors));
        _backend.Run(new PairwiseSquaredDistances(_unit, _squared));
        for (int i = 0; i < n; i++)
        {
            _squared.CopyTo(_row, i);
            for (int j = 0; j < n; j++)
            {
                bool defined = HasDirection(i) && HasDirection(j);
                cosines[i, j] = i == j ? 1 : !defined ? 0 : _row[j] < SameDirection ? 1 : Math.Max(-1, 1 - (_row[j] / 2.0));
            }
        }
    }

    /// <summary>Whether row i is longer than zero, and finite.</summary>
    public bool HasDirection(int i) => float.IsFinite(_norms[i]) && _norms[i] > 0 && float.IsFinite(1 / _norms[i]);

    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_deviceNorms, _factors, _unit, _squared])
        {
            owned.Dispose();
        }
    }

    private Matrix Filled(Matrix factors, float value)
    {
        _scales.AsSpan().Fill(value);
        factors.CopyFrom(_scales);
        return factors;
    }
}
