// One point of a sweep: a federation to train, or a defense or operation to time.
using System.Globalization;
using System.Text;
using FlGpu.Harness.Measuring;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Sweeping;

/// <summary>One case of a sweep.</summary>
/// <param name="RunId">
/// Tells this case from every other: a function of all that decides its numbers, the same on every machine. All its rows have it.
/// </param>
/// <param name="Backend">Name of the backend.</param>
/// <param name="Clients">n: clients.</param>
/// <param name="Malicious">f: how many of them attack.</param>
public abstract record SweepCase(string RunId, string Backend, int Clients, int Malicious)
{
    private const int IdLength = 12;

    /// <summary>Why it is not run; null when it is.</summary>
    public string? Impossible { get; init; }

    /// <summary>
    /// Bytes that it may take; null for what the machine or the GPU has. It decides no numbers but the rounding of sums that are taken in slices,
    /// so it is not part of the id.
    /// </summary>
    public long? MemoryLimit { get; init; }

    /// <summary>What else tells it from others of its sweep, each with a space in front, as in " f=2 cnn"; empty where no other axis has several values.</summary>
    public string Also { get; init; } = "";

    /// <summary>The case in a few words.</summary>
    public abstract string Description { get; }

    /// <summary>The first digits of the SHA-256 of everything that decides a case's numbers.</summary>
    protected static string IdOf(params IEnumerable<object?> parts)
    {
        string text = string.Join('\n', parts.Select(part => Convert.ToString(part, CultureInfo.InvariantCulture)));
        uint[] hash = Sha256.Of(Encoding.UTF8.GetBytes(text));
        return string.Create(CultureInfo.InvariantCulture, $"{hash[0]:x8}{hash[1]:x8}")[..IdLength];
    }
}

/// <summary>A federation that is trained.</summary>
/// <param name="Backend">Name of the backend.</param>
/// <param name="Data">The data set.</param>
/// <param name="Partition">How it is dealt.</param>
/// <param name="Experiment">Everything else.</param>
public sealed record TrainingCase(string Backend, Choice<IDataSource> Data, Choice<IPartition> Partition, Experiment Experiment)
    : SweepCase(
        IdOf(
            "training", Backend, Data.Text, Partition.Text, Experiment.Model.Id, Experiment.Clients, Experiment.Malicious, Experiment.UpdatesPerRound,
            Experiment.Rounds, Experiment.Sgd.Epochs, Experiment.Sgd.BatchSize, Experiment.Sgd.LearningRate, Experiment.Space, Experiment.ReckonedF,
            Experiment.Attack.Text, Experiment.Defense.Text, Experiment.Seed),
        Backend, Experiment.Clients, Experiment.Malicious)
{
    /// <inheritdoc/>
    public override string Description => $"{Backend} n={Clients}{Also} {Experiment.Attack.Text} {Experiment.Defense.Text} seed {Experiment.Seed}";
}

/// <summary>A defense or an operation that is timed on random updates.</summary>
/// <param name="Backend">Name of the backend.</param>
/// <param name="Defense">The defense; null where an operation is timed.</param>
/// <param name="Operation">The operation; null where a defense is timed.</param>
/// <param name="Clients">n: rows of the updates.</param>
/// <param name="Malicious">f: what a defense reckons with.</param>
/// <param name="Parameters">d: columns of the updates.</param>
/// <param name="Protocol">How it is timed.</param>
public sealed record TimingCase(
    string Backend, Choice<IDefense>? Defense, OperationListing? Operation, int Clients, int Malicious, int Parameters, Protocol Protocol)
    : SweepCase(IdOf("timing", Backend, Defense?.Text, Operation?.Name, Clients, Malicious, Parameters, Protocol.MinSamples, Protocol.MinSeconds), Backend, Clients, Malicious)
{
    /// <summary>The defense with its parameters, or the operation.</summary>
    public string Name => Defense?.Text ?? Operation!.Name;

    /// <inheritdoc/>
    public override string Description => $"{Backend} n={Clients}{Also} d={Parameters} {Name}";
}
