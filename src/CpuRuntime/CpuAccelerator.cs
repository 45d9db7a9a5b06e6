// Runs kernels on CPU threads: groups of one without any barrier cost, larger groups as threads that really wait for each other.
namespace FlGpu.CpuRuntime;

/// <summary>Launches kernels on <paramref name="threads"/> CPU threads. A launch returns when its kernel has finished.</summary>
public sealed class CpuAccelerator(int threads) : IDisposable
{
    private GroupThreads? _groupThreads;

    /// <summary>Runs <paramref name="kernel"/> once for every thread of the launch.</summary>
    /// <exception cref="AggregateException">The kernel threw in one of its threads.</exception>
    public void Launch(KernelConfig config, Action kernel)
    {
        if (config.GroupDim == 1)
        {
            LaunchGroupsOfOne(config.GridDim, kernel);
            return;
        }

        if (_groupThreads?.Count != config.GroupDim)
        {
            _groupThreads?.Dispose();
            _groupThreads = new(config.GroupDim);
        }

        _groupThreads.Run(config.GridDim, kernel);
    }

    /// <summary>Ends the threads that larger groups were run on.</summary>
    public void Dispose() => _groupThreads?.Dispose();

    private void LaunchGroupsOfOne(int gridDim, Action kernel)
    {
        int workers = Math.Min(threads, gridDim);
        Parallel.For(0, workers, new ParallelOptions { MaxDegreeOfParallelism = workers }, worker =>
        {
            using var state = new GroupState(gridDim, 1, barrier: null);
            for (int block = worker; block < gridDim; block += workers)
            {
                state.Block = block;
                ThreadPosition.Current = new() { State = state };
                kernel();
            }

            ThreadPosition.Current = default;
        });
    }
}
