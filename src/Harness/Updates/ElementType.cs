// The kinds of numbers that update files hold, and how their bytes become floats.
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace FlGpu.Harness.Updates;

/// <summary>A binary floating-point format with its byte order.</summary>
internal sealed class ElementType
{
    public const string Allowed = "float16, float32 and float64";

    private const int SwappedAtOnce = 4096;
    private const int NumbersAtOnce = 1 << 17; // a row's bytes may be too many for one span

    private readonly NativeReader _readNative;

    private ElementType(string name, int bytes, bool bigEndian, NativeReader readNative) =>
        (Name, Bytes, BigEndian, _readNative) = (name, bytes, bigEndian, readNative);

    private delegate void NativeReader(ReadOnlySpan<byte> bytes, Span<float> floats);

    public static ElementType Float16 { get; } = new("float16", 2, false, ReadHalf);

    public static ElementType BFloat16 { get; } = new("bfloat16", 2, false, ReadBrain);

    public static ElementType Float32 { get; } = new("float32", 4, false, (bytes, floats) => bytes.CopyTo(MemoryMarshal.AsBytes(floats)));

    public static ElementType Float64 { get; } = new("float64", 8, false, ReadDouble);

    /// <summary>As NumPy names it: float32.</summary>
    public string Name { get; }

    /// <summary>Bytes a number.</summary>
    public int Bytes { get; }

    /// <summary>Whether the most significant byte comes first.</summary>
    public bool BigEndian { get; }

    /// <summary>The same with the most significant byte first.</summary>
    public ElementType WithBigEnd() => new(Name, Bytes, true, _readNative);

    /// <summary>Turns <paramref name="bytes"/> into <paramref name="floats"/>, as many. Doubles beyond single precision become infinite.</summary>
    public void Read(ReadOnlySpan<byte> bytes, Span<float> floats)
    {
        if (BigEndian != BitConverter.IsLittleEndian)
        {
            _readNative(bytes, floats);
            return;
        }

        Span<byte> swapped = stackalloc byte[SwappedAtOnce];
        for (int first = 0; first < floats.Length; first += SwappedAtOnce / Bytes)
        {
            int count = Math.Min(SwappedAtOnce / Bytes, floats.Length - first);
            ReadOnlySpan<byte> source = bytes.Slice(first * Bytes, count * Bytes);
            Span<byte> target = swapped[..(count * Bytes)];
            switch (Bytes)
            {
                case sizeof(ushort):
                    BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, ushort>(source), MemoryMarshal.Cast<byte, ushort>(target));
                    break;
                case sizeof(uint):
                    BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, uint>(source), MemoryMarshal.Cast<byte, uint>(target));
                    break;
                default:
                    BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<byte, ulong>(source), MemoryMarshal.Cast<byte, ulong>(target));
                    break;
            }

            _readNative(target, floats.Slice(first, count));
        }
    }

    /// <summary>The same for numbers in memory, any number of them.</summary>
    public unsafe void Read(byte* bytes, Span<float> floats)
    {
        for (int first = 0; first < floats.Length; first += NumbersAtOnce)
        {
            int count = Math.Min(NumbersAtOnce, floats.Length - first);
            Read(new ReadOnlySpan<byte>(bytes + ((long)first * Bytes), count * Bytes), floats.Slice(first, count));
        }
    }

    /// <summary>The same for the next numbers of a stream.</summary>
    /// <exception cref="EndOfStreamException">There are fewer.</exception>
    public void Read(Stream stream, Span<float> floats)
    {
        byte[] bytes = new byte[Math.Min(NumbersAtOnce, floats.Length) * Bytes];
        for (int first = 0; first < floats.Length; first += NumbersAtOnce)
        {
            int count = Math.Min(NumbersAtOnce, floats.Length - first);
            stream.ReadExactly(bytes, 0, count * Bytes);
            Read(bytes.AsSpan(0, count * Bytes), floats.Slice(first, count));
        }
    }

    private static void ReadHalf(ReadOnlySpan<byte> bytes, Span<float> floats)
    {
        ReadOnlySpan<Half> halves = MemoryMarshal.Cast<byte, Half>(bytes);
        for (int i = 0; i < floats.Length; i++)
        {
            floats[i] = (float)halves[i];
        }
    }

    // bfloat16 is the upper half of a float.
    private static void ReadBrain(ReadOnlySpan<byte> bytes, Span<float> floats)
    {
        ReadOnlySpan<ushort> upper = MemoryMarshal.Cast<byte, ushort>(bytes);
        for (int i = 0; i < floats.Length; i++)
        {
            floats[i] = BitConverter.UInt32BitsToSingle((uint)upper[i] << 16);
        }
    }

    private static void ReadDouble(ReadOnlySpan<byte> bytes, Span<float> floats)
    {
        ReadOnlySpan<double> doubles = MemoryMarshal.Cast<byte, double>(bytes);
        for (int i = 0; i < floats.Length; i++)
        {
            floats[i] = (float)doubles[i];
        }
    }
}
