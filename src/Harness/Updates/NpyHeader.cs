// The header of NumPy's .npy format: what kind of numbers follow, in which shape and order.
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using FlGpu.Kernels;

namespace FlGpu.Harness.Updates;

/// <summary>
/// A matrix's header, versions 1 to 3 (NumPy Enhancement Proposal 1, and numpy.lib.format for versions 2 and 3): a magic string, the
/// version, the length of the text and a Python dictionary of descr, fortran_order and shape.
/// </summary>
/// <param name="Type">The numbers.</param>
/// <param name="ColumnsFirst">Whether the array is in Fortran's order: one column after another.</param>
/// <param name="Rows">n.</param>
/// <param name="Columns">d.</param>
/// <param name="Bytes">Bytes of the header itself.</param>
internal sealed partial record NpyHeader(ElementType Type, bool ColumnsFirst, int Rows, int Columns, int Bytes)
{
    private const int LongestText = 1 << 20;
    private const byte MagicByte = 0x93;

    /// <summary>Bytes of the numbers.</summary>
    public long DataBytes => (long)Rows * Columns * Type.Bytes;

    /// <summary>Reads the header at the beginning of <paramref name="stream"/>. <paramref name="where"/> begins messages: option and file.</summary>
    /// <exception cref="InputException">It is no header, or not that of a matrix of floating-point numbers.</exception>
    public static NpyHeader Read(Stream stream, string where)
    {
        Span<byte> start = stackalloc byte[12];
        if (stream.ReadAtLeast(start[..8], 8, throwOnEndOfStream: false) < 8 || start[0] != MagicByte || !start[1..6].SequenceEqual("NUMPY"u8))
        {
            throw new InputException($"{where}: it is no .npy array: it does not begin with NumPy's magic string");
        }

        int version = start[6];
        if (version is < 1 or > 3)
        {
            throw new InputException($"{where}: version {version}.{start[7]} of the .npy format is unknown; allowed are 1 to 3");
        }

        int lengthBytes = version == 1 ? sizeof(ushort) : sizeof(uint);
        Span<byte> length = start.Slice(8, lengthBytes);
        if (stream.ReadAtLeast(length, lengthBytes, throwOnEndOfStream: false) < lengthBytes)
        {
            throw Truncated(where);
        }

        uint textBytes = version == 1 ? BinaryPrimitives.ReadUInt16LittleEndian(length) : BinaryPrimitives.ReadUInt32LittleEndian(length);
        if (textBytes > LongestText)
        {
            throw new InputException($"{where}: the header says that it is {textBytes} bytes long; at most {LongestText} are read");
        }

        byte[] text = new byte[textBytes];
        if (stream.ReadAtLeast(text, text.Length, throwOnEndOfStream: false) < text.Length)
        {
            throw Truncated(where);
        }

        return Parse((version == 3 ? Encoding.UTF8 : Encoding.Latin1).GetString(text), 8 + lengthBytes + text.Length, where);
    }

    private static NpyHeader Parse(string text, int bytes, string where)
    {
        Match order = Order().Match(text);
        Match shape = Shape().Match(text);
        if (!order.Success || !shape.Success)
        {
            throw new InputException($"{where}: the header lacks fortran_order or shape: {text.Trim()}");
        }

        Match descr = Descr().Match(text);
        if (!descr.Success)
        {
            throw new InputException($"{where}: the numbers are records, not plain numbers; allowed are {ElementType.Allowed}");
        }

        ElementType type = TypeOf(descr.Groups[1].Value, where);
        long[] sizes = [.. shape.Groups[1].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Select(size => long.TryParse(size.TrimEnd('L'), NumberStyles.None, CultureInfo.InvariantCulture, out long value)
                ? value
                : throw new InputException($"{where}: the shape ({shape.Groups[1].Value}) is no list of sizes"))];
        (int rows, int columns) = MatrixShape.Of(sizes, where);
        return new(type, order.Groups[1].Value == "True", rows, columns, bytes);
    }

    private static ElementType TypeOf(string descr, string where)
    {
        ElementType? type = descr.TrimStart('<', '>', '=', '|') switch
        {
            "f2" => ElementType.Float16,
            "f4" => ElementType.Float32,
            "f8" => ElementType.Float64,
            _ => null,
        };
        return type is null
            ? throw new InputException($"{where}: the numbers are of type '{descr}'; allowed are {ElementType.Allowed} (f2, f4 and f8)")
            : descr[0] == '>' ? type.WithBigEnd() : type;
    }

    private static InputException Truncated(string where) => new($"{where}: it is truncated: it ends within the header");

    [GeneratedRegex("""['"]descr['"]\s*:\s*['"]([^'"]*)['"]""")]
    private static partial Regex Descr();

    [GeneratedRegex("""['"]fortran_order['"]\s*:\s*(True|False)""")]
    private static partial Regex Order();

    [GeneratedRegex("""['"]shape['"]\s*:\s*\(([^)]*)\)""")]
    private static partial Regex Shape();
}
