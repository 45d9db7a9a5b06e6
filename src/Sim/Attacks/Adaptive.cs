// An attack that knows the defense: the largest step against the honest mean that is still accepted.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// (1 - gamma) times the honest mean, with the largest gamma whose update the defense, with its stages, still gives a weight. Where the defense
/// weighs no whole updates, or accepts none of them, gamma is the one that moves the aggregate farthest from the honest mean.
/// </summary>
[About("the largest step against the honest mean that the defense accepts", Paper = "tutorial, exercise 5")]
public sealed class Adaptive : IAttack
{
    private const int Bisections = 12;
    private const int Doublings = 12;

    private readonly Setting _setting;
    private readonly Choice<IDefense> _defense;
    private readonly double _most;

    /// <summary>Takes the defense that is to be evaded.</summary>
    public Adaptive(Setting setting, Choice<IDefense> defense, [About("the largest gamma that is tried, above 0")] double most = 100)
    {
        if (!(most > 0) || double.IsInfinity(most))
        {
            throw new InputException($"most is {Catalogue.ValueText(most)}; allowed is any number above 0");
        }

        (_setting, _defense, _most) = (setting, defense, most);
    }

    /// <inheritdoc/>
    public void Corrupt(Round round)
    {
        if (round.HonestUpdates.Rows == 0)
        {
            return;
        }

        using var honest = new HonestMoments(_setting, round);
        var defense = new DefenseTrial(_setting, _defense, round, honest);
        (double Gamma, Trial Trial)[] tried =
        [
            .. Enumerable.Range(0, Doublings + 1).Select(power => _most / (1 << power)).Append(0).Select(gamma => (gamma, defense.Try(1 - gamma, 0))),
        ];
        int accepted = Array.FindIndex(tried, one => one.Trial.Accepted == true);
        double gamma = accepted < 0 ? tried.MaxBy(one => one.Trial.Damage).Gamma : tried[accepted].Gamma;
        if (accepted > 0)
        {
            double refused = tried[accepted - 1].Gamma;
            for (int i = 0; i < Bisections; i++)
            {
                double middle = (gamma + refused) / 2;
                (gamma, refused) = defense.Try(1 - middle, 0).Accepted == true ? (middle, refused) : (gamma, middle);
            }
        }

        honest.Send(1 - gamma, 0);
    }
}
