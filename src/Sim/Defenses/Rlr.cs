// Robust learning rate: turns back the coordinates on whose sign too few updates agree.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The mean of the updates, negated in each coordinate where the sum of their signs is smaller in magnitude than the threshold. Updates
/// whose norm is NaN or infinite are left out of the mean; of their signs NaN has no vote.
/// </summary>
[About("robust learning rate: negates the mean where too few signs agree", Paper = "Ozdayi et al., AAAI 2021")]
public sealed class Rlr : IDefense
{
    private readonly Setting _setting;
    private readonly int _threshold;
    private readonly UpdateGeometry _geometry;
    private readonly ClientWeights _weights;

    /// <summary>Asks for a majority.</summary>
    public Rlr(
        Setting setting,
        [About("the paper's theta, 0 to n: positive less negative signs that a coordinate needs; default: 0.4 n rounded up, the paper's 4 of 10")] int? threshold = null)
    {
        if (threshold < 0 || threshold > setting.Clients)
        {
            throw new InputException($"threshold is {threshold}; allowed is 0 to n = {setting.Clients}");
        }

        (_setting, _threshold) = (setting, threshold ?? (((2 * setting.Clients) + 4) / 5));
        _geometry = new(setting);
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _geometry.Measure(round.Updates, distances: false);
        _weights.MeanOf(_geometry.Usable, round.Updates, aggregate);
        _setting.Backend.Run(new NegateWithoutMajority(round.Updates, aggregate, _threshold));
        return [];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _geometry.Dispose();
        _weights.Dispose();
    }
}
