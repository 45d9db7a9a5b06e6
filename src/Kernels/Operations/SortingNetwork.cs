// A sorting network for any number of wires, pruned to the wires that somebody will look at.
namespace FlGpu.Kernels;

/// <summary>A list of compare-exchanges; after all of them wires first..last hold what they would hold were everything sorted.</summary>
internal static class SortingNetwork
{
    /// <summary>
    /// Batcher's odd-even merge sort (1968) for <paramref name="wires"/> wires, without the compare-exchanges on which no
    /// wire from <paramref name="first"/> to <paramref name="last"/> depends. Pairs of wires: the smaller value goes to the first.
    /// </summary>
    public static int[] Create(int wires, int first, int last)
    {
        List<(int Low, int High)> all = [];
        for (int p = 1; p < wires; p *= 2)
        {
            for (int k = p; k >= 1; k /= 2)
            {
                for (int j = k % p; j + k < wires; j += 2 * k)
                {
                    for (int i = j; i < Math.Min(j + k, wires - k); i++)
                    {
                        if (i / (2 * p) == (i + k) / (2 * p))
                        {
                            all.Add((i, i + k));
                        }
                    }
                }
            }
        }

        bool[] live = new bool[wires];
        Array.Fill(live, true, first, last - first + 1);
        List<int> kept = [];
        for (int e = all.Count - 1; e >= 0; e--)
        {
            (int low, int high) = all[e];
            if (live[low] || live[high])
            {
                live[low] = live[high] = true;
                kept.Add(high);
                kept.Add(low);
            }
        }

        kept.Reverse();
        return [.. kept];
    }
}
