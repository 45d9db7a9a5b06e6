// Memory on a backend, and the CPU's form of it.
using System.Runtime.InteropServices;

namespace FlGpu.Kernels;

/// <summary><paramref name="length"/> elements in the memory of one backend.</summary>
public abstract class Buffer<T>(long length) : IDisposable where T : unmanaged
{
    /// <summary>Number of elements.</summary>
    public long Length { get; } = length;

    /// <summary>Copies <paramref name="host"/> to the elements from <paramref name="offset"/> on.</summary>
    public abstract void CopyFrom(ReadOnlySpan<T> host, long offset = 0);

    /// <summary>Fills <paramref name="host"/> from the elements from <paramref name="offset"/> on. Waits for runs in flight.</summary>
    public abstract void CopyTo(Span<T> host, long offset = 0);

    /// <summary>A window onto the same memory. It does not own it.</summary>
    public abstract Buffer<T> Slice(long offset, long length);

    /// <inheritdoc/>
    public abstract void Dispose();
}

/// <summary>
/// Unmanaged, 64-byte aligned CPU memory. It is freed by Dispose alone: a finalizer could free it under vector code that holds nothing
/// but its address.
/// </summary>
public sealed unsafe class HostBuffer<T> : Buffer<T> where T : unmanaged
{
    private const nuint CacheLine = 64;
    private const nuint HugePage = 2 << 20;
    private readonly HostBuffer<T>? _owner;

    /// <summary>Allocates <paramref name="length"/> uninitialised elements.</summary>
    /// <exception cref="OutOfMemoryException">There is not enough memory.</exception>
    public HostBuffer(long length) : base(length)
    {
        nuint bytes = checked((nuint)length * (nuint)sizeof(T));
        // Whole vectors may be read past the last element, and large matrices are faster on huge pages.
        Pointer = (T*)NativeMemory.AlignedAlloc(bytes + CacheLine, bytes < HugePage ? CacheLine : HugePage);
        NativeMemory.Clear((byte*)Pointer + bytes, CacheLine);
        if (bytes >= HugePage)
        {
            HugePages.Advise(Pointer, bytes);
        }
    }

    private HostBuffer(HostBuffer<T> owner, long offset, long length) : base(length)
    {
        _owner = owner;
        Pointer = owner.Pointer + offset;
    }

    /// <summary>The first element.</summary>
    public T* Pointer { get; private set; }

    /// <summary>The elements as a span; they must be fewer than 2^31.</summary>
    public Span<T> Span => new(Pointer, checked((int)Length));

    /// <summary>One element.</summary>
    public ref T this[long index]
    {
        get
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((ulong)index, (ulong)Length, nameof(index));
            return ref Pointer[index];
        }
    }

    /// <inheritdoc/>
    public override void CopyFrom(ReadOnlySpan<T> host, long offset = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + host.Length, Length, nameof(host));
        host.CopyTo(new(Pointer + offset, host.Length));
    }

    /// <inheritdoc/>
    public override void CopyTo(Span<T> host, long offset = 0)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + host.Length, Length, nameof(host));
        new Span<T>(Pointer + offset, host.Length).CopyTo(host);
    }

    /// <inheritdoc/>
    public override Buffer<T> Slice(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + length, Length, nameof(length));
        return new HostBuffer<T>(_owner ?? this, offset + (Pointer - (_owner ?? this).Pointer), length);
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        if (_owner is null)
        {
            NativeMemory.AlignedFree(Pointer);
            Pointer = null;
        }
    }
}

/// <summary>Asks Linux to back a large allocation with huge pages.</summary>
internal static unsafe partial class HugePages
{
    private const int MadviseHugePage = 14;

    public static void Advise(void* pointer, nuint bytes)
    {
        if (OperatingSystem.IsLinux())
        {
            // Only a hint: a kernel without huge pages refuses it, and nothing but speed is lost.
            _ = Madvise(pointer, bytes, MadviseHugePage);
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Madvise(void* pointer, nuint bytes, int advice);
}
