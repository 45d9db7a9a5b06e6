// FLTrust: updates are trusted as far as they point the way of the server's own.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The mean of the updates scaled to the norm of the server's own update, weighted by the positive part of their cosine to it (Cao et al.,
/// NDSS 2021, algorithm 2). The aggregate is zero where no update points the server's way. NaN, infinite and zero updates
/// get no weight.
/// </summary>
[About("updates weighted by their cosine to the server's own, at its norm", Paper = "Cao et al., NDSS 2021")]
public sealed class FlTrust : IDefense
{
    private readonly Setting _setting;
    private readonly Buffer<int> _from;
    private readonly Buffer<int> _server;
    private readonly Matrix _unit;
    private readonly Matrix _factors;
    private readonly Matrix _norms;
    private readonly Matrix _squared;
    private readonly float[] _hostNorms;
    private readonly float[] _hostFactors;
    private readonly float[] _hostSquared;
    private readonly double[] _trust;
    private readonly ClientWeights _weights;

    /// <summary>Asks the server for its update each round.</summary>
    public FlTrust(Setting setting)
    {
        int n = setting.Clients;
        Backend backend = setting.Backend;
        _setting = setting;
        _from = backend.Upload<int>([.. Enumerable.Range(0, n)]);
        _server = backend.Upload<int>([0]);
        _unit = backend.AllocateMatrix(n + 1, setting.Parameters);
        _factors = backend.AllocateMatrix(1, n + 1);
        _norms = backend.AllocateMatrix(1, n + 1);
        _squared = backend.AllocateMatrix(1, n);
        (_hostNorms, _hostFactors) = (new float[n + 1], new float[n + 1]);
        (_hostSquared, _trust) = (new float[n], new double[n]);
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        int n = round.Updates.Rows;
        Backend backend = _setting.Backend;
        Func<Matrix> train = round.TrainServer ?? throw new InputException("there is no server's own update in this round");

        // All rows at unit length, the server's last; |a - b|^2 is then 2 - 2 cos.
        _hostFactors.AsSpan().Fill(1);
        _factors.CopyFrom(_hostFactors);
        backend.Run(new BlendRows(round.Updates, _from, new(1, n, _factors.Elements.Slice(0, n)), _unit.SliceRows(0, n), Keep: 0));
        backend.Run(new BlendRows(train(), _server, new(1, 1, _factors.Elements.Slice(n, 1)), _unit.SliceRows(n, 1), Keep: 0));
        backend.Run(new RowNorms(_unit, _norms));
        _norms.CopyTo(_hostNorms);
        for (int i = 0; i <= n; i++)
        {
            float factor = 1 / _hostNorms[i];
            _hostFactors[i] = float.IsFinite(factor) ? factor : 0;
        }

        _factors.CopyFrom(_hostFactors);
        backend.Run(new ScaleRows(_unit, _factors));
        backend.Run(new DistancesToVector(_unit.SliceRows(0, n), _unit.SliceRows(n, 1), _squared));
        _squared.CopyTo(_hostSquared);

        double total = 0;
        for (int i = 0; i < n; i++)
        {
            bool defined = _hostFactors[i] != 0 && _hostFactors[n] != 0;
            _trust[i] = defined ? Math.Max(0, 1 - (_hostSquared[i] / 2.0)) : 0;
            total += _trust[i];
        }

        for (int i = 0; i < n; i++)
        {
            _weights.Weights[i] = _trust[i] > 0 ? (float)(_trust[i] / total * _hostNorms[n] / _hostNorms[i]) : 0;
        }

        return _weights.Sum(round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_from, _server, _unit, _factors, _norms, _squared, _weights])
        {
            owned.Dispose();
        }
    }
}
