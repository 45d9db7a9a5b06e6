// A CSV file as the texts that it holds, whatever its columns are.
using System.Globalization;
using CsvHelper;
using CsvHelper.Configuration;
using FlGpu.Kernels;

namespace FlGpu.Harness.Reporting;

/// <summary>Columns, and rows with a text for each of them.</summary>
internal sealed record TextTable(IReadOnlyList<string> Columns, IReadOnlyList<IReadOnlyList<string>> Rows)
{
    /// <summary>Its first rows.</summary>
    public TextTable First(int count) => this with { Rows = [.. Rows.Take(count)] };

    /// <summary>Reads a file; a line that is too short is filled up with empty texts.</summary>
    /// <exception cref="InputException">The file cannot be read.</exception>
    public static TextTable Read(string path)
    {
        try
        {
            using StreamReader reader = new(new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            return Read(reader);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path} cannot be read: {e.Message}");
        }
    }

    /// <summary>Reads a text.</summary>
    public static TextTable Read(TextReader text)
    {
        using CsvParser parser = new(text, new CsvConfiguration(CultureInfo.InvariantCulture) { BadDataFound = null });
        string[] columns = parser.Read() ? parser.Record! : [];
        List<IReadOnlyList<string>> rows = [];
        while (parser.Read())
        {
            string[] row = parser.Record!;
            Array.Resize(ref row, columns.Length);
            rows.Add([.. row.Select(field => field ?? "")]);
        }

        return new(columns, rows);
    }
}
