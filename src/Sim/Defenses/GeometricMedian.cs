// The geometric median: the point with the least sum of distances to the updates (RFA).
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Where Weiszfeld's algorithm starts.</summary>
public enum WeiszfeldStart
{
    /// <summary>At zero (ByzFL).</summary>
    Zero,

    /// <summary>At the mean of the finite updates (fedlib).</summary>
    Mean,
}

/// <summary>
/// Steps of the smoothed Weiszfeld algorithm: the mean of the updates weighted by 1 / max(nu, distance to the last point) (Pillutla et
/// al., IEEE TSP 2022). NaN and infinite updates are left out, and so are those farther than 1e19.
/// Up to 50 clients for each iteration the updates are read twice: for the distances between them, from which those to any weighted mean
/// follow, and for the last mean; so they are for a single step from zero. With more clients, and where some updates are about 1000 times
/// as far out as others or close to 1e19, each iteration reads them twice.
/// </summary>
[About("geometric median by the smoothed Weiszfeld algorithm (RFA)", Paper = "Pillutla et al., IEEE TSP 2022")]
public sealed class GeometricMedian : IDefense
{
    private readonly Setting _setting;
    private readonly double _nu;
    private readonly int _iterations;
    private readonly WeiszfeldStart _start;
    private readonly Matrix _squared;
    private readonly float[] _host;
    private readonly ClientWeights _weights;
    private readonly UpdateGeometry? _geometry;

    /// <summary>Starts anew each round.</summary>
    public GeometricMedian(
        Setting setting,
        [About("smallest distance reckoned with")] double nu = 0.1,
        [About("steps taken")] int iterations = 3,
        [About("where the first step starts")] WeiszfeldStart start = WeiszfeldStart.Zero)
    {
        if (!(nu > 0) || double.IsInfinity(nu))
        {
            throw new InputException($"nu is {Catalogue.ValueText(nu)}; allowed is any number above 0");
        }

        if (iterations < 1)
        {
            throw new InputException($"iterations is {iterations}; allowed is any number from 1");
        }

        (_setting, _nu, _iterations, _start) = (setting, nu, iterations, start);
        _squared = setting.Backend.AllocateMatrix(1, setting.Clients);
        _host = new float[setting.Clients];
        _weights = new(setting);
        _geometry = (iterations > 1 || start == WeiszfeldStart.Mean) && UpdateGeometry.Pays(setting.Clients, iterations) ? new(setting) : null;
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        if (_geometry is not null && TryWeigh(_geometry, round.Updates))
        {
            return _weights.Sum(round.Updates, aggregate);
        }

        _setting.Backend.Run(new Fill(aggregate, 0));
        if (_start == WeiszfeldStart.Mean)
        {
            Step(round, aggregate, _ => 1);
        }

        for (int iteration = 0; iteration < _iterations; iteration++)
        {
            Step(round, aggregate, distance => 1 / Math.Max(_nu, distance));
        }

        return _weights.Weights;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _squared.Dispose();
        _weights.Dispose();
        _geometry?.Dispose();
    }

    /// <summary>All steps in terms of the weights of the updates; false where that would lose digits.</summary>
    private bool TryWeigh(UpdateGeometry geometry, Matrix updates)
    {
        geometry.Measure(updates);
        if (geometry.Norms.Any(UpdateGeometry.IsBorderline))
        {
            return false;
        }

        double[] weights = new double[_host.Length];
        double[] squared = new double[_host.Length];
        int[] usable = geometry.Usable;
        if (_start == WeiszfeldStart.Mean)
        {
            foreach (int i in usable)
            {
                weights[i] = 1.0 / usable.Length;
            }
        }

        for (int iteration = 0; iteration < _iterations; iteration++)
        {
            double atZero = iteration == 0 && _start == WeiszfeldStart.Zero ? 1 : 0;
            if (!geometry.TryDistancesTo(weights, atZero, _nu, squared))
            {
                return false;
            }

            double total = 0;
            foreach (int i in usable)
            {
                weights[i] = 1 / Math.Max(_nu, Math.Sqrt(squared[i]));
                total += weights[i];
            }

            foreach (int i in usable)
            {
                weights[i] /= total;
            }
        }

        for (int i = 0; i < weights.Length; i++)
        {
            _weights.Weights[i] = (float)weights[i];
        }

        return true;
    }

    private void Step(Round round, Matrix point, Func<double, double> weightOf)
    {
        _setting.Backend.Run(new DistancesToVector(round.Updates, point, _squared));
        _squared.CopyTo(_host);
        double total = 0;
        foreach (float squared in _host)
        {
            total += float.IsFinite(squared) ? weightOf(Math.Sqrt(squared)) : 0;
        }

        for (int i = 0; i < _host.Length; i++)
        {
            _weights.Weights[i] = float.IsFinite(_host[i]) ? (float)(weightOf(Math.Sqrt(_host[i])) / total) : 0;
        }

        _weights.Sum(round.Updates, point);
    }
}
