// Rejects updates that are much longer than the median one.
using FlGpu.Kernels;

namespace FlGpu.Sim;

[About("mean of the updates no longer than a multiple of the median norm")]
public sealed class NormFilter(
    Setting setting, [About("longest update kept, in median norms")] double factor = 2) : IDefense
{
    private readonly Matrix _norms = setting.Backend.AllocateMatrix(1, setting.Clients);
    private readonly ClientWeights _weights = new(setting);

    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        setting.Backend.Run(new RowNorms(round.Updates, _norms)); // on the device; only n norms come back
        float[] norms = _norms.ToArray();
        float limit = (float)factor * norms.Order().ElementAt(norms.Length / 2);
        int[] kept = [.. Enumerable.Range(0, norms.Length).Where(i => norms[i] <= limit)];
        return _weights.MeanOf(kept, round.Updates, aggregate);
    }

    public void Dispose()
    {
        _norms.Dispose();
        _weights.Dispose();
    }
}
