// Centered clipping: each update may pull the last aggregate only so far.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The last round's aggregate v, zero at first, moved by the mean of the differences of the updates to it, each clipped to the norm tau
/// (Karimireddy, He and Jaggi, ICML 2021). NaN and infinite updates, and those farther than 1e19, pull nothing.
/// The updates are read twice: for the distances to v, with several iterations also between the updates, from which those to any later
/// center follow; and for the sum of what pulls. With more than 50 clients for each iteration, and where some updates
/// are so far out that this would lose digits, each iteration reads them twice.
/// </summary>
[About("last aggregate moved by clipped differences", Paper = "Karimireddy et al., ICML 2021")]
public sealed class CenteredClipping : IDefense, IJudge
{
    private readonly Setting _setting;
    private readonly double _tau;
    private readonly int _iterations;
    private readonly Remembered<ClippingCenter> _remembered;
    private readonly Matrix _squared;
    private readonly float[] _host;
    private readonly Matrix _pull;
    private readonly Buffer<int> _only;
    private readonly Matrix _one;
    private readonly ClientWeights _weights;
    private readonly UpdateGeometry? _geometry;

    /// <summary>Starts at zero.</summary>
    public CenteredClipping(
        Setting setting,
        [About("farthest that an update may pull")] double tau = 100,
        [About("steps a round")] int iterations = 1)
    {
        if (!(tau > 0) || double.IsInfinity(tau))
        {
            throw new InputException($"tau is {Catalogue.ValueText(tau)}; allowed is any number above 0");
        }

        if (iterations < 1)
        {
            throw new InputException($"iterations is {iterations}; allowed is any number from 1");
        }

        (_setting, _tau, _iterations) = (setting, tau, iterations);
        _remembered = setting.Memory.Of(() => new ClippingCenter(setting));
        _squared = setting.Backend.AllocateMatrix(1, setting.Clients);
        _host = new float[setting.Clients];
        _pull = setting.Backend.AllocateMatrix(1, setting.Parameters);
        _only = setting.Backend.Upload<int>([0]);
        _one = setting.Backend.Upload(1, 1, [1]);
        _weights = new(setting);
        _geometry = iterations > 1 && UpdateGeometry.Pays(setting.Clients, iterations) ? new(setting) : null;
    }

    /// <summary>The distances of the last step.</summary>
    public IReadOnlyList<Judgement> Judgements => [new("distance_to_center", [.. _host.Select(squared => Math.Sqrt(squared))], _tau)];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        Matrix center = _remembered.Value.Last;
        if (_geometry is not null && TryWeigh(_geometry, round.Updates, center, out double keep))
        {
            Move(round.Updates, center, keep);
        }
        else
        {
            for (int iteration = 0; iteration < _iterations; iteration++)
            {
                _setting.Backend.Run(new DistancesToVector(round.Updates, center, _squared));
                _squared.CopyTo(_host);
                double kept = 0;
                for (int i = 0; i < _host.Length; i++)
                {
                    double factor = FactorOf(_host[i]);
                    kept += 1 - factor;
                    _weights.Weights[i] = (float)(factor / _host.Length);
                }

                Move(round.Updates, center, kept / _host.Length);
            }
        }

        _setting.Backend.Run(new BlendRows(center, _only, _one, aggregate, Keep: 0));
        return [];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable? owned in (IDisposable?[])[_remembered, _squared, _pull, _only, _one, _weights, _geometry])
        {
            owned?.Dispose();
        }
    }

    private double FactorOf(double squared)
    {
        double distance = Math.Sqrt(squared);
        return !double.IsFinite(distance) ? 0 : distance > _tau ? _tau / distance : 1;
    }

    /// <summary>The center times <paramref name="keep"/> plus the weighted sum of the updates.</summary>
    private void Move(Matrix updates, Matrix center, double keep)
    {
        _weights.Sum(updates, _pull);
        _setting.Backend.Run(new BlendRows(_pull, _only, _one, center, (float)keep));
    }

    /// <summary>All steps in terms of the weights of the updates and of the center; false where that would lose digits.</summary>
    private bool TryWeigh(UpdateGeometry geometry, Matrix updates, Matrix center, out double keep)
    {
        geometry.Measure(updates, origin: center);
        int n = _host.Length;
        double[] weights = new double[n];
        double[] squared = new double[n];
        keep = 1;
        if (geometry.Norms.Any(UpdateGeometry.IsBorderline))
        {
            return false;
        }

        for (int iteration = 0; iteration < _iterations; iteration++)
        {
            if (!geometry.TryDistancesTo(weights, keep, _tau, squared))
            {
                return false;
            }

            double kept = n - geometry.Usable.Length;
            foreach (int i in geometry.Usable)
            {
                kept += 1 - FactorOf(squared[i]);
            }

            keep *= kept / n;
            for (int i = 0; i < n; i++)
            {
                weights[i] *= kept / n;
            }

            foreach (int i in geometry.Usable)
            {
                weights[i] += FactorOf(squared[i]) / n;
            }
        }

        for (int i = 0; i < n; i++)
        {
            _weights.Weights[i] = (float)weights[i];
            _host[i] = (float)squared[i];
        }

        return true;
    }
}

/// <summary>The last aggregate, 1 x d; zero at first.</summary>
internal sealed class ClippingCenter : IDisposable
{
    public ClippingCenter(Setting setting)
    {
        Last = setting.Backend.AllocateMatrix(1, setting.Parameters);
        setting.Backend.Run(new Fill(Last, 0));
    }

    public Matrix Last { get; }

    public void Dispose() => Last.Dispose();
}
