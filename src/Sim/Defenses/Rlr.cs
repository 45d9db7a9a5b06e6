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
    private readonly Matrix _sums;
    private readonly Matrix _doubtful;
    private readonly Buffer<int> _only;
    private readonly Matrix _one;
    private readonly Matrix _minusTwo;
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
        _sums = setting.Backend.AllocateMatrix(1, setting.Parameters);
        _doubtful = setting.Backend.AllocateMatrix(1, setting.Parameters);
        _only = setting.Backend.Upload<int>([0]);
        _one = setting.Backend.Upload(1, 1, [1]);
        _minusTwo = setting.Backend.Upload(1, 1, [-2]);
        _geometry = new(setting);
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _geometry.Measure(round.Updates, distances: false);
        _weights.MeanOf(_geometry.Usable, round.Updates, aggregate);

        // The mean's coordinates without a majority, taken off twice; sums are whole numbers.
        Backend backend = _setting.Backend;
        backend.Run(new SignSums(round.Updates, _sums));
        backend.Run(new BlendRows(aggregate, _only, _one, _doubtful, Keep: 0));
        backend.Run(new KeepSmall(_doubtful, _sums, _threshold - 0.5f));
        backend.Run(new BlendRows(_doubtful, _only, _minusTwo, aggregate, Keep: 1));
        return [];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_sums, _doubtful, _only, _one, _minusTwo, _geometry, _weights])
        {
            owned.Dispose();
        }
    }
}
