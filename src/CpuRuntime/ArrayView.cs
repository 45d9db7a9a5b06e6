// A bounds-checked window onto unmanaged memory: what a kernel sees of a buffer.
namespace FlGpu.CpuRuntime;

/// <summary>A view of <paramref name="length"/> elements; indexing past its end throws, as a kernel test should.</summary>
public readonly unsafe struct ArrayView<T>(T* pointer, long length) where T : unmanaged
{
    private readonly T* _pointer = pointer;

    /// <summary>Number of elements.</summary>
    public long Length { get; } = length;

    /// <summary>The element at a 64-bit index.</summary>
    public ref T this[long index]
    {
        get
        {
            if ((ulong)index >= (ulong)Length)
            {
                ThrowOutOfRange(index, Length);
            }

            return ref _pointer[index];
        }
    }

    /// <summary>The element at a 32-bit index.</summary>
    public ref T this[int index] => ref this[(long)index];

    /// <summary>The window of <paramref name="length"/> elements that starts at <paramref name="offset"/>.</summary>
    public ArrayView<T> SubView(long offset, long length)
    {
        if (offset < 0 || length < 0 || offset + length > Length)
        {
            ThrowOutOfRange(offset + length, Length);
        }

        return new(_pointer + offset, length);
    }

    /// <summary>
    /// The same bytes as elements of another type; bytes beyond the last whole one are left out. A device loads and stores an element of up to 16
    /// bytes at multiples of its size only.
    /// </summary>
    public ArrayView<U> Cast<U>() where U : unmanaged
    {
        if (sizeof(U) > sizeof(T) && (nint)_pointer % Math.Min(sizeof(U), 16) != 0)
        {
            ThrowMisaligned(sizeof(U));
        }

        return new((U*)_pointer, Length * sizeof(T) / sizeof(U));
    }

    private static void ThrowMisaligned(int bytes) => throw new InvalidOperationException($"elements of {bytes} bytes do not start where a device could load them");

    private static void ThrowOutOfRange(long index, long length) =>
        throw new IndexOutOfRangeException($"index {index} is outside a view of {length} elements");
}
