// Goes down the columns of updates on a GPU: what sums over the clients have in common.
namespace FlGpu.Kernels;

/// <summary>What a thread knows of the column, or of the four, that it goes down.</summary>
internal interface IColumnState<TSelf, T> where TSelf : struct, IColumnState<TSelf, T> where T : unmanaged, ILanes<T>
{
    /// <summary>The same with one more row.</summary>
    TSelf With(T row);
}

/// <summary>A thread goes down its column in the order of the rows and has eight of them on their way at once.</summary>
internal static class ColumnWalk
{
    /// <summary>Threads of a group: few, so that those of 100,000 columns spread evenly over the multiprocessors.</summary>
    public const int GroupSize = 128;

    /// <summary>The state of column k of <paramref name="updates"/> (n x columns) after all rows.</summary>
    public static TState Down<T, TState>(ArrayView<T> updates, long k, long columns, TState state)
        where T : unmanaged, ILanes<T> where TState : struct, IColumnState<TState, T>
    {
        long e = k;
        for (; e + (7 * columns) < updates.Length; e += 8 * columns)
        {
            T v0 = updates[e];
            T v1 = updates[e + columns];
            T v2 = updates[e + (2 * columns)];
            T v3 = updates[e + (3 * columns)];
            T v4 = updates[e + (4 * columns)];
            T v5 = updates[e + (5 * columns)];
            T v6 = updates[e + (6 * columns)];
            T v7 = updates[e + (7 * columns)];
            state = state.With(v0).With(v1).With(v2).With(v3).With(v4).With(v5).With(v6).With(v7);
        }

        for (; e < updates.Length; e += columns)
        {
            state = state.With(updates[e]);
        }

        return state;
    }
}
