// Reads and writes a CSV file whose columns are the properties of a record.
using System.Globalization;
using System.Reflection;
using System.Text;
using CsvHelper;
using CsvHelper.Configuration;
using CsvHelper.TypeConversion;
using FlGpu.Kernels;

namespace FlGpu.Harness.Recording;

/// <summary>
/// A CSV table of <typeparamref name="T"/>, a positional record. Columns are its properties in snake case and in the order
/// of declaration; enums are snake case words; numbers are invariant and round-trip; null is an empty field.
/// </summary>
public sealed class CsvTable<T> : IDisposable
{
    private static readonly PropertyInfo[] s_properties = typeof(T).GetProperties(BindingFlags.Public | BindingFlags.Instance);
    private static readonly string[] s_columns = [.. s_properties.Select(property => Operations.SnakeCase(property.Name))];

    private static readonly string[] s_requiredColumns =
    [
        .. typeof(T).GetConstructors().MaxBy(constructor => constructor.GetParameters().Length)!.GetParameters()
            .Where(parameter => !MayBeMissing(parameter))
            .Select(parameter => Operations.SnakeCase(parameter.Name!)),
    ];

    private readonly CsvWriter _csv;

    /// <summary>Writes to <paramref name="writer"/>, which stays open.</summary>
    /// <param name="writer">Where the text goes.</param>
    /// <param name="header">Whether the column names come first.</param>
    public CsvTable(TextWriter writer, bool header) : this(writer, header, leaveOpen: true)
    {
    }

    private CsvTable(TextWriter writer, bool header, bool leaveOpen)
    {
        _csv = new(writer, new CsvConfiguration(CultureInfo.InvariantCulture) { NewLine = "\n", ShouldQuote = NeedsQuotes }, leaveOpen);
        DescribeColumns(_csv.Context);
        if (header)
        {
            _csv.WriteHeader<T>();
            _csv.NextRecord();
            Flush();
        }
    }

    /// <summary>A new file, with its header already in it. A file of that name is replaced.</summary>
    public static CsvTable<T> Create(string path) => new(Open(path, FileMode.Create), header: true, leaveOpen: false);

    /// <summary>
    /// The end of a file, which is created with a header when there is none. What a killed process left of a half-written
    /// last line is cut off first.
    /// </summary>
    /// <exception cref="InputException">The file has other columns.</exception>
    public static CsvTable<T> Append(string path)
    {
        bool header = true;
        if (File.Exists(path))
        {
            CutTornLine(path);
            string? first = File.ReadLines(path).FirstOrDefault();
            header = first is null;
            if (first is not null && first != string.Join(',', s_columns))
            {
                throw new InputException($"{path} cannot be continued: its columns are not {string.Join(',', s_columns)}");
            }
        }

        return new(Open(path, FileMode.Append), header, leaveOpen: false);
    }

    /// <summary>Every row of a file.</summary>
    /// <exception cref="InputException">The file cannot be read, a column is missing or a value is not what its column holds.</exception>
    public static IReadOnlyList<T> Read(string path)
    {
        try
        {
            using StreamReader reader = new(path);
            return Read(reader, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path} cannot be read: {e.Message}");
        }
    }

