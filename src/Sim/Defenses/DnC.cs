// DnC: removes the updates that stand out along the main direction of a random part of the coordinates.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Divide and conquer. Each iteration draws coordinates, centres the updates, projects them on the top right singular vector and
/// removes the int(c f) with the largest squared projection; the aggregate is the mean of those that no iteration removed, zero when
/// there are none. The coordinates of iteration i are those of the round's key folded by the defense's purpose and i, counted from 0.
/// NaN and infinite updates are removed first and count as removed.
/// </summary>
[About("divide and conquer: removes outliers along the top singular vector of random coordinates", Name = "dnc", Paper = "Shejwalkar and Houmansadr, NDSS 2021")]
public sealed class DnC : IDefense, IJudge
{
    private readonly int _iterations;
    private readonly int _removed;
    private readonly Setting _setting;
    private readonly UpdateGeometry _geometry;
    private readonly RandomColumns _columns;
    private readonly ClientWeights _weights;
    private int[] _outliers = [];

    /// <summary>Filters in some iterations.</summary>
    public DnC(
        Setting setting,
        [About("malicious clients reckoned with; int(c f) below n are removed; default: those of the setting")] int? f = null,
        [About("iterations, each with other coordinates")] int niters = 5,
        [About("coordinates drawn in an iteration, at most all")] int subDim = 10_000,
        [About("updates removed in an iteration, as a multiple of f")] double c = 1)
    {
        int malicious = setting.Reckoned(f);
        if (!(c >= 0) || malicious < 0 || c * malicious >= setting.Clients)
        {
            throw new InputException($"c is {Catalogue.ValueText(c)} and f is {malicious}; allowed are numbers from 0 on whose product is below n = {setting.Clients}");
        }

        if (niters < 1)
        {
            throw new InputException($"niters is {niters}; allowed is 1 or more");
        }

        if (subDim < 1)
        {
            throw new InputException($"sub_dim is {subDim}; allowed is 1 or more");
        }

        (_setting, _iterations, _removed) = (setting, niters, (int)(c * malicious));
        _geometry = new(setting);
        _columns = new(setting, subDim);
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => [Judgement.Of("outlier_along_main_direction", _setting.Clients, _outliers)];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        _geometry.Measure(round.Updates, distances: false);
        HashSet<int> good = [.. _geometry.Usable];
        int[] usable = [.. _geometry.Usable];
        for (int iteration = 0; iteration < _iterations && usable.Length > 0; iteration++)
        {
            RngKey key = round.Key.Fold((ulong)Purpose.Defense).Fold((ulong)iteration);
            _geometry.Measure(_columns.Gather(round.Updates, key));
            double[] direction = new double[usable.Length];
            LargestEigenvector.Of(_geometry.CentredProducts(usable), direction);
            int count = Math.Clamp(_setting.Clients - _removed, 0, usable.Length);
            good.IntersectWith(Enumerable.Range(0, usable.Length).OrderBy(i => Math.Abs(direction[i])).Take(count).Select(i => usable[i]));
        }

        int[] kept = [.. good.Order()];
        _outliers = [.. usable.Except(kept)];
        return _weights.MeanOf(kept, round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _geometry.Dispose();
        _columns.Dispose();
        _weights.Dispose();
    }
}
