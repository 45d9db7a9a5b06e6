// HDBSCAN: clusters of any density among points of which only the distances are known.
namespace FlGpu.Sim;

/// <summary>
/// Hierarchical density-based clustering (Campello, Moulavi and Sander, PAKDD 2013; Campello et al., TKDD 2015) with the selection by
/// excess of mass, labelled as the Python package hdbscan does. Distances may be infinite but not NaN. A core distance is the distance to
/// the min_samples-th other point. Takes O(n^2) time and memory.
/// </summary>
public sealed class Hdbscan
{
    /// <summary>The label of a point in no cluster.</summary>
    public const int Noise = -1;

    // 1 / distance is bounded, so that equal points need no arithmetic with infinity.
    private const double SmallestDistance = 1e-100;

    private readonly int _n;
    private readonly int _minClusterSize;
    private readonly bool _allowSingleCluster;

    // The single-linkage tree: node n + m is the m-th merge.
    private readonly (int Left, int Right, double Lambda)[] _merges;
    private readonly int[] _sizes;

    // The condensed tree: cluster 0 is the root; each point falls out of one cluster.
    private readonly List<(int Parent, double Birth)> _clusters = [(-1, 0)];
    private readonly int[] _fellFrom;
    private readonly double[] _fellAt;

    private Hdbscan(double[,] distances, int minClusterSize, int minSamples, bool allowSingleCluster)
    {
        _n = distances.GetLength(0);
        (_minClusterSize, _allowSingleCluster) = (minClusterSize, allowSingleCluster);
        _merges = new (int, int, double)[_n - 1];
        _sizes = new int[(2 * _n) - 1];
        (_fellFrom, _fellAt) = (new int[_n], new double[_n]);
        Merge(SpanningTree(distances, CoreDistances(distances, minSamples)));
        Condense();
    }

    /// <summary>The cluster of each point, counted from 0, or <see cref="Noise"/>.</summary>
    public static int[] Labels(double[,] distances, int minClusterSize, int minSamples, bool allowSingleCluster)
    {
        int n = distances.GetLength(0);
        return n >= Math.Max(2, minClusterSize)
            ? new Hdbscan(distances, minClusterSize, minSamples, allowSingleCluster).Labels()
            : [.. Enumerable.Repeat(n == 1 && minClusterSize <= 1 && allowSingleCluster ? 0 : Noise, n)];
    }

    private static double[] CoreDistances(double[,] distances, int minSamples)
    {
        int n = distances.GetLength(0);
        double[] core = new double[n];
        double[] nearest = new double[Math.Min(minSamples, n - 1)]; // the least distances so far, in order
        for (int i = 0; i < n; i++)
        {
            nearest.AsSpan().Fill(double.PositiveInfinity);
            ReadOnlySpan<double> row = distances.Row(i);
            for (int j = 0; j < n; j++)
            {
                if (row[j] < nearest[^1] && j != i)
                {
                    int place = nearest.Length - 1;
                    for (; place > 0 && row[j] < nearest[place - 1]; place--)
                    {
                        nearest[place] = nearest[place - 1];
                    }

                    nearest[place] = row[j];
                }
            }

            core[i] = nearest[^1];
        }

        return core;
    }

    // Prim's algorithm on the mutual reachability distances. Points outside the tree are kept together, in order: of equally near ones the first is next.
    private static (int A, int B, double Distance)[] SpanningTree(double[,] distances, double[] core)
    {
        int n = core.Length;
        var edges = new (int A, int B, double Distance)[n - 1];
        int[] outside = [.. Enumerable.Range(1, n - 1)];
        int[] via = new int[n - 1];
        double[] nearest = new double[n - 1];
        nearest.AsSpan().Fill(double.PositiveInfinity);
        int last = 0;
        for (int e = 0; e < edges.Length; e++)
        {
            ReadOnlySpan<double> row = distances.Row(last);
            int left = n - 1 - e;
            int next = 0;
            for (int k = 0; k < left; k++)
            {
                int j = outside[k];
                double reach = Math.Max(row[j], Math.Max(core[last], core[j]));
                if (reach < nearest[k])
                {
                    (nearest[k], via[k]) = (reach, last);
                }

                next = nearest[k] < nearest[next] ? k : next;
            }

            edges[e] = (via[next], outside[next], nearest[next]);
            last = outside[next];
            foreach (Array points in (Array[])[outside, via, nearest])
            {
                Array.Copy(points, next + 1, points, next, left - next - 1);
            }
        }

        return edges;
    }

