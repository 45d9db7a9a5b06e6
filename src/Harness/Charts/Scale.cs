// From values to places on an axis, and the ticks that people expect there.
using System.Globalization;

namespace FlGpu.Harness.Charts;

/// <summary>A mark on an axis; one without a label is a minor one.</summary>
internal readonly record struct Tick(double Value, string Label);

/// <summary>An axis from <paramref name="From"/> to <paramref name="To"/>.</summary>
internal abstract record Scale(double From, double To)
{
    /// <summary>0 at From, 1 at To; beyond them for values outside.</summary>
    public abstract double At(double value);

    /// <summary>Ticks from From to To, no more than <paramref name="most"/> of them (but at least 2 are tried for) with a label.</summary>
    public abstract IReadOnlyList<Tick> Ticks(int most);

    /// <summary>A value as a label: thousands with commas, no trailing zeros, powers of ten where there would be too many.</summary>
    public static string Label(double value)
    {
        double size = Math.Abs(value);
        return size is 0 or (>= 1e-4 and < 1e6)
            ? value.ToString("#,0.############", CultureInfo.InvariantCulture)
            : value.ToString("0.###e0", CultureInfo.InvariantCulture);
    }

    /// <summary>1, 2 or 5 times a power of ten: the least step with which no more than <paramref name="most"/> multiples fit into a range, and these.</summary>
    protected static (double Step, IReadOnlyList<double> Values) RoundValues(double from, double to, int most)
    {
        for (int exponent = (int)Math.Floor(Math.Log10((to - from) / most)) - 1; ; exponent++)
        {
            foreach (int factor in (ReadOnlySpan<int>)[1, 2, 5])
            {
                double step = Decimal(factor, exponent);
                // A hair beyond the ends, so that an end that is a multiple counts although it was rounded.
                double first = Math.Ceiling((from / step) - 1e-9);
                double last = Math.Floor((to / step) + 1e-9);
                if (last - first < most)
                {
                    return (step, [.. Enumerable.Range(0, Math.Max((int)(last - first) + 1, 0)).Select(i => Decimal((first + i) * factor, exponent))]);
                }
            }
        }
    }

    // Parsed and not computed: 10^-3 by multiplication is not the double that 0.001 is.
    protected static double Decimal(double digits, int exponent) =>
        double.Parse($"{digits.ToString("F0", CultureInfo.InvariantCulture)}e{exponent}", CultureInfo.InvariantCulture);
}

/// <summary>Equal differences are equally far apart.</summary>
internal sealed record LinearScale(double From, double To) : Scale(From, To)
{
    /// <summary>From round value to round value, with all <paramref name="values"/> between and about so many steps.</summary>
    public static LinearScale Around(IEnumerable<double> values, int steps = 5)
    {
        double[] all = [.. values.Where(double.IsFinite)];
        (double from, double to) = all.Length == 0 ? (0, 1) : (all.Min(), all.Max());
        if (from == to)
        {
            (from, to) = from == 0 ? (0, 1) : (Math.Min(from, 0), Math.Max(to, 0));
        }

        double step = RoundValues(from, to, steps).Step;
        return new(Math.Floor((from / step) + 1e-9) * step, Math.Ceiling((to / step) - 1e-9) * step);
    }

    public override double At(double value) => (value - From) / (To - From);

    public override IReadOnlyList<Tick> Ticks(int most) => [.. RoundValues(From, To, Math.Max(most, 2)).Values.Select(value => new Tick(value, Label(value)))];
}

/// <summary>Equal ratios are equally far apart.</summary>
internal sealed record LogScale(double From, double To) : Scale(From, To)
{
    // The powers of ten that a double has with all of its digits.
    private const double Least = -307;
    private const double Most = 308;

    /// <summary>All of the <paramref name="values"/> that are above 0, with a little room at both ends.</summary>
    public static LogScale Around(IEnumerable<double> values)
    {
        const double Room = 0.04;
        double[] logs = [.. values.Where(value => value > 0 && double.IsFinite(value)).Select(value => Math.Clamp(Math.Log10(value), Least, Most))];
        (double from, double to) = logs.Length == 0 ? (0, 1) : (logs.Min(), logs.Max());
        double room = from == to ? 0.5 : Room * (to - from);
        return new(Math.Pow(10, Math.Max(from - room, Least)), Math.Pow(10, Math.Min(to + room, Most)));
    }

    public override double At(double value) => (Math.Log(value) - Math.Log(From)) / (Math.Log(To) - Math.Log(From));

    public override IReadOnlyList<Tick> Ticks(int most)
    {
        most = Math.Max(most, 2);
        IReadOnlyList<double> labelled = Multiples(1, 2, 5);
        labelled = labelled.Count <= most ? labelled : Multiples(1);
        for (int every = 2; labelled.Count > most; every++)
        {
            labelled = [.. Multiples(1).Where(value => (int)Math.Round(Math.Log10(value)) % every == 0)];
        }

        // Within a decade equal steps are rounder than powers.
        labelled = labelled.Count > (To / From < 10 ? 2 : 1) ? labelled : RoundValues(From, To, most).Values;
        IEnumerable<double> minor = Math.Log10(To / From) <= 6 ? Multiples(1, 2, 3, 4, 5, 6, 7, 8, 9).Except(labelled) : [];
        return [.. labelled.Select(value => new Tick(value, Label(value))), .. minor.Select(value => new Tick(value, ""))];
    }

    private List<double> Multiples(params int[] factors)
    {
        List<double> values = [];
        for (int exponent = (int)Math.Floor(Math.Log10(From)); exponent <= Math.Log10(To); exponent++)
        {
            values.AddRange(factors.Select(factor => Decimal(factor, exponent)));
        }

        return values.FindAll(value => value >= From * (1 - 1e-12) && value <= To * (1 + 1e-12));
    }
}
