// Adaptive robust clipping (ARC): the longest updates are clipped to the longest of the others.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Clips the int(2f / n * (n - f)) longest rows to the norm of the next one (Allouah et al.). A norm that is NaN
/// or infinite is longer than any other, and its row becomes zero.
/// </summary>
[About("clips the longest updates to the next norm", Paper = "Allouah et al., Adaptive Gradient Clipping, ICLR 2025")]
public sealed class Arc(
    Setting setting, [About("malicious clients reckoned with, below n / 2; default: those of the setting")] int? f = null) : IPreAggregation, IJudge
{
    private readonly MaliciousRows _malicious = new(setting, f);
    private readonly SelectedRows _rows = new(setting);

    /// <inheritdoc/>
    public int MaxRows => setting.Clients;

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => _rows.Judgements;

    /// <inheritdoc/>
    public PreAggregated Apply(Round round)
    {
        int n = round.Updates.Rows;
        int malicious = _malicious.Of(n);
        int clipped = (int)(2.0 * malicious / n * (n - malicious)); // in ByzFL's order, which decides what is rounded down
        float[] norms = _rows.Norms(round.Updates);
        float[] ascending = [.. norms.Select(norm => float.IsNaN(norm) ? float.PositiveInfinity : norm).Order()];
        return _rows.Clip(round.Updates, norms, ascending[n - clipped - 1]);
    }

    /// <inheritdoc/>
    public void Dispose() => _rows.Dispose();
}
