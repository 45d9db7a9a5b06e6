// Clipping: no update goes on longer than a bound.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Each row scaled down to the bound where it is longer; a row that is not finite becomes zero.</summary>
[About("clips each update to a Euclidean norm", Paper = "Guerraoui et al., ByzFL, arXiv 2505.24802, 2025")]
public sealed class Clipping : IPreAggregation, IJudge
{
    private readonly SelectedRows _rows;
    private readonly double _bound;

    /// <summary>Clips to <paramref name="c"/>.</summary>
    public Clipping(Setting setting, [About("largest Euclidean norm an update may have")] double c = 2)
    {
        if (!(c > 0) || double.IsInfinity(c))
        {
            throw new InputException($"c is {Catalogue.ValueText(c)}; allowed is any number above 0");
        }

        (_bound, MaxRows, _rows) = (c, setting.Clients, new(setting));
    }

    /// <inheritdoc/>
    public int MaxRows { get; }

    /// <inheritdoc/>
    public IReadOnlyList<Judgement> Judgements => _rows.Judgements;

    /// <inheritdoc/>
    public PreAggregated Apply(Round round) => _rows.Clip(round.Updates, _rows.Norms(round.Updates), _bound);

    /// <inheritdoc/>
    public void Dispose() => _rows.Dispose();
}
