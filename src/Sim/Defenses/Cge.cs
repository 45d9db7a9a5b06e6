// Comparative gradient elimination: the longest updates are left out.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The mean of the n - f updates with the smallest norms; of equal ones the lower index first (Gupta, Liu and Vaidya, 2021, who add them
/// up; the mean is ByzFL's). NaN and infinite updates count as the longest, and are left out while there are no more than f.
/// </summary>
[About("mean of the n - f shortest updates", Paper = "Gupta et al., DSN-W 2021")]
public sealed class Cge : IDefense, IJudge
{
    private readonly Setting _setting;
    private readonly int _keep;
    private readonly Matrix _norms;
    private readonly float[] _host;
    private readonly int[] _order;
    private readonly ClientWeights _weights;

    /// <summary>Leaves out f updates a round.</summary>
    public Cge(Setting setting, [About("updates left out, at most n - 1; default: the malicious clients of the setting")] int? f = null)
    {
        int malicious = setting.Reckoned(f);
        if (malicious < 0 || malicious >= setting.Clients)
        {
            throw new InputException($"f is {malicious}; allowed is 0 to {setting.Clients - 1} for {setting.Clients} clients a round");
        }

        (_setting, _keep) = (setting, setting.Clients - malicious);
        _norms = setting.Backend.AllocateMatrix(1, setting.Clients);
        (_host, _order) = (new float[setting.Clients], new int[setting.Clients]);
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => [new("update_norm", [.. _host])];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _setting.Backend.Run(new RowNorms(round.Updates, _norms));
        _norms.CopyTo(_host);
        for (int i = 0; i < _host.Length; i++)
        {
            _host[i] = float.IsNaN(_host[i]) ? float.PositiveInfinity : _host[i];
            _order[i] = i;
        }

        _order.AsSpan().Sort((a, b) => _host[a] == _host[b] ? a.CompareTo(b) : _host[a].CompareTo(_host[b]));
        return _weights.MeanOf(_order.AsSpan(0, _keep), round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _norms.Dispose();
        _weights.Dispose();
    }
}
