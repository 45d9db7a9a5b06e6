// The kinds of numbers that update files hold, and how their bytes become floats.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

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

    // Shifted into a float's place, a half's exponent is 112 too small, subnormals included; infinities and NaN get all bits of theirs.
    private static void ReadHalf(ReadOnlySpan<byte> bytes, Span<float> floats)
    {
        ReadOnlySpan<ushort> halves = MemoryMarshal.Cast<byte, ushort>(bytes)[..floats.Length];
        int i = 0;
        for (; i + Vector256<ushort>.Count <= floats.Length; i += Vector256<ushort>.Count)
        {
            (Vector256<uint> lower, Vector256<uint> upper) = Vector256.Widen(Vector256.Create(halves[i..]));
            OfHalves(lower).CopyTo(floats[i..]);
            OfHalves(upper).CopyTo(floats[(i + Vector256<uint>.Count)..]);
        }

        for (; i < floats.Length; i++)
        {
            floats[i] = (float)BitConverter.UInt16BitsToHalf(halves[i]);
        }
    }

    private static Vector256<float> OfHalves(Vector256<uint> halves)
    {
        const float TwoTo112 = 5.192296858534828e33f;
        const uint Magnitude = 0x7FFF;
        const uint LeastInfinite = 0x7C00;
        const uint InfiniteBits = 0x7F800000;
        Vector256<uint> magnitude = halves & Vector256.Create(Magnitude);
        Vector256<uint> sign = (halves ^ magnitude) << 16;
        Vector256<uint> infinite = Vector256.GreaterThanOrEqual(magnitude, Vector256.Create(LeastInfinite)) & Vector256.Create(InfiniteBits);
        return (((magnitude << 13).AsSingle() * TwoTo112).AsUInt32() | infinite | sign).AsSingle();
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
        ReadOnlySpan<double> doubles = MemoryMarshal.Cast<byte, double>(bytes)[..floats.Length];
        int i = 0;
        for (; i + Vector256<float>.Count <= floats.Length; i += Vector256<float>.Count)
        {
            Vector256.Narrow(Vector256.Create(doubles[i..]), Vector256.Create(doubles[(i + Vector256<double>.Count)..])).CopyTo(floats[i..]);
        }

        for (; i < floats.Length; i++)
        {
            floats[i] = (float)doubles[i];
        }
    }
}