    private void Merge((int A, int B, double Distance)[] edges)
    {
        int[] parent = new int[_sizes.Length];
        for (int node = 0; node < parent.Length; node++)
        {
            parent[node] = node;
            _sizes[node] = node < _n ? 1 : 0;
        }

        int merged = _n;
        foreach ((int a, int b, double distance) in edges.OrderBy(edge => edge.Distance))
        {
            (int left, int right) = (RootOf(a), RootOf(b));
            _merges[merged - _n] = (left, right, 1 / Math.Max(distance, SmallestDistance));
            _sizes[merged] = _sizes[left] + _sizes[right];
            parent[left] = parent[right] = merged++;
        }

        int RootOf(int node)
        {
            while (parent[node] != node)
            {
                node = parent[node] = parent[parent[node]];
            }

            return node;
        }
    }

    // Goes down the tree: a split off part that is too small falls out of its cluster, two large parts are clusters of their own.
    private void Condense()
    {
        var pending = new Stack<(int Node, int Cluster)>();
        pending.Push(((2 * _n) - 2, 0));
        while (pending.TryPop(out (int Node, int Cluster) item))
        {
            (int left, int right, double lambda) = _merges[item.Node - _n];
            bool split = _sizes[left] >= _minClusterSize && _sizes[right] >= _minClusterSize;
            foreach (int child in (int[])[left, right])
            {
                if (_sizes[child] < _minClusterSize || child < _n)
                {
                    FallOut(child, item.Cluster, lambda);
                    continue;
                }

                if (split)
                {
                    _clusters.Add((item.Cluster, lambda));
                }

                pending.Push((child, split ? _clusters.Count - 1 : item.Cluster));
            }
        }
    }

    private void FallOut(int top, int cluster, double lambda)
    {
        var pending = new Stack<int>([top]);
        while (pending.TryPop(out int node))
        {
            if (node < _n)
            {
                (_fellFrom[node], _fellAt[node]) = (cluster, lambda);
                continue;
            }

            pending.Push(_merges[node - _n].Left);
            pending.Push(_merges[node - _n].Right);
        }
    }

    private int[] Labels()
    {
        bool[] selected = Select();
        int[] labelOf = new int[_clusters.Count];
        int count = 0;
        for (int c = 0; c < labelOf.Length; c++)
        {
            // A cluster inside a selected one has its label; children come after their parents.
            int inherited = c == 0 ? Noise : labelOf[_clusters[c].Parent];
            labelOf[c] = inherited != Noise ? inherited : selected[c] ? count++ : Noise;
        }

        // Where everything is one cluster, it is what stays together longest; the rest is noise.
        double last = 0;
        for (int i = 0; i < _n; i++)
        {
            last = _fellFrom[i] == 0 ? Math.Max(last, _fellAt[i]) : last;
        }

        foreach ((int parent, double birth) in _clusters)
        {
            last = parent == 0 ? Math.Max(last, birth) : last;
        }

        int[] labels = new int[_n];
        for (int i = 0; i < _n; i++)
        {
            bool leftRoot = selected[0] && _fellFrom[i] == 0 && _fellAt[i] < last;
            labels[i] = leftRoot ? Noise : labelOf[_fellFrom[i]];
        }

        return labels;
    }

    // Excess of mass: a cluster stands unless the clusters inside it are more stable together.
    private bool[] Select()
    {
        double[] stability = new double[_clusters.Count];
        double[] inside = new double[_clusters.Count];
        int[] sizes = new int[_clusters.Count];
        bool[] selected = new bool[_clusters.Count];
        for (int i = 0; i < _n; i++)
        {
            stability[_fellFrom[i]] += _fellAt[i] - _clusters[_fellFrom[i]].Birth;
            sizes[_fellFrom[i]]++;
        }

        for (int c = _clusters.Count - 1; c >= 0; c--)
        {
            (int parent, double birth) = _clusters[c];
            selected[c] = stability[c] >= inside[c] && (c > 0 || _allowSingleCluster);
            if (c > 0)
            {
                stability[parent] += sizes[c] * (birth - _clusters[parent].Birth);
                sizes[parent] += sizes[c];
                inside[parent] += Math.Max(stability[c], inside[c]);
            }
        }

        return selected;
    }
}
