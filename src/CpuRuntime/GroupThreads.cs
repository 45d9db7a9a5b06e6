// The threads of a group larger than one. They run the blocks of a launch one after another, all in step.
namespace FlGpu.CpuRuntime;

/// <summary>Owns <paramref name="count"/> threads that stay alive from launch to launch.</summary>
internal sealed class GroupThreads : IDisposable
{
    private readonly System.Threading.Barrier _launch;
    private readonly Thread[] _threads;
    private readonly List<Exception> _failures = [];
    private System.Threading.Barrier? _inKernel;
    private GroupState? _state;
    private Action? _kernel;
    private int _gridDim;

    public GroupThreads(int count)
    {
        _launch = new(count + 1);
        _threads = [.. Enumerable.Range(0, count).Select(index => new Thread(() => Work(index), 256 * 1024) { IsBackground = true })];
        foreach (Thread thread in _threads)
        {
            thread.Start();
        }
    }

    public int Count => _threads.Length;

    public void Run(int gridDim, Action kernel)
    {
        using var barrier = new System.Threading.Barrier(Count);
        using var state = new GroupState(gridDim, Count, barrier);
        (_inKernel, _state, _kernel, _gridDim) = (barrier, state, kernel, gridDim);
        _launch.SignalAndWait();
        _launch.SignalAndWait();
        _kernel = null;
        if (_failures.Count > 0)
        {
            var failures = new AggregateException(_failures);
            _failures.Clear();
            throw failures;
        }
    }

    public void Dispose()
    {
        _kernel = null;
        _launch.SignalAndWait();
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }

        _launch.Dispose();
    }

    private void Work(int index)
    {
        while (true)
        {
            _launch.SignalAndWait();
            if (_kernel is not { } kernel)
            {
                return;
            }

            RunBlocks(index, kernel);
            _launch.SignalAndWait();
        }
    }

    private void RunBlocks(int index, Action kernel)
    {
        try
        {
            for (int block = 0; block < _gridDim; block++)
            {
                if (index == 0)
                {
                    _state!.Block = block;
                }

                _inKernel!.SignalAndWait();
                ThreadPosition.Current = new() { State = _state, ThreadIndex = index };
                kernel();
                _inKernel.SignalAndWait();
            }
        }
        catch (Exception failure)
        {
            lock (_failures)
            {
                _failures.Add(failure);
            }

            // The others must not wait for a thread that has failed.
            _inKernel!.RemoveParticipant();
        }
    }
}
