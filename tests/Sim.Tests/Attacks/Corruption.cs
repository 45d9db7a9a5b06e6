// One or more rounds of one attack on rows that a test made.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

internal static class Corruption
{
    /// <summary>The rows after a round.</summary>
    public static float[][] Of(Backend backend, string attack, float[][] rows, int malicious, string defense = "median", ulong seed = 1) =>
        Rounds(backend, attack, [new float[rows[0].Length]], rows, malicious, defense, seed).Single();

    /// <summary>The rows after each round, where every round starts with the same rows and a global model of its own.</summary>
    public static List<float[][]> Rounds(
        Backend backend, string attack, float[][] globals, float[][] rows, int malicious, string defense = "median", ulong seed = 1)
    {
        int d = rows[0].Length;
        IAttack corrupting = Catalogue.Parse<IAttack>("--attack", attack)
            .Create(new Setting(backend, rows.Length, malicious, d), Catalogue.Parse<IDefense>("--defense", defense));
        List<float[][]> after = [];
        for (int index = 1; index <= globals.Length; index++)
        {
            using Matrix updates = backend.Upload(rows.Length, d, [.. rows.SelectMany(row => row)]);
            using Matrix global = backend.Upload(1, d, globals[index - 1]);
            int[] samples = [.. Enumerable.Repeat(1, rows.Length)];
            corrupting.Corrupt(new(index, updates, global, samples, malicious, RngKey.FromSeed(seed).Fold((ulong)index)));
            after.Add([.. updates.ToArray().Chunk(d)]);
        }

        return after;
    }

    /// <summary>Normal rows around a common mean.</summary>
    public static float[][] Random(int seed, int rows, int columns, double mean = 0.3)
    {
        RngStream stream = RngKey.FromSeed((ulong)seed).Stream();
        double[] center = new double[columns];
        for (int k = 0; k < columns; k++)
        {
            center[k] = mean + stream.NextNormal();
        }

        float[][] result = new float[rows][];
        for (int i = 0; i < rows; i++)
        {
            result[i] = new float[columns];
            for (int k = 0; k < columns; k++)
            {
                result[i][k] = (float)(center[k] + stream.NextNormal());
            }
        }

        return result;
    }

    public static double[] Mean(float[][] rows) => [.. Enumerable.Range(0, rows[0].Length).Select(k => rows.Average(row => (double)row[k]))];

    /// <summary>Standard deviations, divided by the rows less one.</summary>
    public static double[] Deviation(float[][] rows)
    {
        double[] mean = Mean(rows);
        return [.. mean.Select((m, k) => rows.Length == 1 ? 0 : Math.Sqrt(rows.Sum(row => (row[k] - m) * (row[k] - m)) / (rows.Length - 1)))];
    }

    public static double Squared(IEnumerable<double> a, IEnumerable<double> b) => a.Zip(b).Sum(pair => (pair.First - pair.Second) * (pair.First - pair.Second));

    public static double[] Doubles(float[] row) => [.. row.Select(x => (double)x)];

    public static void Near(IReadOnlyList<double> expected, float[] actual, double tolerance)
    {
        Assert.Equal(expected.Count, actual.Length);
        double scale = 1 + expected.Max(Math.Abs);
        for (int k = 0; k < actual.Length; k++)
        {
            Assert.Equal(expected[k], actual[k], tolerance * scale);
        }
    }
}
