// Every client has a few shards of samples sorted by label, so that it sees few classes.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Samples are sorted by label, in random order within a label, and cut in clients x perClient shards whose sizes differ by
/// at most one; each client has perClient random ones. All rows are dealt. McMahan et al., Communication-Efficient Learning
/// of Deep Networks from Decentralized Data, AISTATS 2017.
/// </summary>
[About("a few shards of the samples sorted by label for each client", Paper = "McMahan et al. 2017")]
public sealed class Shards : IPartition
{
    private readonly int _perClient;

    /// <summary>Takes the number of shards; throws <see cref="InputException"/> when it is below 1.</summary>
    public Shards([About("shards of a client, 1 or more")] int perClient = 2)
    {
        if (perClient < 1)
        {
            throw new InputException($"partition shards: per_client={perClient} must be 1 or more");
        }

        _perClient = perClient;
    }

    /// <inheritdoc/>
    public int[][] Split(Samples train, int[]? clientSizes, int clients, RngKey key)
    {
        Rows.RequireOneForEach(clients, train.Count);
        if (clients > train.Count / _perClient)
        {
            throw new InputException(
                $"--clients {clients} with partition shards, per_client={_perClient}: {(long)clients * _perClient} shards, "
                + $"allowed are at most the {train.Count} training samples");
        }

        RngStream stream = key.Stream();
        int[][] shards = Rows.Cut(Rows.ShuffledByLabel(train.Labels, ref stream), clients * _perClient);
        stream.Shuffle<int[]>(shards);
        return [.. shards.Chunk(_perClient).Select(part => part.SelectMany(rows => rows).ToArray())];
    }
}