    /// <summary>
    /// Every whole row of a file that a process may have been killed over: a half-written last line is left out, and none where there is no file.
    /// </summary>
    /// <exception cref="InputException">As of <see cref="Read(string)"/>, about the whole lines.</exception>
    public static IReadOnlyList<T> ReadWhole(string path)
    {
        if (!File.Exists(path))
        {
            return [];
        }

        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            byte[] whole = new byte[LengthOfWholeLines(file)];
            file.Position = 0;
            file.ReadExactly(whole);
            using StreamReader reader = new(new MemoryStream(whole));
            return whole.Length == 0 ? [] : Read(reader, path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path} cannot be read: {e.Message}");
        }
    }

    /// <summary>A file with these rows and no others; whoever looks sees the old file or the new one.</summary>
    public static void Replace(string path, IEnumerable<T> rows) => WholeFile.Write(path, draft =>
    {
        using CsvTable<T> table = Create(draft);
        table.Write(rows);
    });

    /// <summary>Adds a row.</summary>
    public void Write(T row)
    {
        _csv.WriteRecord(row);
        _csv.NextRecord();
    }

    /// <summary>Adds rows.</summary>
    public void Write(IEnumerable<T> rows)
    {
        foreach (T row in rows)
        {
            Write(row);
        }
    }

    /// <summary>Hands everything written so far to the operating system, so that it survives the end of this process.</summary>
    public void Flush() => _csv.Flush();

    /// <inheritdoc/>
    public void Dispose() => _csv.Dispose();

    private static IReadOnlyList<T> Read(TextReader text, string path)
    {
        using CsvReader csv = new(text, new CsvConfiguration(CultureInfo.InvariantCulture) { HeaderValidated = null });
        DescribeColumns(csv.Context);
        List<T> rows = [];
        try
        {
            if (!csv.Read() || !csv.ReadHeader())
            {
                throw new InputException($"{path} is empty; it should begin with the columns {string.Join(',', s_columns)}");
            }

            if (s_requiredColumns.Except(csv.HeaderRecord!).FirstOrDefault() is { } missing)
            {
                throw new InputException($"{path}, line 1: the column {missing} is missing");
            }

            while (csv.Read())
            {
                if (csv.Parser.Count != csv.HeaderRecord!.Length)
                {
                    int known = Math.Min(csv.Parser.Count, csv.HeaderRecord.Length - 1);
                    throw new InputException($"{path}, line {csv.Parser.RawRow}: {csv.Parser.Count} values for " +
                        $"{csv.HeaderRecord.Length} columns, from the column {csv.HeaderRecord[known]} on");
                }

                rows.Add(csv.GetRecord<T>());
            }
        }
        catch (TypeConverterException e)
        {
            throw new InputException($"{path}, line {csv.Parser.RawRow}: '{e.Text}' is no value for the column {csv.HeaderRecord![csv.CurrentIndex]}");
        }
        catch (BadDataException)
        {
            throw new InputException(
                $"{path}, line {csv.Parser.RawRow}: the quotes after column {csv.HeaderRecord?[Math.Max(csv.CurrentIndex, 0)]} do not match");
        }

        return rows;
    }

    private static void DescribeColumns(CsvContext context)
    {
        // Without thousands separators: a quoted "1,5" is a mistake and not 15.
        context.TypeConverterOptionsCache.GetOptions<double>().NumberStyles = NumberStyles.Float;
        context.TypeConverterOptionsCache.GetOptions<float>().NumberStyles = NumberStyles.Float;
        ClassMap map = context.AutoMap(typeof(T));
        foreach (MemberMapData member in map.MemberMaps.Select(member => member.Data))
        {
            member.Index = Array.FindIndex(s_properties, property => property.Name == member.Member!.Name);
            member.Names.Clear();
            member.Names.Add(s_columns[member.Index]);
            member.TypeConverter = WordsOf(s_properties[member.Index].PropertyType) ?? member.TypeConverter;
        }

        foreach (ParameterMapData parameter in map.ParameterMaps.Select(parameter => parameter.Data))
        {
            parameter.Names.Clear();
            parameter.Names.Add(Operations.SnakeCase(parameter.Parameter.Name!));
            parameter.TypeConverter = WordsOf(parameter.Parameter.ParameterType) ?? parameter.TypeConverter;
            parameter.IsOptional = MayBeMissing(parameter.Parameter);
            if (parameter.Parameter.HasDefaultValue)
            {
                parameter.IsDefaultSet = true;
                parameter.Default = parameter.Parameter.DefaultValue;
            }
        }

        context.RegisterClassMap(map);
    }

    // Files of earlier versions lack columns that were added later: texts with a default, and numbers, which then read as if they were empty.
    private static bool MayBeMissing(ParameterInfo column) =>
        column.HasDefaultValue || Nullable.GetUnderlyingType(column.ParameterType) is not null;

    private static EnumWords? WordsOf(Type type) => type.IsEnum ? new EnumWords(type) : null;

    /// <summary>As RFC 4180 wants it, whatever line ends this file uses itself.</summary>
    private static bool NeedsQuotes(ShouldQuoteArgs args) =>
        args.Field is { Length: > 0 } field && (field.AsSpan().IndexOfAny(",\"\r\n") >= 0 || field[0] == ' ' || field[^1] == ' ');

    private static StreamWriter Open(string path, FileMode mode) => new(new FileStream(path, mode, FileAccess.Write, FileShare.Read));

    private static void CutTornLine(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read);
        long end = LengthOfWholeLines(file);
        if (end < file.Length)
        {
            file.SetLength(end);
        }
    }

    private static long LengthOfWholeLines(FileStream file)
    {
        byte[] block = new byte[1 << 16];
        long position = 0;
        long end = 0;
        bool quoted = false;
        for (int read; (read = file.Read(block)) > 0; position += read)
        {
            for (int i = 0; i < read; i++)
            {
                quoted ^= block[i] == '"';
                // A line feed inside quotes belongs to a field and ends no line.
                if (block[i] == '\n' && !quoted)
                {
                    end = position + i + 1;
                }
            }
        }

        return end;
    }

    /// <summary>An enum as its snake case words, and nothing else: no numbers, no other case.</summary>
    private sealed class EnumWords(Type type) : DefaultTypeConverter
    {
        private readonly Dictionary<string, object> _values = Enum.GetValues(type).Cast<object>().ToDictionary(value => Operations.SnakeCase($"{value}"));

        public override string ConvertToString(object? value, IWriterRow row, MemberMapData data) => _values.First(pair => pair.Value.Equals(value)).Key;

        public override object? ConvertFromString(string? text, IReaderRow row, MemberMapData data) =>
            _values.TryGetValue(text ?? "", out object? value) ? value : base.ConvertFromString(text, row, data);
    }
}
