// The most uneven deal there is: every client has one class, and any further clients share one class between them.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Client c has the samples of class c; the clients beyond the number of classes share the samples of class <c>extra</c> evenly with the
/// client that has it. With malicious clients as the extra ones this is the sybil setting of Fung et al., RAID 2020: each
/// honest client has a digit of its own, the sybils all have the same one.
/// </summary>
[About("each client has one class; clients beyond the classes share one", Name = "one_class", Paper = "Fung et al., RAID 2020")]
public sealed class OneClass([About("the class that further clients share")] int extra = 1) : IPartition
{
    /// <inheritdoc/>
    public int[][] Split(Samples train, int[]? clientSizes, int clients, RngKey key)
    {
        if (extra < 0 || extra >= train.Classes)
        {
            throw new InputException($"extra is {extra}; allowed is 0 to {train.Classes - 1}, a class of these data");
        }

        if (clients < train.Classes)
        {
            throw new InputException($"--clients is {clients}; allowed is {train.Classes} and more: each of the {train.Classes} classes needs a client");
        }

        RngStream stream = key.Stream();
        int[] rows = Rows.ShuffledByLabel(train.Labels, ref stream);
        int[][] byClass = [.. Enumerable.Range(0, train.Classes).Select(c => rows.Where(row => train.Labels[row] == c).ToArray())];
        int sharers = clients - train.Classes + 1;
        Rows.RequireOneForEach(sharers, byClass[extra].Length);
        int[][] shares = [.. Enumerable.Range(0, sharers).Select(s => byClass[extra].Where((_, i) => i % sharers == s).ToArray())];
        byClass[extra] = shares[0];
        int empty = Array.FindIndex(byClass, part => part.Length == 0);
        return empty < 0
            ? [.. byClass, .. shares[1..]]
            : throw new InputException($"--clients is {clients}: client {empty} has no samples, since these data have none of class {empty}");
    }
}
