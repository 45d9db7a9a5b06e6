// Nearest-neighbour mixing (NNM): each update becomes the mean of those around it.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Each row becomes the mean of the n - f rows nearest to it, itself among them; of rows equally near the lower index (Allouah et al.).
/// A distance that is NaN counts as infinite, so a row of no numbers spoils itself only, while n - f are finite.
/// </summary>
[About("mean of each update's n - f nearest", Paper = "Allouah et al., Fixing by Mixing, AISTATS 2023")]
public sealed class Nnm(
    Setting setting, [About("malicious clients reckoned with, below n / 2; default: those of the setting")] int? f = null) : IPreAggregation
{
    private readonly Nearest _nearest = new(setting.Clients);
    private readonly float[] _distances = new float[setting.Clients * setting.Clients];
    private readonly float[] _coefficients = new float[setting.Clients * setting.Clients];
    private readonly MaliciousRows _malicious = new(setting, f);
    private readonly Matrix _squared = setting.Backend.AllocateMatrix(setting.Clients, setting.Clients);
    private readonly Matrix _mix = setting.Backend.AllocateMatrix(setting.Clients, setting.Clients);
    private readonly Matrix _mixed = setting.Backend.AllocateMatrix(setting.Clients, setting.Parameters);

    /// <inheritdoc/>
    public int MaxRows => setting.Clients;

    /// <inheritdoc/>
    public PreAggregated Apply(Round round)
    {
        int n = round.Updates.Rows;
        int near = n - _malicious.Of(n);
        var squared = new Matrix(n, n, _squared.Elements.Slice(0, (long)n * n));
        var mix = new Matrix(n, n, _mix.Elements.Slice(0, (long)n * n));
        setting.Backend.Run(new PairwiseSquaredDistances(round.Updates, squared));
        Span<float> distances = _distances.AsSpan(0, n * n);
        Span<float> coefficients = _coefficients.AsSpan(0, n * n);
        squared.CopyTo(distances);
        coefficients.Clear();
        int[] order = new int[n];
        for (int i = 0; i < n; i++)
        {
            _nearest.Order(distances.Slice(i * n, n), i, order);
            foreach (int j in order.AsSpan(0, near))
            {
                coefficients[(i * n) + j] = 1f / near;
            }
        }

        mix.CopyFrom(coefficients);
        Matrix mixed = _mixed.SliceRows(0, n);
        setting.Backend.Run(new RowMix(round.Updates, mix, mixed));
        return new(mixed, null) { Mixtures = new(_coefficients, [.. Enumerable.Range(0, n)]) };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _squared.Dispose();
        _mix.Dispose();
        _mixed.Dispose();
    }
}
