// Weak differential privacy: clips every update and adds a little noise to their mean.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The mean of the clipped updates, as norm_clip has it, with normal noise added to each coordinate of the mean. The noise is that of
/// the round's key folded by the defense's purpose. NaN and infinite updates count as zero.
/// </summary>
[About("mean of the clipped updates plus Gaussian noise", Paper = "Sun et al., arXiv 1911.07963, 2019")]
public sealed class WeakDp : IFoldingDefense, IJudge
{
    private readonly Setting _setting;
    private readonly NormClip _clipped;
    private readonly Matrix _deviation;

    /// <summary>Clips and adds noise.</summary>
    public WeakDp(
        Setting setting,
        [About("largest Euclidean norm an update may have")] double clip = 3,
        [About("standard deviation of the noise on each coordinate of the mean")] double deviation = 0.002)
    {
        if (!(deviation >= 0) || double.IsInfinity(deviation))
        {
            throw new InputException($"deviation is {Catalogue.ValueText(deviation)}; allowed is any number from 0 on");
        }

        _setting = setting;
        _clipped = new(setting, clip);
        _deviation = setting.Backend.Upload(1, 1, [(float)deviation]);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => _clipped.Judgements;

    /// <inheritdoc/>
    public ReadOnlySpan<float> Weigh(Round slice, RoundTotals totals) => _clipped.Weigh(slice, totals);

    /// <inheritdoc/>
    public void Finish(Round round, Matrix aggregate) =>
        _setting.Backend.Run(new AddGaussianNoise(aggregate, _deviation, round.Key.Fold((ulong)Purpose.Defense)));

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        ReadOnlySpan<float> weights = _clipped.Aggregate(round, aggregate);
        Finish(round, aggregate);
        return weights;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _clipped.Dispose();
        _deviation.Dispose();
    }
}
