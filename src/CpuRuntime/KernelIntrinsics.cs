// What a kernel may ask about where it runs, under the names that ILGPU gives these things.
namespace FlGpu.CpuRuntime;

/// <summary>The grid of groups of the running launch.</summary>
public static class Grid
{
    /// <summary>Index of this thread's group.</summary>
    public static int IdxX => ThreadPosition.Group.Block;

    /// <summary>Number of groups.</summary>
    public static int DimX => ThreadPosition.Group.GridDim;
}

/// <summary>The group of the calling thread.</summary>
public static class Group
{
    /// <summary>Index of this thread in its group.</summary>
    public static int IdxX => ThreadPosition.Current.ThreadIndex;

    /// <summary>Number of threads a group.</summary>
    public static int DimX => ThreadPosition.Group.GroupDim;

    /// <summary>Waits until every thread of the group is here.</summary>
    public static void Barrier() => ThreadPosition.Group.Barrier();
}

/// <summary>Memory that the threads of a group share. Undefined until written.</summary>
public static class SharedMemory
{
    /// <summary>Allocates <paramref name="length"/> elements; every thread of the group gets the same ones.</summary>
    public static unsafe ArrayView<T> Allocate<T>(int length) where T : unmanaged
    {
        ref ThreadPosition position = ref ThreadPosition.Current;
        return new(ThreadPosition.Group.Shared<T>(position.SharedAllocations++, length), length);
    }
}

/// <summary>Operations that no other thread can come between.</summary>
public static class Atomic
{
    /// <summary>Adds <paramref name="value"/> to <paramref name="target"/>; returns what it held before.</summary>
    public static int Add(ref int target, int value) => Interlocked.Add(ref target, value) - value;
}

/// <summary>Reinterprets bits without changing them.</summary>
public static class Interop
{
    /// <summary>The bits of a float.</summary>
    public static uint FloatAsInt(float value) => BitConverter.SingleToUInt32Bits(value);

    /// <summary>The float of some bits.</summary>
    public static float IntAsFloat(uint bits) => BitConverter.UInt32BitsToSingle(bits);
}

/// <summary>Functions with a single instruction on most devices.</summary>
public static class IntrinsicMath
{
    /// <summary>The smaller of two.</summary>
    public static int Min(int a, int b) => Math.Min(a, b);

    /// <summary>The larger of two.</summary>
    public static int Max(int a, int b) => Math.Max(a, b);
}

/// <summary>Instructions of CUDA devices written out: a CPU has none of them, and no kernel that uses them runs here.</summary>
public static class CudaAsm
{
    /// <summary>Not here.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public static void Emit(string instructions) => throw Missing(instructions);

    /// <summary>Not here.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public static void Emit<T>(string instructions, out T output) => throw Missing(instructions);

    /// <summary>Not here.</summary>
    /// <exception cref="NotSupportedException">Always.</exception>
    public static void Emit<A, B, C, D, E, F>(string instructions, A a, B b, C c, D d, E e, F f) => throw Missing(instructions);

    private static NotSupportedException Missing(string instructions) => new($"only a CUDA device runs '{instructions}'");
}
