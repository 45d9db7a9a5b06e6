// Updates in a .csv file: a line a client, commas between the numbers, a header or none.
using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;
using FlGpu.Kernels;

namespace FlGpu.Harness.Updates;

/// <summary>The file is gone through twice: rows and columns are counted before the numbers are read.</summary>
internal sealed class CsvUpdates : IUpdateSource
{
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

    public string Format => "csv";

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
                    ?? throw new InputException($"{_where}, line {_parser.RawRow}, column {column + 1}: '{_parser[column]}' is no number");
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

    /// <summary>A first line in which anything is no number is a header, but one that names no first column stands over row numbers.</summary>
    private static bool IsHeader(CsvParser parser, string where)
    {
        bool header = Enumerable.Range(0, parser.Count).Any(column => Number(parser[column]) is null);
        return !header || parser[0].Length > 0
            ? header
            : throw new InputException($"{where}, line 1: the first column has no name, as row numbers that pandas writes; leave them out (index=False)");
    }

    private static float? Number(string text) => text.TrimStart('+', '-') switch
    {
        _ when float.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out float number) => number,
        "inf" or "Inf" or "INF" => text[0] == '-' ? float.NegativeInfinity : float.PositiveInfinity,
        _ => null,
    };
}
