// Updates in a .csv file: a line a client, commas between the numbers, a header or none.
using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;
using FlGpu.Kernels;

namespace FlGpu.Harness.Updates;

/// <summary>The file is gone through twice: rows and columns are counted before the numbers are read.</summary>
internal sealed class CsvUpdates : IUpdateSource
{
    private const int FewestNumbered = 3; // 0 and 1 may be an update
    private const int LongestShown = 40;

    private readonly string _where;
    private readonly CsvParser _parser;

    /// <summary>Counts.</summary>
    /// <exception cref="InputException">There are no rows, or rows of different lengths.</exception>
    public CsvUpdates(string path, string where)
    {
        _where = where;
        bool header = false;
        using (CsvParser counted = Open(path, where))
        {
            while (Read(counted))
            {
                if (Parameters == 0)
                {
                    header = IsHeader(counted, where);
                    Format = header ? "csv with a header" : "csv";
                    Parameters = counted.Count;
                }

                if (counted.Count != Parameters)
                {
                    throw new InputException($"{where}, line {counted.RawRow}: it has {counted.Count} numbers, the first line has {Parameters}; allowed are lines of one length");
                }

                Clients++;
            }
        }

        Clients -= header ? 1 : 0;
        if (Clients == 0)
        {
            throw new InputException($"{where}: there are no rows{(header ? " after the header" : "")}");
        }

        _parser = Open(path, where);
        if (header)
        {
            Read(_parser);
        }
    }

    public int Clients { get; }

    public int Parameters { get; }

    public string Format { get; } = "csv";

    public void ReadRows(Span<float> rows)
    {
        for (int row = 0; row < rows.Length / Parameters; row++)
        {
            if (!Read(_parser))
            {
                throw new InputException($"{_where}: the file became shorter while it was read");
            }

            for (int column = 0; column < Parameters; column++)
            {
                rows[(row * Parameters) + column] = Number(_parser[column])
                    ?? throw NoNumber(_parser, column, _where);
            }
        }
    }

    public void Dispose() => _parser.Dispose();

    private static CsvParser Open(string path, string where) => new(
        new StreamReader(InputFile.Open(path, where)),
        new CsvConfiguration(CultureInfo.InvariantCulture) { TrimOptions = TrimOptions.Trim, BadDataFound = null });

    private bool Read(CsvParser parser)
    {
        try
        {
            return parser.Read();
        }
        catch (Exception e) when (e is IOException or CsvHelperException)
        {
            throw new InputException($"{_where}, line {parser.RawRow}: the line cannot be read: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    /// <summary>
    /// A first line without any number is a header, and so are the numbers 0, 1, 2 and so on, with which pandas heads columns without names.
    /// One that names no first column stands over row numbers, and one with numbers and other things is a client's with a mistake in it.
    /// </summary>
    private static bool IsHeader(CsvParser parser, string where)
    {
        int[] words = [.. Enumerable.Range(0, parser.Count).Where(column => Number(parser[column]) is null)];
        if (words.Length == 0)
        {
            return parser.Count >= FewestNumbered && Enumerable.Range(0, parser.Count).All(column => parser[column] == column.ToString(CultureInfo.InvariantCulture));
        }

        if (parser[0].Length == 0)
        {
            throw new InputException($"{where}, line 1: the first column has no name, as row numbers that pandas writes; leave them out (index=False)");
        }

        if (parser.Count == 1 && parser[0].Split([' ', '\t', ';', '|'], StringSplitOptions.RemoveEmptyEntries) is { Length: > 1 } parts && parts.All(part => Number(part) is not null))
        {
            throw new InputException($"{where}, line 1: there is no comma between the numbers; allowed are commas, as np.savetxt(…, delimiter=',') writes them");
        }

        return words.Length == parser.Count ? true : throw NoNumber(parser, words[0], where);
    }

    private static InputException NoNumber(CsvParser parser, int column, string where)
    {
        string text = parser[column];
        return new($"{where}, line {parser.RawRow}, column {column + 1}: '{(text.Length > LongestShown ? $"{text[..LongestShown]}…" : text)}' is no number");
    }

    private static float? Number(string text) => text.TrimStart('+', '-') switch
    {
        _ when float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float number) => number,
        "inf" or "Inf" or "INF" => text[0] == '-' ? float.NegativeInfinity : float.PositiveInfinity,
        _ => null,
    };
}
