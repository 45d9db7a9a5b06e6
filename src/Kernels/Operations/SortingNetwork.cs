// A sorting network for any number of wires, pruned to the wires that somebody will look at.
namespace FlGpu.Kernels;

/// <summary>Puts the smaller of two wires on the first and the larger on the second; a side that nobody needs is not computed.</summary>
internal readonly record struct CompareExchange(int Low, int High, bool NeedsLow, bool NeedsHigh);

/// <summary>What is left of a sorting network when only some ranks are wanted.</summary>
/// <param name="Steps">The compare-exchanges, in order.</param>
/// <param name="Kept">The wires whose values together are those of the wanted ranks; in no particular order where they are summed.</param>
/// <param name="IsSummed">Whether only the sum of the kept wires is wanted.</param>
internal sealed record SortingNetwork(IReadOnlyList<CompareExchange> Steps, IReadOnlyList<int> Kept, bool IsSummed)
{
    /// <summary>
    /// The pairwise sorting network (Parberry 1992) for <paramref name="wires"/> wires, pruned backwards: a step is left out when
    /// nobody needs its results, and when both go into the sum, which is the same in either order. Batcher's networks have as many steps, but
    /// for a median fewer of them are left (Zazon-Ivry and Codish 2012): 1,452 minima and maxima for 100 wires and not 1,678.
    /// </summary>
    public static SortingNetwork ForRanks(int wires, int first, int last)
    {
        bool[] summed = new bool[wires];
        Array.Fill(summed, true, first, last - first + 1);
        return new(Pruned(new bool[wires], summed), Count(first, last - first + 1), IsSummed: true);
    }

    /// <summary>The same network, pruned to the values of some ranks.</summary>
    public static SortingNetwork ForEach(int wires, params ReadOnlySpan<int> ranks)
    {
        bool[] live = new bool[wires];
        foreach (int rank in ranks)
        {
            live[rank] = true;
        }

        return new(Pruned(live, new bool[wires]), ranks.ToArray(), IsSummed: false);
    }

    private static List<CompareExchange> Pruned(bool[] live, bool[] summed)
    {
        int wires = live.Length;
        List<(int Low, int High)> all = [];
        Sort(Count(0, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)wires)), wires, all);
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
        return DepthFirst(steps, wires);
    }

    /// <summary>
    /// Sorts a power of two of wires. Those from <paramref name="end"/> on are thought of as holding values above all others: they stay where
    /// they are, and so the steps with them are none.
    /// </summary>
    private static void Sort(int[] wires, int end, List<(int Low, int High)> steps)
    {
        if (wires.Length == 1)
        {
            return;
        }

        for (int i = 0; i < wires.Length; i += 2)
        {
            Add(wires[i], wires[i + 1]);
        }

        int[] lower = EveryOther(wires, 0), upper = EveryOther(wires, 1);
        Sort(lower, end, steps);
        Sort(upper, end, steps);
        for (int distance = lower.Length / 2; distance > 0; distance /= 2)
        {
            for (int i = 0; i + distance < lower.Length; i++)
            {
                Add(upper[i], lower[i + distance]);
            }
        }

        void Add(int low, int high)
        {
            if (low < end && high < end)
            {
                steps.Add((low, high));
            }
        }
    }

    /// <summary>
    /// The same steps, each only when something needs it: what a step leaves is then used soon, while it is still in a register. In the
    /// network's own order 100 wires would be put aside 799 times instead of 172.
    /// </summary>
    private static List<CompareExchange> DepthFirst(List<CompareExchange> steps, int wires)
    {
        int[] last = new int[wires];
        Array.Fill(last, -1);
        var before = new (int Low, int High)[steps.Count];
        for (int step = 0; step < steps.Count; step++)
        {
            before[step] = (last[steps[step].Low], last[steps[step].High]);
            last[steps[step].Low] = last[steps[step].High] = step;
        }

        bool[] done = new bool[steps.Count];
        List<CompareExchange> ordered = [];
        Array.Sort(last);
        for (int i = last.Length - 1; i >= 0; i--)
        {
            Visit(last[i]);
        }

        return ordered;

        void Visit(int step)
        {
            if (step >= 0 && !done[step])
            {
                done[step] = true;
                Visit(before[step].Low);
                Visit(before[step].High);
                ordered.Add(steps[step]);
            }
        }
    }

    private static int[] Count(int from, int count)
    {
        int[] numbers = new int[count];
        for (int i = 0; i < count; i++)
        {
            numbers[i] = from + i;
        }

        return numbers;
    }

    private static int[] EveryOther(int[] wires, int start)
    {
        int[] half = new int[wires.Length / 2];
        for (int i = 0; i < half.Length; i++)
        {
            half[i] = wires[(2 * i) + start];
        }

        return half;
    }
}
