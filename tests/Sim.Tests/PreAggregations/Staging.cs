// One round of one stage on rows that a test made.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

/// <summary>What a stage gave: its rows, and which rows of the round they are.</summary>
internal sealed record Staging(float[][] Rows, IReadOnlyList<int>? Kept)
{
    public static Staging Of(Backend backend, string stage, float[][] rows, int malicious = 0, ulong seed = 1)
    {
        using IPreAggregation made = Catalogue.Parse<IPreAggregation>("--defense", stage).Create(new Setting(backend, rows.Length, malicious, rows[0].Length));
        return Of(backend, made, rows, seed);
    }

    public static Staging Of(Backend backend, IPreAggregation stage, float[][] rows, ulong seed = 1)
    {
        int d = rows[0].Length;
        float[] sent = [.. rows.SelectMany(row => row)];
        using Matrix updates = backend.Upload(rows.Length, d, sent);
        using Matrix global = backend.Upload(1, d, new float[d]);
        PreAggregated result = stage.Apply(new(1, updates, global, [.. Enumerable.Repeat(100, rows.Length)], 0, RngKey.FromSeed(seed)));
        Assert.Equal(sent, updates.ToArray()); // a stage leaves the updates as they are
        Assert.InRange(result.Updates.Rows, 1, stage.MaxRows);
        return new([.. result.Updates.ToArray().Chunk(d)], result.Kept is null ? null : [.. result.Kept]);
    }

    /// <summary>Rows of independent normal numbers around a mean.</summary>
    public static float[][] Normal(ulong seed, int n, int d, double mean = 0, double deviation = 1)
    {
        RngStream stream = RngKey.FromSeed(seed).Stream();
        float[][] rows = new float[n][];
        for (int i = 0; i < n; i++)
        {
            rows[i] = new float[d];
            foreach (ref float value in rows[i].AsSpan())
            {
                value = (float)(mean + (deviation * stream.NextNormal()));
            }
        }

        return rows;
    }

    public static void Near(float[][] expected, float[][] actual, double tolerance = 1e-5)
    {
        Assert.Equal(expected.Length, actual.Length);
        foreach ((float[] e, float[] a) in expected.Zip(actual))
        {
            Assert.Equal(e.Length, a.Length);
            for (int k = 0; k < e.Length; k++)
            {
                Assert.Equal(e[k], a[k], tolerance);
            }
        }
    }
}
