// The central idea of an attack: what malicious clients do to their data, and what they do to their updates.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// What the malicious clients do. The hooks do nothing unless an attack says otherwise, so the round loop need not know
/// which kind it has. One instance lives for one run.
/// </summary>
public interface IAttack : IDisposable
{
    /// <summary>
    /// Whether what a malicious client sends depends on the round's other clients, or on being asked once a round: then the updates of a round
    /// must all be in memory at once. An attack that has only its data poisoned, or changes each of its own rows by itself, says false.
    /// </summary>
    bool NeedsWholeRound => true;

    /// <summary>Frees what the attack remembers on the device; most remember nothing.</summary>
    void IDisposable.Dispose()
    {
    }

    /// <summary>Poisons the samples of one malicious client, once, before training.</summary>
    /// <param name="data">The training samples of this run.</param>
    /// <param name="client">Which of the malicious clients it is, counted from 0.</param>
    /// <param name="rows">The rows that are this client's.</param>
    /// <param name="key">This client's randomness.</param>
    void Poison(TrainingData data, int client, ReadOnlySpan<int> rows, RngKey key)
    {
    }

    /// <summary>
    /// Samples of one malicious client that get another label in every round that it is in, before it trains: the class, other than the one given
    /// here, that the global model finds least likely. Asked once, after <see cref="Poison"/>.
    /// </summary>
    /// <param name="client">Which of the malicious clients it is, counted from 0.</param>
    IReadOnlyList<(int Row, int Class)> FlippedAnew(int client) => [];

    /// <summary>Replaces what the malicious clients send, every round that one of them is in.</summary>
    void Corrupt(Round round)
    {
    }

    /// <summary>
    /// The test samples on which the attack has an aim, with the class that it aims at: the share of them that the model gives this
    /// class is the attack's success rate. Null for an attack that only wants harm.
    /// </summary>
    /// <param name="test">The test samples as they are.</param>
    Samples? Aim(Samples test) => null;
}

/// <summary>The training samples of one run. Labels may be changed freely; features are copied before the first change.</summary>
public sealed class TrainingData(Samples samples)
{
    private float[]? _ownFeatures;

    /// <summary>The class of each sample.</summary>
    public int[] Labels { get; } = [.. samples.Labels];

    /// <summary>Number of classes.</summary>
    public int Classes => samples.Classes;

    /// <summary>Features a sample.</summary>
    public int Inputs => samples.Inputs;

    /// <summary>Whether any feature was changed.</summary>
    public bool FeaturesChanged => _ownFeatures is not null;

    /// <summary>All features, row-major.</summary>
    public float[] Features => _ownFeatures ?? samples.Features;

    /// <summary>The features of one sample, to be changed.</summary>
    public Span<float> ChangeFeatures(int row)
    {
        _ownFeatures ??= [.. samples.Features];
        return _ownFeatures.AsSpan(row * Inputs, Inputs);
    }
}
