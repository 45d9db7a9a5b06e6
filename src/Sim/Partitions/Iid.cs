// Every client's samples are drawn alike.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Data that come client by client stay as they are: consecutive ranges of the clients' sizes. Other data are put in random
/// order and cut in parts whose sizes differ by at most one. All rows are dealt.
/// </summary>
[About("every client's samples are drawn alike")]
public sealed class Iid : IPartition
{
    /// <inheritdoc/>
    public int[][] Split(Samples train, int[]? clientSizes, int clients, RngKey key)
    {
        Rows.RequireOneForEach(clients, train.Count);
        if (clientSizes is null)
        {
            RngStream stream = key.Stream();
            return Rows.Cut(Rows.Shuffled(train.Count, ref stream), clients);
        }

        int dealt = 0;
        foreach (int size in clientSizes)
        {
            dealt = checked(dealt + size);
        }

        if (clientSizes.Length != clients || dealt != train.Count)
        {
            throw new ArgumentException(
                $"{clientSizes.Length} sizes with the sum {dealt} do not divide {train.Count} samples among {clients} clients",
                nameof(clientSizes));
        }

        var owned = new int[clients][];
        int start = 0;
        for (int client = 0; client < clients; client++)
        {
            if (clientSizes[client] < 1)
            {
                throw new InputException($"--clients {clients}: client {client} has no samples in these data, and needs at least one");
            }

            int[] rows = new int[clientSizes[client]];
            for (int i = 0; i < rows.Length; i++)
            {
                rows[i] = start++;
            }

            owned[client] = rows;
        }

        return owned;
    }
}
