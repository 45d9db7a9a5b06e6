// A random sample of the coordinates, as rules draw it that look at some of them only.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Draws coordinates without repetition and copies them out of the updates, on the device.</summary>
internal sealed class RandomColumns : IDisposable
{
    private readonly Setting _setting;
    private readonly int[] _all;
    private readonly Buffer<int> _columns;
    private readonly int _count;

    /// <summary>Draws <paramref name="count"/> columns at a time, or all when there are no more.</summary>
    public RandomColumns(Setting setting, int count)
    {
        _setting = setting;
        _count = Math.Min(count, setting.Parameters);
        _all = new int[setting.Parameters];
        _columns = setting.Backend.Allocate<int>(_count);
        Gathered = setting.Backend.AllocateMatrix(setting.Clients, _count);
    }

    /// <summary>The columns drawn last of all updates, n x count.</summary>
    public Matrix Gathered { get; }

    /// <summary>The columns that a key draws, in ascending order: the first steps of a shuffle (Fisher and Yates 1938).</summary>
    public static ReadOnlySpan<int> Draw(int[] all, int count, RngKey key)
    {
        RngStream stream = key.Stream();
        for (int k = 0; k < all.Length; k++)
        {
            all[k] = k;
        }

        for (int k = 0; k < count && count < all.Length; k++)
        {
            int other = k + stream.NextInt32(all.Length - k);
            (all[k], all[other]) = (all[other], all[k]);
        }

        all.AsSpan(0, count).Sort();
        return all.AsSpan(0, count);
    }

    /// <summary>Draws columns and gathers them.</summary>
    public Matrix Gather(Matrix updates, RngKey key)
    {
        _columns.CopyFrom(Draw(_all, _count, key));
        _setting.Backend.Run(new GatherColumns(updates, _columns, Gathered));
        return Gathered;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _columns.Dispose();
        Gathered.Dispose();
    }
}
