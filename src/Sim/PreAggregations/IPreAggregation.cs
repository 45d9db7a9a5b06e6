// The central idea of a stage in front of a rule: it gives the rule other rows than the clients sent.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>What a stage gives the next one.</summary>
/// <param name="Updates">The rows to go on with, m x d; they belong to the stage and last until its next round.</param>
/// <param name="Kept">
/// For each row the row of the round that it is, where rows stay whole clients (a filter, a clipping); null where rows are mixtures.
/// </param>
public sealed record PreAggregated(Matrix Updates, IReadOnlyList<int>? Kept)
{
    /// <summary>What the mixtures are made of; null where rows stay whole clients.</summary>
    public Mixtures? Mixtures { get; init; }

    /// <summary>By what each row was multiplied where rows stay whole clients; null where by 1.</summary>
    public IReadOnlyList<float>? Factors { get; init; }

    /// <summary>The row that stands for each of the <paramref name="rows"/> rows that went in; -1 for one that is gone.</summary>
    internal int[] StandIns(int rows)
    {
        int[] standIns = [.. Mixtures?.Of ?? Enumerable.Repeat(-1, rows)];
        for (int row = 0; row < Kept?.Count; row++)
        {
            standIns[Kept[row]] = row;
        }

        return standIns;
    }

    /// <summary>What weights of the rows that came out are as weights of the <paramref name="rows"/> rows that went in.</summary>
    internal double[] Before(int rows, double[] weights)
    {
        double[] before = new double[rows];
        for (int row = 0; row < weights.Length; row++)
        {
            for (int client = 0; client < rows && Mixtures is not null; client++)
            {
                before[client] += weights[row] * Mixtures.Coefficients[(row * rows) + client];
            }

            if (Kept is not null)
            {
                before[Kept[row]] = weights[row] * (Factors?[row] ?? 1);
            }
        }

        return before;
    }
}

/// <summary>Rows that are weighted sums of a round's rows.</summary>
/// <param name="Coefficients">m x n, row by row: the part of each row of the round in each mixture. They belong to the stage until its next round, and more may follow.</param>
/// <param name="Of">For each row of the round the mixture that stands for it: the one around it, or the one that it was put in.</param>
public sealed record Mixtures(float[] Coefficients, IReadOnlyList<int> Of);

/// <summary>
/// Transforms or filters the updates before a rule aggregates them, as in nnm+trimmed_mean. One instance lives for one run. Its
/// constructor takes a <see cref="Setting"/> and the user's parameters.
/// </summary>
public interface IPreAggregation : IDisposable
{
    /// <summary>The most rows that it gives.</summary>
    int MaxRows { get; }

    /// <summary>Transforms the updates of a round, which it leaves as they are.</summary>
    PreAggregated Apply(Round round);
}
