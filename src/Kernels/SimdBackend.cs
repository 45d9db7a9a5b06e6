// The CPU at its best: vector code over tiles that a few threads share out.
using System.Runtime.InteropServices;

namespace FlGpu.Kernels;

/// <summary>A piece of work that falls into tiles. Which thread runs a tile must not change its result.</summary>
internal unsafe interface ITiles
{
    /// <summary>Bytes of private scratch memory a thread needs.</summary>
    nuint ScratchBytes => 0;

    /// <summary>Does tile <paramref name="tile"/> with this thread's 64-byte aligned scratch memory.</summary>
    void Run(int tile, byte* scratch);
}

/// <summary>Vector code on <paramref name="threads"/> CPU threads, the calling one among them.</summary>
public sealed class SimdBackend(int threads) : Backend("simd", $"{Processor.Name} ({Processor.VectorInstructions})", threads)
{
    /// <summary>Below this many elements a second thread costs more than it brings.</summary>
    public const long ElementsWorthASecondThread = 300_000;

    private readonly TilePool _pool = new(threads);
    private readonly Dictionary<(int Rows, int First, int Last), RankNetwork> _networks = [];
    private readonly List<(int Rows, RankNetwork Network)> _networksForEach = [];
    private HostBuffer<float>? _workspace;

    /// <summary>As many threads as the machine has cores.</summary>
    public SimdBackend() : this(Environment.ProcessorCount)
    {
    }

    /// <inheritdoc/>
    public override Buffer<T> Allocate<T>(long length) => new HostBuffer<T>(length);

    /// <inheritdoc/>
    public override void Dispose()
    {
        _pool.Dispose();
        _workspace?.Dispose();
    }

    /// <inheritdoc/>
    protected override void Execute<TOperation>(in TOperation operation) => operation.Simd(this);

    /// <summary>Runs all tiles; on one thread when fewer than <see cref="ElementsWorthASecondThread"/> elements are touched.</summary>
    internal void ForEachTile<TTiles>(int count, long elements, in TTiles tiles) where TTiles : struct, ITiles =>
        _pool.Run(count, elements < ElementsWorthASecondThread ? 1 : Threads, tiles);

    /// <summary>Memory for the length of one operation, shared by its tiles; the next operation may be given the same.</summary>
    internal unsafe float* Workspace(long length)
    {
        if (_workspace is null || _workspace.Length < length)
        {
            _workspace?.Dispose();
            _workspace = new(length);
        }

        return _workspace.Pointer;
    }

    /// <summary>The sorting network for so many rows, made once, that averages some ranks and goes from column to column.</summary>
    internal RankNetwork Network(int rows, int first, int last)
    {
        if (!_networks.TryGetValue((rows, first, last), out RankNetwork? network))
        {
            _networks[(rows, first, last)] = network = new(SortingNetwork.ForRanks(rows, first, last), rows, fetchesNext: true);
        }

        return network;
    }

    /// <summary>The sorting network for so many rows, made once, that gives each of some ranks.</summary>
    internal RankNetwork NetworkForEach(int rows, params ReadOnlySpan<int> ranks)
    {
        foreach ((int networkRows, RankNetwork made) in _networksForEach)
        {
            if (networkRows == rows && made.Kept.SequenceEqual(ranks))
            {
                return made;
            }
        }

        var network = new RankNetwork(SortingNetwork.ForEach(rows, ranks), rows, fetchesNext: false);
        _networksForEach.Add((rows, network));
        return network;
    }
}

/// <summary>Threads that wait for tiles. Allocates nothing per run once every kind of tile has been seen.</summary>
internal sealed unsafe class TilePool : IDisposable
{
    private readonly Thread[] _helpers;
    private readonly Scratch[] _scratch;
    private readonly SemaphoreSlim _start = new(0);
    private readonly CountdownEvent _finished = new(1);
    private readonly Dictionary<Type, Job> _jobs = [];
    private volatile Job? _current;
    private Exception? _failure;
    private bool _disposed;

    public TilePool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _scratch = new Scratch[threads];
        for (int i = 0; i < threads; i++)
        {
            _scratch[i] = new Scratch();
        }

        _helpers = new Thread[threads - 1];
        for (int i = 0; i < _helpers.Length; i++)
        {
            Scratch scratch = _scratch[i + 1];
            _helpers[i] = new Thread(() => Help(scratch)) { IsBackground = true, Name = "flgpu tiles" };
            _helpers[i].Start();
        }
    }

    public void Run<TTiles>(int count, int threads, in TTiles tiles) where TTiles : struct, ITiles
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        threads = Math.Min(Math.Min(threads, _helpers.Length + 1), count);
        if (threads <= 1)
        {
            byte* scratch = _scratch[0].AtLeast(tiles.ScratchBytes);
            for (int tile = 0; tile < count; tile++)
            {
                tiles.Run(tile, scratch);
            }

            return;
        }

        if (!_jobs.TryGetValue(typeof(TTiles), out Job? known))
        {
            _jobs[typeof(TTiles)] = known = new Job<TTiles>();
        }

        ((Job<TTiles>)known).Set(tiles, count);
        _current = known;
        _finished.Reset(threads);
        _start.Release(threads - 1);
        Work(known, _scratch[0]);
        _finished.Wait();
        if (_failure is { } failure)
        {
            _failure = null;
            throw new InvalidOperationException("a tile failed", failure);
        }
    }

    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _current = null;
        _start.Release(_helpers.Length + 1);
        foreach (Thread helper in _helpers)
        {
            helper.Join();
        }

        foreach (Scratch scratch in _scratch)
        {
            scratch.Dispose();
        }

        _start.Dispose();
        _finished.Dispose();
    }

    private void Help(Scratch scratch)
    {
        while (true)
        {
            _start.Wait();
            if (_current is not { } job)
            {
                return;
            }

            Work(job, scratch);
        }
    }

    private void Work(Job job, Scratch scratch)
    {
        try
        {
            job.RunTiles(scratch);
        }
        catch (Exception failure)
        {
            Interlocked.CompareExchange(ref _failure, failure, null);
        }
        finally
        {
            _finished.Signal();
        }
    }

    private abstract class Job
    {
        public abstract void RunTiles(Scratch scratch);
    }

    /// <summary>Tiles are handed out one by one, in order, to whichever thread is free.</summary>
    private sealed class Job<TTiles> : Job where TTiles : struct, ITiles
    {
        private TTiles _tiles;
        private int _count;
        private int _next;

        public void Set(in TTiles tiles, int count) => (_tiles, _count, _next) = (tiles, count, 0);

        public override void RunTiles(Scratch scratch)
        {
            TTiles tiles = _tiles;
            byte* memory = scratch.AtLeast(tiles.ScratchBytes);
            for (int tile = Interlocked.Increment(ref _next) - 1; tile < _count; tile = Interlocked.Increment(ref _next) - 1)
            {
                tiles.Run(tile, memory);
            }
        }
    }

    /// <summary>One thread's private memory; it grows and is kept.</summary>
    private sealed class Scratch : IDisposable
    {
        private byte* _memory;
        private nuint _bytes;

        public byte* AtLeast(nuint bytes)
        {
            if (bytes > _bytes)
            {
                NativeMemory.AlignedFree(_memory);
                _memory = (byte*)NativeMemory.AlignedAlloc(bytes, 4096);
                _bytes = bytes;
            }

            return _memory;
        }

        public void Dispose()
        {
            NativeMemory.AlignedFree(_memory);
            _memory = null;
            _bytes = 0;
        }
    }
}
