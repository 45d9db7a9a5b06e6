// How wide a text will be, without a font: an upper estimate, so that what is laid out by it does not overlap.
namespace FlGpu.Harness.Charts;

/// <summary>Widths of texts in the widest of the fonts that charts name, DejaVu Sans, rounded up.</summary>
internal static class TextMeasure
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
