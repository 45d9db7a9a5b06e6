// One round of somebody else's updates through a rule: the aggregate, and what became of each client.
using System.Diagnostics;
using FlGpu.Harness.Sweeping;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Updates;

/// <summary>What became of a client.</summary>
/// <param name="Index">Its row, counted from 0.</param>
/// <param name="Name">Its file where each client has one; null otherwise.</param>
/// <param name="Weight">The part of its update in the aggregate; null when the rule does not weigh whole updates.</param>
/// <param name="Norm">Euclidean norm of its update; NaN or infinite where the update is not finite.</param>
/// <param name="Cosine">Of the angle between its update and the aggregate; null where one of them is zero or not finite.</param>
/// <param name="Distance">Euclidean, between its update and the aggregate.</param>
internal sealed record AggregatedClient(int Index, string? Name, double? Weight, double Norm, double? Cosine, double Distance)
{
    /// <summary>Whether its update has a part in the aggregate; null when that cannot be said of whole updates.</summary>
    public bool? Kept => Weight is null ? null : Weight > 0;
}

/// <summary>The result.</summary>
/// <param name="Aggregate">d numbers.</param>
/// <param name="AggregateNorm">Their Euclidean norm.</param>
/// <param name="Clients">In the order of the rows.</param>
/// <param name="Judgements">By what the rule and its stages judged the clients, a value each.</param>
/// <param name="Staged">Whether stages mixed or scaled the updates, so that the rule judged others than were sent.</param>
/// <param name="Remembers">Whether the rule judges by earlier rounds too, of which there are none here.</param>
/// <param name="ReadMs">Reading the files.</param>
/// <param name="AggregateMs">The rule, with everything that it allocates.</param>
internal sealed record AggregatedRound(
    float[] Aggregate, double AggregateNorm, IReadOnlyList<AggregatedClient> Clients, IReadOnlyList<Judgement> Judgements, bool Staged, bool Remembers,
    double ReadMs, double AggregateMs)
{
    private const int FloatsAtOnce = 1 << 22;

    /// <summary>Reads the updates into the backend's memory and aggregates them, as round 1 of a run of that seed.</summary>
    /// <exception cref="InputException">The rule does not allow such a round, or a file is damaged.</exception>
    public static AggregatedRound Of(Choice<IDefense> choice, IUpdateSource source, Backend backend, int malicious, ulong seed)
    {
        (int n, int d) = (source.Clients, source.Parameters);
        var setting = new Setting(backend, n, malicious, d);
        CaseMemory.Require(choice, setting);
        using IDefense defense = choice.Create(setting); // before anything is read: a rule that refuses the setting says so at once
        long start = Stopwatch.GetTimestamp();
        using Matrix updates = Load(source, backend);
        double readMs = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        using Matrix aggregate = backend.AllocateMatrix(1, d);
        using Matrix global = backend.Upload(1, d, new float[d]);
        var round = new Round(1, updates, global, [.. Enumerable.Repeat(1, n)], Malicious: 0, RngKey.FromSeed(seed).Fold((ulong)Purpose.Round).Fold(1));
        start = Stopwatch.GetTimestamp();
        float[] weights = choice.Named(() => defense.Aggregate(round, aggregate).ToArray());
        backend.Synchronize();
        double aggregateMs = Stopwatch.GetElapsedTime(start).TotalMilliseconds;

        var judge = defense as IJudge;
        double[]? parts = judge?.Shares?.ToArray() ?? (weights.Length > 0 ? [.. weights.Select(weight => (double)weight)] : null);
        using Matrix perClient = backend.AllocateMatrix(1, n);
        using Matrix one = backend.AllocateMatrix(1, 1);
        float[] values = aggregate.ToArray();
        float[] norms = Norms(updates, perClient);
        float aggregateNorm = Norms(aggregate, one)[0];
        float[] squared = SquaredDistances(updates, aggregate, perClient);

        // Cosines from the distances between unit vectors, which lose nothing where lengths differ much. The updates are not needed any more.
        Normalise(updates, norms, perClient);
        Normalise(aggregate, [aggregateNorm], one);
        float[] unitSquared = SquaredDistances(updates, aggregate, perClient);
        AggregatedClient[] clients =
        [
            .. Enumerable.Range(0, n).Select(i => new AggregatedClient(
                i, source.ClientNames?[i], parts?[i], norms[i], HasDirection(norms[i]) && HasDirection(aggregateNorm) ? 1 - (unitSquared[i] / 2.0) : null, Math.Sqrt(squared[i]))),
        ];
        return new(values, aggregateNorm, clients, judge?.Judgements ?? [], judge?.Shares is not null, setting.Memory.IsUsed, readMs, aggregateMs);

        float[] Norms(Matrix rows, Matrix norms)
        {
            backend.Run(new RowNorms(rows, norms));
            return norms.ToArray();
        }

        float[] SquaredDistances(Matrix rows, Matrix vector, Matrix squared)
        {
            backend.Run(new DistancesToVector(rows, vector, squared));
            return squared.ToArray();
        }

        void Normalise(Matrix rows, float[] norms, Matrix factors)
        {
            factors.CopyFrom([.. norms.Select(norm => HasDirection(norm) ? 1 / norm : 0)]);
            backend.Run(new ScaleRows(rows, factors));
        }
    }

    private static bool HasDirection(float norm) => float.IsFinite(norm) && float.IsFinite(1 / norm);

    /// <summary>Copies block after block, so that there is one copy of the updates and a block in memory, not two copies.</summary>
    private static Matrix Load(IUpdateSource source, Backend backend)
    {
        Matrix updates = backend.AllocateMatrix(source.Clients, source.Parameters);
        try
        {
            int most = Math.Min(source.Clients, Array.MaxLength / source.Parameters);
            int rowsAtOnce = Math.Clamp(FloatsAtOnce / source.Parameters, Math.Min(source.RowsAtOnce, most), most);
            float[] block = new float[rowsAtOnce * source.Parameters];
            for (int row = 0; row < source.Clients; row += rowsAtOnce)
            {
                Span<float> rows = block.AsSpan(0, Math.Min(rowsAtOnce, source.Clients - row) * source.Parameters);
                source.ReadRows(rows);
                updates.CopyFrom(rows, row);
            }

            return updates;
        }
        catch
        {
            updates.Dispose();
            throw;
        }
    }
}
