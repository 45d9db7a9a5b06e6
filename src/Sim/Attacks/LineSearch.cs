// Finds the factor of an attack that does the actual defense the most harm, with few trials.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// ByzFL's search (byzfl/attacks/attacks.py): from a first factor on, steps that double while the aggregate moves away from the honest mean;
/// after the first that does not, steps from the best factor on that shrink by <c>ratio</c>. ByzFL itself starts at 0 with a step of 10 and
/// tries 20 factors; started at the attack's fixed form, as here, the search does at least as much harm as that.
/// </summary>
internal sealed class LineSearch
{
    public const int Evaluations = 16;

    public const double Step = 1;

    public const double Ratio = 0.8;

    // An aggregate in single precision that is nearer by less than this is not nearer.
    private const double Rounding = 1e-6;

    private readonly Setting _setting;
    private readonly Choice<IDefense> _defense;
    private readonly int _evaluations;
    private readonly double _step;
    private readonly double _ratio;

    public LineSearch(Setting setting, Choice<IDefense> defense, int evaluations, double step, double ratio)
    {
        (_setting, _defense, _evaluations) = (setting, defense, Allowed.AtLeast("evaluations", evaluations, 1));
        _step = step != 0 && double.IsFinite(step) ? step : throw new InputException($"step is {Catalogue.ValueText(step)}; allowed is any finite number but 0");
        _ratio = ratio is > 0.5 and < 1 ? ratio : throw new InputException($"ratio is {Catalogue.ValueText(ratio)}; allowed is more than 0.5 and less than 1");
    }

    /// <summary>Sends the combination of the honest mean and deviation that <paramref name="form"/> makes of the best factor.</summary>
    public void Send(Round round, double start, Func<double, (double OfMean, double OfDeviation)> form)
    {
        if (round.HonestUpdates.Rows == 0)
        {
            return;
        }

        using var honest = new HonestMoments(_setting, round);
        var trial = new DefenseTrial(_setting, _defense, round, honest);
        (double ofMean, double ofDeviation) = form(Maximise(start, factor =>
        {
            (double mean, double deviation) = form(factor);
            return trial.Try(mean, deviation).Damage;
        }));
        honest.Send(ofMean, ofDeviation);
    }

    private double Maximise(double start, Func<double, double> damage)
    {
        (double best, double most) = (start, damage(start));
        double step = _step;
        bool growing = true;
        for (int i = 1; i < _evaluations; i++)
        {
            double reached = damage(best + step);
            bool better = reached > most * (1 + Rounding);
            if (better)
            {
                (best, most) = (best + step, reached);
            }

            growing &= better;
            step *= growing ? 2 : _ratio;
        }

        return best;
    }
}
