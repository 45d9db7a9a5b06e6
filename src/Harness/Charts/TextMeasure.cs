// How wide a text will be, without a font: an upper estimate, so that what is laid out by it does not overlap.
using System.Text.RegularExpressions;

namespace FlGpu.Harness.Charts;

/// <summary>Widths of texts in the widest of the fonts that charts name, DejaVu Sans, rounded up.</summary>
internal static partial class TextMeasure
{
    private const string Ellipsis = "…";

    /// <summary>An upper estimate of the width of a text.</summary>
    public static double Width(string text, double fontSize) => text.Sum(EmsOf) * fontSize;

    /// <summary>A text as it is, or with an ellipsis for its middle where it is wider than <paramref name="width"/>.</summary>
    public static string Shorten(string text, double width, double fontSize)
    {
        if (Width(text, fontSize) <= width)
        {
            return text;
        }

        for (int kept = text.Length - 1; kept > 1; kept--)
        {
            // The beginning tells more than the end: names come first and parameters last.
            int head = (kept * 2 / 3) + 1;
            string shorter = string.Concat(text.AsSpan(0, head), Ellipsis, text.AsSpan(text.Length - (kept - head)));
            if (Width(shorter, fontSize) <= width)
            {
                return shorter;
            }
        }

        return Ellipsis;
    }

    /// <summary>A text in lines no wider than <paramref name="width"/>; a single word that is wider is shortened.</summary>
    public static IReadOnlyList<string> Wrap(string text, double width, double fontSize)
    {
        List<string> lines = [];
        foreach (string word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (lines.Count > 0 && Width($"{lines[^1]} {word}", fontSize) <= width)
            {
                lines[^1] += $" {word}";
            }
            else
            {
                lines.Add(Shorten(word, width, fontSize));
            }
        }

        return lines;
    }

    /// <summary>A name in no more than so many lines, broken after a comma, plus, colon or space; a line that is wider all the same is shortened.</summary>
    public static IReadOnlyList<string> Fold(string name, double width, double fontSize, int mostLines)
    {
        List<string> lines = [""];
        foreach (string part in Parts().Matches(name).Select(match => match.Value))
        {
            if (lines[^1] == "" || lines.Count == mostLines || Width((lines[^1] + part).TrimEnd(), fontSize) <= width)
            {
                lines[^1] += part;
            }
            else
            {
                lines.Add(part);
            }
        }

        return [.. lines.Select(line => Shorten(line.TrimEnd(), width, fontSize))];
    }

    [GeneratedRegex("[^,+: ]+[,+: ]*|[,+: ]+")]
    private static partial Regex Parts();

    private static double EmsOf(char character) => character switch
    {
        'm' or 'w' or 'M' or 'W' or '%' or '@' or '…' => 1,
        'i' or 'j' or 'l' or 'f' or 't' or 'r' or ' ' or '.' or ',' or ':' or ';' or '\'' or '|' or '!' or '(' or ')' or '[' or ']' or '-' or '·' or '/' => 0.42,
        '=' or '+' or '<' or '>' or '±' or '×' => 0.84,
        >= 'A' and <= 'Z' => 0.8,
        <= '\u024f' => 0.64,
        _ => 1,
    };
}
