// Looks through the subsets of n - f updates for the one that varies least: what MDA and SMEA have in common.
namespace FlGpu.Sim;

/// <summary>
/// Goes through the subsets of <paramref name="size"/> in lexicographic order. A subset is left as soon as two of its updates are so far
/// apart that it cannot be better than the best one; the first of equally good ones stays.
/// </summary>
/// <param name="size">Updates in a subset.</param>
/// <param name="least">The least that a subset may vary by whose largest squared distance this is.</param>
/// <param name="variation">What a whole subset of this largest squared distance varies by, given the best so far.</param>
internal sealed class SubsetSearch(int size, Func<double, double> least, Func<int[], double, double, double> variation)
{
    private readonly int[] _chosen = new int[size];
    private readonly int[] _best = new int[size];
    private double _leastVariation;

    /// <summary>The best subset of <paramref name="items"/>; all of them where they are no more than a subset.</summary>
    public int[] Best(int[] items, double[,] squared)
    {
        if (items.Length <= size)
        {
            return items;
        }

        _leastVariation = double.PositiveInfinity;
        Extend(items, squared, 0, 0, 0);
        return _best;
    }

    private void Extend(int[] items, double[,] squared, int count, int next, double widest)
    {
        if (count == size)
        {
            double varies = variation(_chosen, widest, _leastVariation);
            if (varies < _leastVariation)
            {
                _leastVariation = varies;
                _chosen.CopyTo(_best, 0);
            }

            return;
        }

        for (int u = next; u <= items.Length - (size - count); u++)
        {
            double wider = widest;
            for (int i = 0; i < count; i++)
            {
                wider = Math.Max(wider, squared[_chosen[i], items[u]]);
            }

            if (least(wider) < _leastVariation)
            {
                _chosen[count] = items[u];
                Extend(items, squared, count + 1, u + 1, wider);
            }
        }
    }
}
