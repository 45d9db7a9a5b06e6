// The bytes of a zip's entry, held against its checksum when the last one has been read: .NET does not look at it.
using System.IO.Hashing;

namespace FlGpu.Harness.Updates;

/// <summary>Reads from <paramref name="inner"/>, <paramref name="length"/> bytes whose CRC-32 must be <paramref name="expected"/>.</summary>
internal sealed class ChecksummedStream(Stream inner, long length, uint expected) : Stream
{
    private readonly Crc32 _crc = new();
    private long _read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => _read;
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidDataException">These are the last bytes and the checksum is another.</exception>
    public override int Read(Span<byte> buffer)
    {
        int count = inner.Read(buffer);
        _crc.Append(buffer[..count]);
        _read += count;
        return count == 0 || _read < length || _crc.GetCurrentHashAsUInt32() == expected
            ? count
            : throw new InvalidDataException("its checksum does not match");
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
