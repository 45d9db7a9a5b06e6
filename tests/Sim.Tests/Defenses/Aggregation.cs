// One round of one defense on rows that a test made.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

/// <summary>What a defense gave: the aggregate, and the weights of the rows.</summary>
internal sealed record Aggregation(float[] Aggregate, float[] Weights)
{
    public static Aggregation Of(Backend backend, string defense, float[][] rows, int malicious = 0, int[]? samples = null)
    {
        int d = rows[0].Length;
        using IDefense rule = Catalogue.Parse<IDefense>("--defense", defense).Create(new Setting(backend, rows.Length, malicious, d));
        using Matrix updates = backend.Upload(rows.Length, d, [.. rows.SelectMany(row => row)]);
        using Matrix global = backend.Upload(1, d, new float[d]);
        using Matrix aggregate = backend.Upload(1, d, [.. Enumerable.Repeat(float.NaN, d)]);
        int[] counts = samples ?? [.. Enumerable.Repeat(100, rows.Length)];
        float[] weights = [.. rule.Aggregate(new(1, updates, global, counts, malicious, RngKey.FromSeed(1)), aggregate)];
        return new(aggregate.ToArray(), weights);
    }
}
