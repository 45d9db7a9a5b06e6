// A sorting network for any number of wires, pruned to the wires that somebody will look at.
namespace FlGpu.Kernels;

/// <summary>Puts the smaller of two wires on the first and the larger on the second; a side that nobody needs is not computed.</summary>
internal readonly record struct CompareExchange(int Low, int High, bool NeedsLow, bool NeedsHigh);

/// <summary>What is left of a sorting network when only the sum of some ranks is wanted.</summary>
/// <param name="Steps">The compare-exchanges, in order.</param>
/// <param name="Kept">The wires whose values together are those of the wanted ranks, in no particular order.</param>
internal sealed record SortingNetwork(IReadOnlyList<CompareExchange> Steps, IReadOnlyList<int> Kept)
{
    /// <summary>
    /// Batcher's odd-even merge sort (1968) for <paramref name="wires"/> wires, depth first, pruned backwards: a step is left out when
    /// nobody needs its results, and when both go into the sum, which is the same in either order.
    /// </summary>
    public static SortingNetwork ForRanks(int wires, int first, int last)
    {
        List<(int Low, int High)> all = [];
        int[] sorted = Sort([.. Enumerable.Range(0, wires)], all);
        int[] kept = sorted[first..(last + 1)];
        bool[] live = new bool[wires];
        bool[] summed = new bool[wires];
        foreach (int wire in kept)
        {
            summed[wire] = true;
        }

        List<CompareExchange> steps = [];
        for (int e = all.Count - 1; e >= 0; e--)
        {
            (int low, int high) = all[e];
            bool needsLow = live[low] || summed[low];
            bool needsHigh = live[high] || summed[high];
            if ((summed[low] && summed[high]) || !(needsLow || needsHigh))
            {
                continue;
            }

            steps.Add(new(low, high, needsLow, needsHigh));
            summed[low] = summed[high] = false;
            live[low] = live[high] = true;
        }

        steps.Reverse();
        return new(steps, kept);
    }

    private static int[] Sort(int[] wires, List<(int Low, int High)> steps)
    {
        if (wires.Length <= 1)
        {
            return wires;
        }

        int half = (wires.Length + 1) / 2;
        return Merge(Sort(wires[..half], steps), Sort(wires[half..], steps), steps);
    }

    /// <summary>Merges two sorted lists of wires; the result lists the wires from the smallest value to the largest.</summary>
    private static int[] Merge(int[] a, int[] b, List<(int Low, int High)> steps)
    {
        if (a.Length == 0 || b.Length == 0)
        {
            return a.Length == 0 ? b : a;
        }

        if (a.Length == 1 && b.Length == 1)
        {
            steps.Add((a[0], b[0]));
            return [a[0], b[0]];
        }

        int[] even = Merge(EveryOther(a, 0), EveryOther(b, 0), steps);
        int[] odd = Merge(EveryOther(a, 1), EveryOther(b, 1), steps);
        List<int> merged = [even[0]];
        for (int i = 0; i < Math.Max(odd.Length, even.Length - 1); i++)
        {
            if (i < odd.Length && i + 1 < even.Length)
            {
                steps.Add((odd[i], even[i + 1]));
            }

            if (i < odd.Length)
            {
                merged.Add(odd[i]);
            }

            if (i + 1 < even.Length)
            {
                merged.Add(even[i + 1]);
            }
        }

        return [.. merged];
    }

    private static int[] EveryOther(int[] wires, int start) => [.. wires.Where((_, i) => i % 2 == start)];
}
