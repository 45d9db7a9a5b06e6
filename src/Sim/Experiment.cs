// One run: everything that decides its numbers.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The number of malicious clients that a defense reckons with, f.</summary>
public enum ReckonedF
{
    /// <summary>The malicious clients of the population, however many of them take part in a round.</summary>
    Config,

    /// <summary>
    /// The malicious clients that are really in the round, which no server knows. There is an instance of the rule for each number; what a
    /// rule remembers of earlier rounds is the same for all of them.
    /// </summary>
    Round,
}

/// <summary>One federation, from the first round to the last.</summary>
/// <param name="Model">What is trained.</param>
/// <param name="Clients">Clients in all.</param>
/// <param name="Malicious">Malicious clients, f; they are the last ones.</param>
/// <param name="ClientsPerRound">Clients sampled a round, n; all of them when there are fewer.</param>
/// <param name="Rounds">Rounds, at least 1.</param>
/// <param name="Sgd">How clients train.</param>
/// <param name="Space">What is aggregated.</param>
/// <param name="Attack">What the malicious clients do.</param>
/// <param name="Defense">How the server aggregates.</param>
/// <param name="Seed">Of all randomness.</param>
/// <param name="ReckonedF">Which number of malicious clients the defense is told.</param>
public sealed record Experiment(
    ModelChoice Model, int Clients, int Malicious, int ClientsPerRound, int Rounds, LocalSgd Sgd, UpdateSpace Space,
    Choice<IAttack> Attack, Choice<IDefense> Defense, ulong Seed, ReckonedF ReckonedF = ReckonedF.Config)
{
    /// <summary>Updates a round, n.</summary>
    public int UpdatesPerRound => Math.Min(ClientsPerRound, Clients);

    /// <summary>Honest clients; they are the first ones.</summary>
    public int Honest => Clients - Malicious;

    /// <summary>Refuses what can't be run.</summary>
    /// <exception cref="InputException">Names the option, the value and what is allowed.</exception>
    public void Validate()
    {
        Require(Clients >= 1, "--clients", Clients, "1 and more");
        Require(Malicious >= 0, "--malicious", Malicious, "0 and more");
        Require(Malicious < Clients, "--malicious", Malicious, $"at most {Clients - 1} of {Clients} clients: one must be honest");
        Require(ClientsPerRound >= 1, "--clients-per-round", ClientsPerRound, "1 and more");
        Require(Rounds >= 1, "--rounds", Rounds, "1 and more");
        Require(Sgd.Epochs >= 1, "--local-epochs", Sgd.Epochs, "1 and more");
        Require(Sgd.BatchSize >= 1, "--batch-size", Sgd.BatchSize, "1 and more");
        Require(Sgd.LearningRate > 0 && float.IsFinite(Sgd.LearningRate), "--learning-rate", Sgd.LearningRate, "any number above 0");
    }

    /// <summary>
    /// Makes the attack and the defense once and throws them away, so that what they refuse is known before anything runs.
    /// </summary>
    /// <exception cref="InputException">A parameter does not fit the setting.</exception>
    public void ValidateChoices(int parameters)
    {
        using var host = new ReferenceBackend();
        var setting = new Setting(host, UpdatesPerRound, Malicious, parameters);
        Defense.Create(setting).Dispose();
        Attack.Create(setting, Defense).Dispose();
    }

    /// <summary>Why the updates of a round must all be in memory at once; null where they may be taken in slices.</summary>
    public string? WhyNotInSlices(int parameters)
    {
        using var host = new ReferenceBackend();
        var setting = new Setting(host, UpdatesPerRound, Malicious, parameters);
        using IDefense defense = Defense.Create(setting);
        using IAttack attack = Attack.Create(setting, Defense);
        return WhyNotInSlices(defense, attack);
    }

    /// <summary>The same of instances that are there.</summary>
    internal string? WhyNotInSlices(IDefense defense, IAttack attack) =>
        defense is not IFoldingDefense ? $"{Defense.Text} needs all updates of a round at once"
        : Malicious > 0 && attack.NeedsWholeRound ? $"{Attack.Text} needs all updates of a round at once"
        : null;

    private static void Require(bool allowed, string option, object value, string range)
    {
        if (!allowed)
        {
            throw new InputException($"{option} is {Catalogue.ValueText(value)}; allowed is {range}");
        }
    }
}
