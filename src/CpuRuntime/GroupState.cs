// What the threads of one group share while a kernel runs: position, barrier and shared memory.
using System.Runtime.InteropServices;

namespace FlGpu.CpuRuntime;

/// <summary>One group of threads at work on one block of the grid. Shared by its threads; reused from block to block.</summary>
internal sealed unsafe class GroupState(int gridDim, int groupDim, System.Threading.Barrier? barrier) : IDisposable
{
    private readonly List<(nint Pointer, nuint Bytes)> _shared = [];

    public int GridDim { get; } = gridDim;
    public int GroupDim { get; } = groupDim;
    public int Block { get; set; }

    public void Barrier() => barrier?.SignalAndWait();

    /// <summary>The block's <paramref name="ordinal"/>-th allocation: the first thread to ask makes it, the others find it.</summary>
    public T* Shared<T>(int ordinal, int length) where T : unmanaged
    {
        nuint bytes = (nuint)length * (nuint)sizeof(T);
        lock (_shared)
        {
            if (ordinal == _shared.Count)
            {
                void* memory = NativeMemory.AlignedAlloc(bytes, 64);
                // Shared memory starts undefined on a GPU: all bits set is NaN, so a kernel that reads it first is found out.
                NativeMemory.Fill(memory, bytes, 0xFF);
                _shared.Add(((nint)memory, bytes));
            }

            if (_shared[ordinal].Bytes != bytes)
            {
                throw new InvalidOperationException("threads of one group allocate shared memory of different sizes");
            }

            return (T*)_shared[ordinal].Pointer;
        }
    }

    public void Dispose()
    {
        foreach (var (pointer, _) in _shared)
        {
            NativeMemory.AlignedFree((void*)pointer);
        }

        _shared.Clear();
    }
}

/// <summary>Where the calling thread stands in its group.</summary>
internal struct ThreadPosition
{
    [ThreadStatic]
    private static ThreadPosition t_current;

    public GroupState? State;
    public int ThreadIndex;
    public int SharedAllocations;

    public static ref ThreadPosition Current => ref t_current;

    public static GroupState Group => t_current.State ?? throw new InvalidOperationException("called outside a kernel");
}
