// Every client has its own mix of classes, the more uneven the smaller alpha.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// For each class the clients' proportions are drawn from Dirichlet(alpha, ..., alpha), and its samples dealt by them; the
/// whole is drawn again, up to 100 times, until every client has a sample. All rows are dealt. The idea is that of Hsu et
/// al., Measuring the Effects of Non-Identical Data Distribution for Federated Visual Classification, 2019, who draw each
/// client's classes; drawing each class's clients, as here, is Yurochkin et al., Bayesian Nonparametric Federated Learning
/// of Neural Networks, ICML 2019, and what most benchmarks do since.
/// </summary>
[About("each class is dealt by proportions from a Dirichlet distribution", Paper = "Hsu et al. 2019, by class as Yurochkin et al. 2019")]
public sealed class Dirichlet : IPartition
{
    private const int Attempts = 100;

    private readonly double _alpha;

    /// <summary>Takes the concentration; throws <see cref="InputException"/> unless it is above 0 and finite.</summary>
    public Dirichlet(
        [About("concentration, above 0: small gives each client few classes, large gives all the same mix")] double alpha = 0.5)
    {
        if (!(alpha > 0 && double.IsFinite(alpha)))
        {
            throw new InputException(FormattableString.Invariant($"partition dirichlet: alpha={alpha} must be above 0 and finite"));
        }

        _alpha = alpha;
    }

    /// <inheritdoc/>
    public int[][] Split(Samples train, int[]? clientSizes, int clients, RngKey key)
    {
        Rows.RequireOneForEach(clients, train.Count);
        RngStream orderStream = key.Stream();
        int[] rows = Rows.ShuffledByLabel(train.Labels, ref orderStream);
        int[] classSizes = new int[train.Classes];
        foreach (int label in train.Labels)
        {
            classSizes[label]++;
        }

        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            int[][] owned = Deal(rows, classSizes, clients, key.Fold((ulong)attempt).Stream());
            if (owned.All(part => part.Length > 0))
            {
                return owned;
            }
        }

        throw new InputException(FormattableString.Invariant(
            $"--clients {clients} with partition dirichlet, alpha={_alpha}: in {Attempts} draws of {train.Count} training samples ")
            + "some client always had none; allowed are fewer clients or a larger alpha");
    }

    private int[][] Deal(int[] rows, int[] classSizes, int clients, RngStream stream)
    {
        var owned = new List<int>[clients];
        for (int client = 0; client < clients; client++)
        {
            owned[client] = [];
        }

        int classStart = 0;
        foreach (int size in classSizes)
        {
            double[] shares = Proportions(clients, ref stream);
            // Clients in random order, so that rounding does not leave the same ones without a sample in every class.
            int[] order = Rows.Shuffled(clients, ref stream);
            double cumulative = 0;
            int dealt = 0;
            for (int i = 0; i < clients; i++)
            {
                cumulative += shares[i];
                int end = i == clients - 1 ? size : (int)Math.Min(size, cumulative * size);
                owned[order[i]].AddRange(rows.AsSpan(classStart + dealt, end - dealt));
                dealt = end;
            }

            classStart += size;
        }

        return [.. owned.Select(part => part.ToArray())];
    }

    private double[] Proportions(int clients, ref RngStream stream)
    {
        var shares = new double[clients];
        for (int i = 0; i < clients; i++)
        {
            shares[i] = stream.NextGamma(_alpha);
        }

        double largest = shares.Max();
        if (largest == 0)
        {
            // Every gamma underflowed; in the limit of a small alpha one client has the whole class.
            shares[stream.NextInt32(clients)] = largest = 1;
        }

        // Divided by the largest first, so that the sum is finite for every alpha.
        double sum = shares.Sum(share => share / largest);
        return [.. shares.Select(share => share / largest / sum)];
    }
}
