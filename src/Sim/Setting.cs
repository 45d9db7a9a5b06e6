// What an attack or a defense is told before the first round.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Known before round 1; all that an attack or a defense may size itself by.</summary>
/// <param name="Backend">Where updates live and operations run.</param>
/// <param name="Clients">Updates a round, n.</param>
/// <param name="Malicious">Malicious clients, f, that a defense is told of.</param>
/// <param name="Parameters">Parameters of the model, d.</param>
/// <param name="Population">Clients in all, of which n take part in a round; null when all do.</param>
public sealed record Setting(Backend Backend, int Clients, int Malicious, int Parameters, int? Population = null)
{
    /// <summary>Clients that stages in front of the rule have taken out of the round.</summary>
    public int Removed { get; init; }

    /// <summary>What the instances of a rule remember together: settings made from this one with <c>with</c> have the same.</summary>
    public RunMemory Memory { get; init; } = new();

    /// <summary>
    /// The f that a rule reckons with: the one given, or else the setting's; clients that stages have removed are taken off it, for a stage
    /// that removes any removes the suspicious ones.
    /// </summary>
    public int Reckoned(int? f) => Removed == 0 ? f ?? Malicious : Math.Max(0, (f ?? Malicious) - Removed);
}

/// <summary>What is aggregated.</summary>
public enum UpdateSpace
{
    /// <summary>What a client learned: its parameters less the global ones. The convention of the field.</summary>
    Updates,

    /// <summary>A client's whole parameters, as in the tutorial.</summary>
    States,
}

/// <summary>What each random number is for; the first label that the seed's key is folded by.</summary>
public enum Purpose
{
    /// <summary>Drawing a synthetic data set.</summary>
    Data = 1,

    /// <summary>Dealing samples to clients.</summary>
    Partition,

    /// <summary>The first global model.</summary>
    Initialisation,

    /// <summary>Which clients take part in a round.</summary>
    Sampling,

    /// <summary>The order in which a client visits its samples.</summary>
    Shuffle,

    /// <summary>Data poisoning, before training.</summary>
    Poisoning,

    /// <summary>Model poisoning, every round.</summary>
    Corruption,

    /// <summary>A defense's own randomness.</summary>
    Defense,

    /// <summary>What attacks and defenses fold their keys of a round from.</summary>
    Round,

    /// <summary>The server's own samples.</summary>
    ServerSamples,
}

/// <summary>One round as an attack and a defense see it.</summary>
/// <param name="Index">Counted from 1.</param>
/// <param name="Updates">One row a sampled client, n x d: updates or states. Malicious clients are the last rows.</param>
/// <param name="Global">The global parameters before this round, 1 x d.</param>
/// <param name="SampleCounts">Training samples of each row's client.</param>
/// <param name="Malicious">How many of the rows are a malicious client's.</param>
/// <param name="Key">This round's randomness.</param>
/// <param name="Clients">Which client of the population each row is; null: the rows' own indices.</param>
/// <param name="TrainServer">
/// Trains on the server's own clean samples and gives its update (1 x d), for rules that have a root of trust; null where there is none.
/// </param>
public sealed record Round(
    int Index, Matrix Updates, Matrix Global, IReadOnlyList<int> SampleCounts, int Malicious, RngKey Key,
    IReadOnlyList<int>? Clients = null, Func<Matrix>? TrainServer = null)
{
    /// <summary>In a slice of a round: how many malicious clients earlier slices had.</summary>
    public int MaliciousBefore { get; init; }

    /// <summary>The rows of the honest clients.</summary>
    public Matrix HonestUpdates => Updates.SliceRows(0, Updates.Rows - Malicious);

    /// <summary>Which client of the population a row is.</summary>
    public int ClientOf(int row) => Clients?[row] ?? row;

    /// <summary>The rows of the malicious clients.</summary>
    public Matrix MaliciousUpdates => Updates.SliceRows(Updates.Rows - Malicious, Malicious);
}
