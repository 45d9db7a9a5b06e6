// Where operations run. Created once at the edge and passed down; never looked up globally.
using System.Diagnostics;

namespace FlGpu.Kernels;

/// <summary>
/// A place that holds matrices and runs operations on them. Not thread-safe: one run at a time.
/// </summary>
public abstract class Backend(string name, string device, int threads) : IDisposable
{
    /// <summary>The name in options and CSVs: reference, simd, cpu, cuda:0, opencl:0.</summary>
    public string Name { get; } = name;

    /// <summary>The hardware behind it, for people.</summary>
    public string Device { get; } = device;

    /// <summary>CPU threads it computes with; on a GPU its multiprocessors.</summary>
    public int Threads { get; } = threads;

    /// <summary>The work of everything run so far.</summary>
    public Work Done { get; private set; }

    /// <summary>What has been copied between the host's memory and the device's so far; nothing where they are the same memory.</summary>
    public virtual Traffic Copied => default;

    /// <summary>Bytes of the device's own memory; null where it works in the machine's.</summary>
    public virtual long? MemoryBytes => null;

    /// <summary>Told the name, work and time of each operation when set. Synchronises after each, so never set in a timed run.</summary>
    public Action<string, Work, TimeSpan>? Observer { get; set; }

    /// <summary>Runs <paramref name="operation"/> here. The only place that dispatches, and the only one that measures.</summary>
    public void Run<TOperation>(in TOperation operation) where TOperation : struct, IOperation
    {
        Work cost = operation.Cost;
        Done += cost;
        if (Observer is null)
        {
            Execute(operation);
            return;
        }

        long start = Stopwatch.GetTimestamp();
        Execute(operation);
        Synchronize();
        Observer(Operations.NameOf(typeof(TOperation)), cost, Stopwatch.GetElapsedTime(start));
    }

    /// <summary>An uninitialised matrix of rows x columns.</summary>
    public Matrix AllocateMatrix(int rows, int columns) => new(rows, columns, Allocate<float>((long)rows * columns));

    /// <summary>An uninitialised buffer.</summary>
    public abstract Buffer<T> Allocate<T>(long length) where T : unmanaged;

    /// <summary>A matrix that holds <paramref name="values"/>, row by row.</summary>
    public Matrix Upload(int rows, int columns, ReadOnlySpan<float> values)
    {
        Matrix matrix = AllocateMatrix(rows, columns);
        matrix.CopyFrom(values);
        return matrix;
    }

    /// <summary>A buffer that holds <paramref name="values"/>.</summary>
    public Buffer<T> Upload<T>(ReadOnlySpan<T> values) where T : unmanaged
    {
        Buffer<T> buffer = Allocate<T>(values.Length);
        buffer.CopyFrom(values);
        return buffer;
    }

    /// <summary>Measures on the device itself; null where there is no device apart from the CPU that this runs on.</summary>
    public virtual IDeviceTimer? CreateDeviceTimer() => null;

    /// <summary>Waits until everything that was run has finished.</summary>
    public virtual void Synchronize()
    {
    }

    /// <inheritdoc/>
    public virtual void Dispose()
    {
    }

    /// <summary>Runs the body that belongs to this kind of backend.</summary>
    protected abstract void Execute<TOperation>(in TOperation operation) where TOperation : struct, IOperation;
}

/// <summary>Bytes copied between a host and a device.</summary>
/// <param name="ToDevice">From the host's memory to the device's.</param>
/// <param name="ToHost">From the device's memory to the host's.</param>
public readonly record struct Traffic(long ToDevice, long ToHost)
{
    /// <summary>The traffic of one thing after another.</summary>
    public static Traffic operator +(Traffic a, Traffic b) => new(a.ToDevice + b.ToDevice, a.ToHost + b.ToHost);

    /// <summary>The traffic that <paramref name="a"/> has beyond <paramref name="b"/>.</summary>
    public static Traffic operator -(Traffic a, Traffic b) => new(a.ToDevice - b.ToDevice, a.ToHost - b.ToHost);
}

/// <summary>The definition of correct: one thread, scalar code, sums in double precision.</summary>
public sealed class ReferenceBackend() : Backend("reference", Processor.Name, 1)
{
    /// <inheritdoc/>
    public override Buffer<T> Allocate<T>(long length) => new HostBuffer<T>(length);

    /// <inheritdoc/>
    protected override void Execute<TOperation>(in TOperation operation) => operation.Reference();
}
