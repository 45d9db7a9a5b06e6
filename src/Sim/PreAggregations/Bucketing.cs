// Bucketing: the rule sees means of a few clients that were drawn at random.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The rows are shuffled every round and each s of them averaged; the last bucket may be short and is averaged on its own
/// (Karimireddy et al., algorithm 1). One row of no numbers spoils its bucket.
/// </summary>
[About("means of s updates drawn at random", Paper = "Karimireddy et al., ICLR 2022")]
public sealed class Bucketing : IPreAggregation
{
    private readonly Setting _setting;
    private readonly int _size;
    private readonly Matrix _mix;
    private readonly Matrix _mixed;

    /// <summary>Buckets of <paramref name="s"/>.</summary>
    public Bucketing(Setting setting, [About("updates a bucket, 1 to n")] int s = 2)
    {
        if (s < 1 || s > setting.Clients)
        {
            throw new InputException($"s is {s}; allowed is 1 to n = {setting.Clients}");
        }

        (_setting, _size, MaxRows) = (setting, s, BucketsOf(setting.Clients, s));
        _mix = setting.Backend.AllocateMatrix(MaxRows, setting.Clients);
        _mixed = setting.Backend.AllocateMatrix(MaxRows, setting.Parameters);
    }

    /// <inheritdoc/>
    public int MaxRows { get; }

    /// <inheritdoc/>
    public PreAggregated Apply(Round round)
    {
        int n = round.Updates.Rows;
        int buckets = BucketsOf(n, _size);
        int[] order = [.. Enumerable.Range(0, n)];
        round.Key.Fold((ulong)Purpose.Defense).Stream().Shuffle<int>(order);
        float[] coefficients = new float[buckets * n];
        int[] bucketOf = new int[n];
        for (int place = 0; place < n; place++)
        {
            int bucket = place / _size;
            bucketOf[order[place]] = bucket;
            coefficients[(bucket * n) + order[place]] = 1f / Math.Min(_size, n - (bucket * _size));
        }

        var mix = new Matrix(buckets, n, _mix.Elements.Slice(0, (long)buckets * n));
        mix.CopyFrom(coefficients);
        Matrix mixed = _mixed.SliceRows(0, buckets);
        _setting.Backend.Run(new RowMix(round.Updates, mix, mixed));
        return new(mixed, null) { Mixtures = new(coefficients, bucketOf) };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _mix.Dispose();
        _mixed.Dispose();
    }

    private static int BucketsOf(int rows, int size) => (rows + size - 1) / size;
}
