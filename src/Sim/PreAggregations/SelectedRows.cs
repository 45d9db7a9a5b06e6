// Some of a round's updates, each times a factor, in a matrix of their own: what clipping and filtering come down to.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Norms come to the host, factors and row numbers go to the device; the updates stay there.</summary>
internal sealed class SelectedRows(Setting setting) : IDisposable
{
    private readonly Matrix _norms = setting.Backend.AllocateMatrix(1, setting.Clients);
    private readonly Matrix _factors = setting.Backend.AllocateMatrix(1, setting.Clients);
    private readonly Buffer<int> _indices = setting.Backend.Allocate<int>(setting.Clients);
    private readonly Matrix _rows = setting.Backend.AllocateMatrix(setting.Clients, setting.Parameters);

    private Judgement? _judged;

    /// <summary>The norms and the bound of the last clipping; none before it.</summary>
    public IReadOnlyList<Judgement> Judgements => _judged is null ? [] : [_judged];

    /// <summary>The first <paramref name="count"/> elements of a matrix of one row.</summary>
    public static Matrix First(Matrix row, int count) => new(1, count, row.Elements.Slice(0, count));

    /// <summary>The Euclidean norms of the rows.</summary>
    public float[] Norms(Matrix updates)
    {
        Matrix norms = First(_norms, updates.Rows);
        setting.Backend.Run(new RowNorms(updates, norms));
        return norms.ToArray();
    }

    /// <summary>The rows at <paramref name="kept"/>, each times its factor; they last until the next call.</summary>
    public Matrix Gather(Matrix updates, ReadOnlySpan<int> kept, ReadOnlySpan<float> factors)
    {
        _indices.CopyFrom(kept);
        _factors.CopyFrom(factors);
        Matrix gathered = _rows.SliceRows(0, kept.Length);
        setting.Backend.Run(new GatherRows(updates, _indices.Slice(0, kept.Length), First(_factors, kept.Length), gathered));
        return gathered;
    }

    /// <summary>
    /// All rows, each scaled down to <paramref name="bound"/> where it is longer. A row whose norm is NaN or infinite has no direction to
    /// keep and becomes zero.
    /// </summary>
    public PreAggregated Clip(Matrix updates, ReadOnlySpan<float> norms, double bound)
    {
        int[] all = [.. Enumerable.Range(0, updates.Rows)];
        float[] factors = new float[updates.Rows];
        for (int i = 0; i < factors.Length; i++)
        {
            factors[i] = float.IsFinite(norms[i]) ? norms[i] <= bound ? 1 : (float)(bound / norms[i]) : 0;
        }

        _judged = new("update_norm", [.. norms], bound);
        return new(Gather(updates, all, factors), all) { Factors = factors };
    }

    public void Dispose()
    {
        _norms.Dispose();
        _factors.Dispose();
        _indices.Dispose();
        _rows.Dispose();
    }
}
