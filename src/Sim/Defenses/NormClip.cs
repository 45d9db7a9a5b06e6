// Norm clipping: no update may be longer than a bound.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The mean of the updates, each scaled down to the bound when it is longer. An update whose norm is NaN or infinite has no
/// direction to keep and counts as zero.
/// </summary>
[About("mean of the updates, each clipped to a Euclidean norm", Paper = "Sun et al., arXiv 1911.07963, 2019")]
public sealed class NormClip : IFoldingDefense, IJudge
{
    private readonly Setting _setting;
    private readonly double _clip;
    private readonly Matrix _norms;
    private readonly float[] _host;
    private readonly ClientWeights _weights;

    /// <summary>Clips to <paramref name="clip"/>.</summary>
    public NormClip(Setting setting, [About("largest Euclidean norm an update may have")] double clip = 10)
    {
        if (!(clip > 0) || double.IsInfinity(clip))
        {
            throw new InputException($"clip is {Catalogue.ValueText(clip)}; allowed is any number above 0");
        }

        (_setting, _clip) = (setting, clip);
        _norms = setting.Backend.AllocateMatrix(1, setting.Clients);
        _host = new float[setting.Clients];
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => [new("update_norm", [.. _host], _clip)];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Weigh(Round slice, RoundTotals totals)
    {
        int rows = slice.Updates.Rows;
        var norms = new Matrix(1, rows, _norms.Elements.Slice(0, rows));
        _setting.Backend.Run(new RowNorms(slice.Updates, norms));
        norms.CopyTo(_host.AsSpan(0, rows));
        for (int i = 0; i < rows; i++)
        {
            double factor = float.IsFinite(_host[i]) ? Math.Min(1, _clip / _host[i]) : 0;
            _weights.Weights[i] = (float)(factor / totals.Clients);
        }

        return _weights.Weights[..rows];
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        Weigh(round, RoundTotals.Of(round));
        return _weights.Sum(round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _norms.Dispose();
        _weights.Dispose();
    }
}
