// HDBSCAN on points small enough to see the answer.
namespace FlGpu.Sim.Tests.Evidence;

public class HdbscanTests
{
    [Fact]
    public void Two_clusters_and_a_point_far_from_both() =>
        Same([0, 0, 0, 0, 1, 1, 1, 1, -1], Cluster([0, 1, 2, 3, 100, 101, 102, 103, 1000], 3, single: false));

    [Fact]
    public void Clusters_of_different_density() =>
        Same([0, 0, 0, 0, 1, 1, 1, 1], Cluster([0, 0.1, 0.2, 0.3, 50, 55, 60, 65], 3, single: false));

    [Fact]
    public void Two_far_clusters_stay_two_where_one_is_allowed() =>
        Same([0, 0, 0, 0, 1, 1, 1, 1], Cluster([0, 1, 2, 3, 1000, 1001, 1002, 1003], 3, single: true));

    [Fact]
    public void The_more_stable_level_is_chosen()
    {
        // Two tight pairs of triples inside one group would be four clusters at the lowest level; they are barely apart.
        double[] points = [0, 1, 2, 3.2, 4.2, 5.2, 500, 501, 502, 503.2, 504.2, 505.2];

        Same([0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1], Cluster(points, 3, single: false));
    }

    [Fact]
    public void One_cluster_is_found_only_where_it_is_allowed()
    {
        double[] points = [0, 1, 2, 3, 50];

        Assert.Equal([0, 0, 0, 0, -1], Cluster(points, 3, single: true));
        Assert.Equal([-1, -1, -1, -1, -1], Cluster(points, 3, single: false));
    }

    [Fact]
    public void Equal_points_are_one_cluster()
    {
        Assert.Equal([0, 0, 0, 0, 0], Cluster([7, 7, 7, 7, 7], 3, single: true));
        Assert.Equal([0, 0, 0, -1, -1], Cluster([7, 7, 7, 8, 900], 3, single: true));
    }

    [Fact]
    public void Few_points()
    {
        Assert.Equal([0], Cluster([3], 1, single: true));
        Assert.Equal([-1], Cluster([3], 2, single: true));
        Assert.Equal([0, 0], Cluster([3, 9], 2, single: true));
        Assert.Equal([-1, -1], Cluster([3, 9], 3, single: true));
    }

    [Fact]
    public void Infinitely_far_points_are_noise()
    {
        double[,] distances = Distances([0, 1, 2, 5, 0]);
        for (int i = 0; i < 4; i++)
        {
            distances[i, 4] = distances[4, i] = double.PositiveInfinity;
        }

        Assert.Equal([0, 0, 0, -1, -1], Hdbscan.Labels(distances, 3, 1, allowSingleCluster: true));
    }

    [Fact]
    public void More_samples_keep_a_chain_from_joining_clusters()
    {
        // The core distance to the second other point lifts the end of the group: it falls out before the rest.
        Assert.Equal([0, 0, 0, 0, 0], Cluster([0, 1, 2, 3, 4], 3, single: true));
        Assert.Equal([-1, 0, 0, 0, -1], Hdbscan.Labels(Distances([0, 1, 2, 3, 4]), 3, 2, allowSingleCluster: true));
    }

    private static int[] Cluster(double[] points, int size, bool single) => Hdbscan.Labels(Distances(points), size, 1, single);

    private static double[,] Distances(double[] points)
    {
        double[,] distances = new double[points.Length, points.Length];
        for (int i = 0; i < points.Length; i++)
        {
            for (int j = 0; j < points.Length; j++)
            {
                distances[i, j] = Math.Abs(points[i] - points[j]);
            }
        }

        return distances;
    }

    // Clusters are numbered in no particular order.
    private static void Same(int[] expected, int[] actual)
    {
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.Equal(expected[i] == Hdbscan.Noise, actual[i] == Hdbscan.Noise);
            for (int j = 0; j < expected.Length; j++)
            {
                Assert.Equal(expected[i] == expected[j], actual[i] == actual[j]);
            }
        }
    }
}
