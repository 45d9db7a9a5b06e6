// MoNNA: the mean of the updates nearest to one that is trusted.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The mean of the n - f updates nearest to the trusted one, itself included; of equally near ones the lower index. NaN and infinite
/// updates are left out. A trusted update that is NaN or infinite is near nothing: the aggregate is zero.
/// </summary>
[About("mean of the n - f updates nearest to a trusted one", Paper = "Farhadkhani et al., ICML 2023")]
public sealed class Monna : IDefense, IJudge
{
    private readonly Setting _setting;
    private readonly int _kept;
    private readonly int _trusted;
    private readonly Matrix _squared;
    private readonly float[] _host;
    private readonly ClientWeights _weights;

    /// <summary>Trusts the update at <paramref name="idx"/>.</summary>
    public Monna(
        Setting setting,
        [About("malicious clients reckoned with, below n / 2; default: those of the setting")] int? f = null,
        [About("row of the trusted client, counted from 0")] int idx = 0)
    {
        if (idx < 0 || idx >= setting.Clients)
        {
            throw new InputException($"idx is {idx}; allowed is 0 to {setting.Clients - 1} for {setting.Clients} clients a round");
        }

        _kept = setting.Clients - FewerThanHalf.Of(setting, f);
        (_setting, _trusted) = (setting, idx);
        _squared = setting.Backend.AllocateMatrix(1, setting.Clients);
        _host = new float[setting.Clients];
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => [new("distance_to_trusted", [.. _host.Select(squared => Math.Sqrt(squared))])];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _setting.Backend.Run(new DistancesToVector(round.Updates, round.Updates.SliceRows(_trusted, 1), _squared));
        _squared.CopyTo(_host);
        int[] nearest = [.. Enumerable.Range(0, _host.Length).Where(i => float.IsFinite(_host[i])).OrderBy(i => _host[i]).Take(_kept)];
        return _weights.MeanOf(nearest, round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _squared.Dispose();
        _weights.Dispose();
    }
}
