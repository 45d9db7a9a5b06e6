// Centered clipping: each update may pull the last aggregate only so far.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The last round's aggregate v, zero at first, moved by the mean of the differences of the updates to it, each clipped to the norm tau
/// (Karimireddy, He and Jaggi, ICML 2021). NaN and infinite updates, and those farther than 1e19, pull nothing.
/// </summary>
[About("last aggregate moved by clipped differences", Paper = "Karimireddy et al., ICML 2021")]
public sealed class CenteredClipping : IDefense
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
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        Matrix center = _remembered.Value.Last;
        for (int iteration = 0; iteration < _iterations; iteration++)
        {
            _setting.Backend.Run(new DistancesToVector(round.Updates, center, _squared));
            _squared.CopyTo(_host);
            double kept = 0;
            int clipped = 0;
            for (int i = 0; i < _host.Length; i++)
            {
                double distance = Math.Sqrt(_host[i]);
                double factor = !double.IsFinite(distance) ? 0 : distance > _tau ? _tau / distance : 1;
                kept += 1 - factor;
                clipped += factor < 1 ? 1 : 0;
                _weights.Weights[i] = (float)(factor / _host.Length);
            }

            _weights.Sum(round.Updates, _pull);
            float keep = clipped == 0 ? 0 : (float)(kept / _host.Length);
            _setting.Backend.Run(new BlendRows(_pull, _only, _one, center, keep));
        }

        _setting.Backend.Run(new BlendRows(center, _only, _one, aggregate, Keep: 0));
        return [];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_remembered, _squared, _pull, _only, _one, _weights])
        {
            owned.Dispose();
        }
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
