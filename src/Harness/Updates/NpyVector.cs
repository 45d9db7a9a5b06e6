// Writes a vector as NumPy's .npy, version 1.
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace FlGpu.Harness.Updates;

internal static class NpyVector
{
    private const int Alignment = 64; // of the numbers, so that a mapped file can be used as it is
    private const int FixedBytes = 10; // magic string, version and length of the text
    private const int FloatsAtOnce = 1 << 20;

    /// <summary>Writes float32 of shape (d,), little-endian.</summary>
    public static void Write(Stream stream, ReadOnlySpan<float> values)
    {
        string text = $"{{'descr': '<f4', 'fortran_order': False, 'shape': ({values.Length},), }}";
        int padded = (FixedBytes + text.Length + 1 + Alignment - 1) / Alignment * Alignment;
        byte[] header = new byte[padded];
        header.AsSpan().Fill((byte)' ');
        ((ReadOnlySpan<byte>)[0x93, .. "NUMPY"u8, 1, 0]).CopyTo(header);
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(8), (ushort)(padded - FixedBytes));
        Encoding.ASCII.GetBytes(text, header.AsSpan(FixedBytes));
        header[^1] = (byte)'\n';
        stream.Write(header);
        for (int first = 0; first < values.Length; first += FloatsAtOnce)
        {
            stream.Write(MemoryMarshal.AsBytes(values.Slice(first, Math.Min(FloatsAtOnce, values.Length - first))));
        }
    }
}
