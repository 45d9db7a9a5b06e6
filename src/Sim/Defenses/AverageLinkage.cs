// Agglomerative clustering with average linkage, down to two clusters.
namespace FlGpu.Sim;

/// <summary>
/// Merges the two clusters with the smallest mean distance between their members until two are left; of equally near ones those
/// with the lowest members (the update formula of Lance and Williams 1967).
/// </summary>
internal static class AverageLinkage
{
    /// <summary>Which of two clusters each item is in; the first item is in cluster 0. Changes the distances.</summary>
    public static int[] TwoClusters(double[,] distances)
    {
        int n = distances.GetLength(0);
        int[] sizes = [.. Enumerable.Repeat(1, n)];
        int[] leader = [.. Enumerable.Range(0, n)];
        List<int> active = [.. leader];
        int[] nearest = new int[n];
        foreach (int i in active)
        {
            nearest[i] = Nearest(i);
        }

        while (active.Count > 2)
        {
            int a = active.Where(i => nearest[i] >= 0).MinBy(i => distances[i, nearest[i]]);
            int b = nearest[a];
            active.Remove(b);
            foreach (int other in active.Where(other => other != a))
            {
                distances[a, other] = distances[other, a] =
                    ((sizes[a] * distances[a, other]) + (sizes[b] * distances[b, other])) / (sizes[a] + sizes[b]);
            }

            sizes[a] += sizes[b];
            for (int i = 0; i < n; i++)
            {
                leader[i] = leader[i] == b ? a : leader[i];
            }

            foreach (int i in active.Where(i => i == a || nearest[i] == a || nearest[i] == b))
            {
                nearest[i] = Nearest(i);
            }
        }

        return [.. leader.Select(l => l == leader[0] ? 0 : 1)];

        // Of the later ones only: each pair is looked at once, and a merged cluster stays at its lowest member.
        int Nearest(int i)
        {
            int best = -1;
            foreach (int j in active)
            {
                if (j > i && (best < 0 || distances[i, j] < distances[i, best]))
                {
                    best = j;
                }
            }

            return best;
        }
    }
}
