// CAF, SignGuard, clipped clustering and Auror against slow implementations with vectors and matrices written out, in double precision.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class ClusterRuleTests
{
    public static TheoryData<string> Backends => [.. TestBackends.Names];

    [Theory]
    [MemberData(nameof(Backends))]
    public void Caf_is_the_weighted_mean_with_the_least_variance_met(string name) => ForEachCase(name, (backend, rows, f) =>
        Near(Caf(rows, f), Aggregation.Of(backend, "caf", rows, f).Aggregate));

    [Theory]
    [MemberData(nameof(Backends))]
    public void Sign_guard_is_the_clipped_mean_of_the_largest_cluster_of_usual_length(string name) => ForEachCase(name, (backend, rows, f) =>
    {
        float[][] unlike = [.. rows.Select((row, i) => row.Select(x => i % 5 == 4 ? 5 * x : i % 4 == 3 ? -x : x).ToArray())];

        Near(SignGuard(unlike), Aggregation.Of(backend, "sign_guard:share=1", unlike, f).Aggregate);
    }, columns: 150); // with few columns many shares of signs are equal, and rounding decides who is within the bandwidth

    [Theory]
    [MemberData(nameof(Backends))]
    public void Clipped_clustering_is_the_mean_of_the_larger_cluster_clipped_to_all_norms_so_far(string name) => ForEachCase(name, (backend, rows, f) =>
    {
        using var rule = new LastingRule(backend, "clipped_clustering", rows.Length, rows[0].Length, f);
        List<double> norms = [];
        foreach (float factor in (float[])[1, 3, 0.5f])
        {
            float[][] sent = [.. rows.Select((row, i) => row.Select((x, k) => factor * x * (1 + (0.1f * ((i + k) % 3)))).ToArray())];

            Near(ClippedClustering(sent, norms), rule.Run(sent).Aggregate);
        }
    });

    [Theory]
    [MemberData(nameof(Backends))]
    public void Auror_is_the_mean_of_the_larger_of_two_clusters_that_are_far_apart(string name)
    {
        int dropped = 0;
        ForEachCase(name, (backend, rows, f) =>
        {
            (double[] expected, bool all) = Auror(rows, threshold: 1.5);
            dropped += all ? 0 : 1;
            Near(expected, Aggregation.Of(backend, "auror:threshold=1.5", rows, f).Aggregate);
        });
        Assert.InRange(dropped, 1, LastingRule.CasesOn(name).Count() - 1);
    }

    // Allouah et al., ICML 2025, with the covariance as a d x d matrix.
    private static double[] Caf(float[][] rows, int f)
    {
        (int n, int d) = (rows.Length, rows[0].Length);
        double[] c = [.. Enumerable.Repeat(1.0, n)];
        double least = double.PositiveInfinity;
        double[] best = [];
        do
        {
            double total = c.Sum();
            double[] mean = [.. Enumerable.Range(0, d).Select(k => Enumerable.Range(0, n).Sum(i => c[i] * rows[i][k]) / total)];
            double[,] covariance = new double[d, d];
            for (int p = 0; p < d; p++)
            {
                for (int q = 0; q < d; q++)
                {
                    covariance[p, q] = Enumerable.Range(0, n).Sum(i => c[i] * (rows[i][p] - mean[p]) * (rows[i][q] - mean[q])) / total;
                }
            }

            (double[] values, double[,] vectors) = Jacobi.Eigenvalues(covariance);
            int top = Array.IndexOf(values, values.Max());
            if (values[top] < least)
            {
                (least, best) = (values[top], mean);
            }

            double[] t = [.. Enumerable.Range(0, n).Select(i => Math.Pow(Enumerable.Range(0, d).Sum(k => (rows[i][k] - mean[k]) * vectors[k, top]), 2))];
            double most = Enumerable.Range(0, n).Where(i => c[i] > 0).Max(i => t[i]);
            c = [.. c.Select((weight, i) => weight * Math.Max(0, 1 - (t[i] / most)))];
        }
        while (c.Sum() > n - (2 * f));
        return best;
    }

    // Norms within 0.1 to 3 medians, and the largest cluster that mean shift finds in the shares of positive, zero and negative signs.
    private static double[] SignGuard(float[][] rows)
    {
        double[] norms = [.. rows.Select(LastingRule.Norm)];
        double median = Median(norms);
        double[][] shares = [.. rows.Select(row => new[] { row.Count(x => x > 0), row.Count(x => x == 0), row.Count(x => x < 0) }.Select(c => (double)c / row.Length).ToArray())];
        double bandwidth = shares.Average(p => shares.Select(q => Distance(p, q)).Order().Take(Math.Max(1, rows.Length / 2)).Last());
        List<(double[] Centre, int Within)> modes = [];
        foreach (double[] start in shares)
        {
            double[] centre = start;
            double[][] within = [];
            for (int step = 0; step < 300; step++)
            {
                within = [.. shares.Where(p => Distance(p, centre) <= bandwidth)];
                double[] mean = [.. Enumerable.Range(0, 3).Select(k => within.Sum(p => p[k]) / within.Length)];
                bool still = Distance(mean, centre) <= 0.001 * bandwidth;
                centre = mean;
                if (still)
                {
                    break;
                }
            }

            modes.Add((centre, within.Length));
        }

        List<double[]> centres = [];
        foreach ((double[] centre, int _) in modes.OrderByDescending(m => m.Within).ThenByDescending(m => m.Centre[0]).ThenByDescending(m => m.Centre[1]))
        {
            if (centres.All(other => Distance(other, centre) > bandwidth))
            {
                centres.Add(centre);
            }
        }

        int[] label = [.. shares.Select(p => centres.IndexOf(centres.MinBy(centre => Distance(p, centre))!))];
        int largest = Enumerable.Range(0, centres.Count).OrderByDescending(c => label.Count(l => l == c)).ThenByDescending(c => centres[c][0]).First();
        bool Usual(int i) => norms[i] >= 0.1 * median && norms[i] <= 3 * median;
        int[] kept = [.. Enumerable.Range(0, rows.Length).Where(i => Usual(i) && label[i] == largest)];
        kept = kept.Length > 0 ? kept : [.. Enumerable.Range(0, rows.Length).Where(Usual)];
        return MeanOfClipped(rows, kept, median);
    }

    // Merges the two clusters with the least mean cosine distance between their members until there are two.
    private static double[] ClippedClustering(float[][] rows, List<double> norms)
    {
        norms.AddRange(rows.Select(LastingRule.Norm));
        double Between(IEnumerable<int> a, IEnumerable<int> b) => a.Average(i => b.Average(j => i == j ? 0 : 1 - LastingRule.Cosine(rows[i], rows[j])));
        List<int[]> clusters = [.. Enumerable.Range(0, rows.Length).Select(i => new[] { i })];
        while (clusters.Count > 2)
        {
            (int[] a, int[] b) = clusters.SelectMany((x, i) => clusters.Skip(i + 1).Select(y => (x, y))).MinBy(pair => Between(pair.x, pair.y));
            clusters.Remove(a);
            clusters.Remove(b);
            clusters.Add([.. a, .. b]);
        }

        int[] larger = clusters.OrderByDescending(cluster => cluster.Length).ThenBy(cluster => Between(cluster, cluster)).First();
        return MeanOfClipped(rows, larger, Median([.. norms]));
    }

    // Lloyd's algorithm from the two updates furthest apart; centres further apart than the threshold times the spread drop the smaller cluster.
    private static (double[] Mean, bool All) Auror(float[][] rows, double threshold)
    {
        double[][] points = [.. rows.Select(row => row.Select(x => (double)x).ToArray())];
        int[] all = [.. Enumerable.Range(0, rows.Length)];
        (int first, int second) = all.SelectMany(i => all.Skip(i + 1).Select(j => (i, j))).MaxBy(pair => Distance(points[pair.i], points[pair.j]));
        (double[] a, double[] b) = (points[first], points[second]);
        int[] inA = [];
        for (int step = 0; step < 100; step++)
        {
            inA = [.. all.Where(i => Distance(points[i], a) <= Distance(points[i], b))];
            (a, b) = (RandomRounds.Mean(rows, inA), RandomRounds.Mean(rows, [.. all.Except(inA)]));
        }

        int[] inB = [.. all.Except(inA)];
        double spread = Math.Sqrt((inA.Sum(i => Math.Pow(Distance(points[i], a), 2)) + inB.Sum(i => Math.Pow(Distance(points[i], b), 2))) / rows.Length);
        bool drop = inA.Length != inB.Length && Distance(a, b) > threshold * spread;
        int[] kept = !drop ? all : inA.Length > inB.Length ? inA : inB;
        return (RandomRounds.Mean(rows, kept), !drop);
    }

    private static double[] MeanOfClipped(float[][] rows, int[] kept, double bound)
    {
        double[] weights = new double[rows.Length];
        foreach (int i in kept)
        {
            weights[i] = Math.Min(1, bound / LastingRule.Norm(rows[i])) / kept.Length;
        }

        return LastingRule.Weighted(rows, weights);
    }

    private static double Median(double[] values)
    {
        double[] ascending = [.. values.Order()];
        return (ascending[(values.Length - 1) / 2] + ascending[values.Length / 2]) / 2;
    }

    private static double Distance(double[] p, double[] q) => Math.Sqrt(p.Zip(q, (x, y) => (x - y) * (x - y)).Sum());

    private static void Near(double[] expected, float[] actual) => LastingRule.Near(expected, actual, 1e-4);

    private static void ForEachCase(string name, Action<Backend, float[][], int> check, int columns = 3)
    {
        using Backend backend = TestBackends.Open(name);
        foreach (int test in LastingRule.CasesOn(name))
        {
            RngStream stream = RngKey.FromSeed(71).Fold((ulong)test).Stream();
            int n = 5 + stream.NextInt32(8);
            int f = 1 + stream.NextInt32(((n - 1) / 2) - 1);
            check(backend, RandomRounds.Rows(stream, n, columns + stream.NextInt32(10), f, 2 * stream.NextDouble()), f);
        }
    }
}
