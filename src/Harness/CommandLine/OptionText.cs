// Reads the small languages of options: whole numbers, ranges, lists, counts or shares.
using System.Globalization;
using FlGpu.Kernels;

namespace FlGpu.Harness.CommandLine;

/// <summary>Text to values. Every error names the option, the text and what is allowed.</summary>
public static class OptionText
{
    /// <summary>A whole number of at least <paramref name="least"/>.</summary>
    public static int WholeNumber(string option, string text, int least) =>
        int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out int value) && value >= least
            ? value
            : throw new InputException($"{option} is '{text}'; allowed is a whole number from {least} on");

    /// <summary>A number above 0.</summary>
    public static double PositiveNumber(string option, string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && (float)value > 0 && float.IsFinite((float)value)
            ? value
            : throw new InputException($"{option} is '{text}'; allowed is any number above 0 that single precision holds");

    /// <summary>A size of at least a byte, as in 512MiB or 1.5GiB.</summary>
    public static long Bytes(string option, string text)
    {
        string[] units = ["TiB", "GiB", "MiB", "KiB", "B"];
        string? unit = Array.Find(units, unit => text.EndsWith(unit, StringComparison.Ordinal));
        if (unit is not null
            && char.IsAsciiDigit(text[0])
            && double.TryParse(text.AsSpan(0, text.Length - unit.Length), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double count))
        {
            double bytes = count * Math.Pow(1024, units.Length - 1 - Array.IndexOf(units, unit));
            if (bytes is >= 1 and < long.MaxValue)
            {
                return (long)bytes;
            }
        }

        throw new InputException($"{option} is '{text}'; allowed is a size such as 512MiB or 1.5GiB");
    }

    /// <summary>Whole numbers with commas between them, each at least <paramref name="least"/>.</summary>
    public static IReadOnlyList<int> WholeNumbers(string option, string text, int least) =>
        Split(text) is { Length: > 0 } parts
            ? Array.ConvertAll(parts, part => WholeNumber(option, part, least))
            : throw new InputException($"{option} is empty; allowed are whole numbers from {least} on with commas between them");

    /// <summary>Numbers above 0 with commas between them.</summary>
    public static IReadOnlyList<double> PositiveNumbers(string option, string text) =>
        Split(text) is { Length: > 0 } parts
            ? Array.ConvertAll(parts, part => PositiveNumber(option, part))
            : throw new InputException($"{option} is empty; allowed are numbers above 0 with commas between them");

    /// <summary>Seeds: single ones and ranges such as 1..8, with commas between them.</summary>
    public static IReadOnlyList<ulong> Seeds(string option, string text)
    {
        const int MostSeeds = 100_000;
        List<ulong> seeds = [];
        foreach (string part in Split(text))
        {
            string[] ends = part.Split("..");
            if (ends.Length <= 2 && Seed(ends[0]) is { } first && Seed(ends[^1]) is { } last && first <= last && last - first < MostSeeds)
            {
                for (ulong i = 0; i <= last - first; i++)
                {
                    seeds.Add(first + i);
                }

                continue;
            }

            throw new InputException($"{option} is '{text}'; allowed are whole numbers from 0 on and ranges such as 1..8, with commas between them");
        }

        return seeds.Count switch
        {
            0 => throw new InputException($"{option} is empty; allowed is for example 1..8"),
            1 => seeds,
            _ => [.. seeds.Distinct()],
        };

        static ulong? Seed(string text) => ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out ulong seed) ? seed : null;
    }

    /// <summary>Names with commas between them; <paramref name="allowed"/> says which, for the message.</summary>
    public static string[] Names(string option, string text, string allowed) =>
        Split(text) is { Length: > 0 } names ? names : throw new InputException($"{option} is '{text}', an empty list; allowed are {allowed}, with commas between them");

    private static string[] Split(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    /// <summary>How many of <paramref name="clients"/> a count (2), a share below 1 (0.2; rounded down) or all but some (n-10) is.</summary>
    public static int CountOrShare(string option, string text, int clients)
    {
        const double RoundingSlack = 1e-9; // 0.3 * 10 is a hair below 3
        if (IsDigits(text) && int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count))
        {
            return count;
        }

        if (text.StartsWith("n-", StringComparison.Ordinal) && IsDigits(text.AsSpan(2))
            && int.TryParse(text.AsSpan(2), NumberStyles.None, CultureInfo.InvariantCulture, out int honest) && honest <= clients)
        {
            return clients - honest;
        }

        if (IsShare(text))
        {
            return (int)((double.Parse(text, CultureInfo.InvariantCulture) * clients) + RoundingSlack);
        }

        throw new InputException($"{option} is '{text}'; allowed is a count such as 2, a share of the {clients} clients from 0 to below 1 such as 0.2, or all but some of them such as n-10");
    }

    // .2, 0.2, 2e-1 or 2.5E-1: as in sweep.schema.json, or an editor would mark what the program takes. Not by a regular expression, whose code takes
    // milliseconds to load.
    private static bool IsShare(ReadOnlySpan<char> text)
    {
        int exponent = text.IndexOfAny('e', 'E');
        if (exponent < 0)
        {
            text = text.StartsWith("0") ? text[1..] : text;
            return text.StartsWith(".") && IsDigits(text[1..]);
        }

        ReadOnlySpan<char> factor = text[..exponent], power = text[(exponent + 1)..];
        return factor.Length > 0 && IsDigits(factor[..1]) && (factor.Length == 1 || (factor[1] == '.' && IsDigits(factor[2..])))
            && power.StartsWith("-") && IsDigits(power[1..]) && power[1..].ContainsAnyExcept('0');
    }

    private static bool IsDigits(ReadOnlySpan<char> text) => text.Length > 0 && !text.ContainsAnyExceptInRange('0', '9');
}
