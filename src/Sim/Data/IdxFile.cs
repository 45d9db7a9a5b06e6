// Reads and checks one file in the IDX format of MNIST, plain or gzip.
using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The bytes of an IDX file: <paramref name="Count"/> images of <paramref name="Rows"/> x <paramref name="Columns"/> bytes,
/// or as many labels of one byte (1 x 1), behind a header of <paramref name="Header"/> bytes.
/// </summary>
internal sealed record IdxFile(string Path, string Sha256, byte[] Bytes, int Header, int Count, int Rows, int Columns)
{
    private const uint ImagesMagic = 0x0803;
    private const uint LabelsMagic = 0x0801;
    private const int ImagesHeader = 16;
    private const int LabelsHeader = 8;
    private const int ShortestGzip = 18;

    /// <summary>The images or labels, without the header.</summary>
    public ReadOnlySpan<byte> Values => Bytes.AsSpan(Header);

    /// <summary>Reads a file of images. Throws <see cref="InputException"/> with the path when it is not a whole one.</summary>
    public static IdxFile ReadImages(string path) => Read(path, ImagesMagic, ImagesHeader, "images");

    /// <summary>Reads a file of labels. Throws <see cref="InputException"/> with the path when it is not a whole one.</summary>
    public static IdxFile ReadLabels(string path) => Read(path, LabelsMagic, LabelsHeader, "labels");

    private static IdxFile Read(string path, uint magic, int header, string what)
    {
        (byte[] bytes, string sha256) = Unpack(path);
        if (bytes.Length < header)
        {
            throw new InputException($"{path}: has {bytes.Length} bytes, expected a header of {header} for IDX {what}");
        }

        uint found = Word(bytes, 0);
        if (found != magic)
        {
            throw new InputException($"{path}: begins with 0x{found:X8}, expected 0x{magic:X8} for IDX {what}");
        }

        uint count = Word(bytes, 1);
        (uint rows, uint columns) = magic == ImagesMagic ? (Word(bytes, 2), Word(bytes, 3)) : (1, 1);
        if (count == 0 || rows == 0 || columns == 0)
        {
            throw new InputException($"{path}: holds {count} {what} of {rows} x {columns}, expected at least one of at least 1 x 1");
        }

        Int128 expected = header + ((Int128)count * rows * columns);
        if (bytes.Length != expected)
        {
            throw new InputException(
                $"{path}: has {bytes.Length} bytes, expected {expected} for {count} {what} of {rows} x {columns}");
        }

        return new(path, sha256, bytes, header, (int)count, (int)rows, (int)columns);
    }

    private static uint Word(byte[] bytes, int index) => BinaryPrimitives.ReadUInt32BigEndian(bytes.AsSpan(index * sizeof(uint)));

    private static (byte[] Bytes, string Sha256) Unpack(string path)
    {
        try
        {
            byte[] file = File.ReadAllBytes(path);
            string sha256 = Convert.ToHexStringLower(SHA256.HashData(file));
            if (!path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase))
            {
                return (file, sha256);
            }

            using var unpacked = new MemoryStream();
            using (var gzip = new GZipStream(new MemoryStream(file), CompressionMode.Decompress))
            {
                gzip.CopyTo(unpacked);
            }

            // GZipStream accepts a cut-off trailer and anything after it: the length at the end of the trailer tells both.
            if (file.Length < ShortestGzip
                || BinaryPrimitives.ReadUInt32LittleEndian(file.AsSpan(^sizeof(uint)..)) != (uint)unpacked.Length)
            {
                throw new InvalidDataException($"its last 4 bytes are not the length of the {unpacked.Length} bytes before");
            }

            return (unpacked.ToArray(), sha256);
        }
        catch (InvalidDataException e)
        {
            throw new InputException($"{path}: is no whole gzip file ({e.Message})");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"{path}: cannot be read ({e.Message})");
        }
    }
}
