// Lists of sample rows that the partitions are made from.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Random orders of rows, and their even division.</summary>
internal static class Rows
{
    /// <summary>Throws <see cref="InputException"/> unless each client can have a sample.</summary>
    public static void RequireOneForEach(int clients, int count)
    {
        if (clients < 1 || clients > count)
        {
            throw new InputException($"--clients {clients} must be from 1 to {count}: each needs one of the {count} training samples");
        }
    }

    /// <summary>0 to <paramref name="count"/> - 1 in random order.</summary>
    public static int[] Shuffled(int count, ref RngStream stream)
    {
        int[] rows = [.. Enumerable.Range(0, count)];
        stream.Shuffle<int>(rows);
        return rows;
    }

    /// <summary>The rows of each class in random order, class after class.</summary>
    public static int[] ShuffledByLabel(int[] labels, ref RngStream stream) =>
        [.. Shuffled(labels.Length, ref stream).OrderBy(row => labels[row])];

    /// <summary>Cuts <paramref name="rows"/> in consecutive parts whose sizes differ by at most one.</summary>
    public static int[][] Cut(int[] rows, int parts)
    {
        int End(int part) => (int)((long)rows.Length * part / parts);
        return [.. Enumerable.Range(0, parts).Select(part => rows[End(part)..End(part + 1)])];
    }
}
