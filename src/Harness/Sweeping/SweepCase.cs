// One point of a sweep, and how a plan's lists become points.
using FlGpu.Harness.CommandLine;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Sweeping;

/// <summary>One run of a sweep, or the reason why it can't be.</summary>
/// <param name="Backend">Name of the backend.</param>
/// <param name="Data">The data set.</param>
/// <param name="Partition">How it is dealt.</param>
/// <param name="Experiment">Everything else.</param>
/// <param name="Impossible">Why it is not run; null when it is.</param>
public sealed record SweepCase(string Backend, Choice<IDataSource> Data, Choice<IPartition> Partition, Experiment Experiment, string? Impossible);

/// <summary>Multiplies out a plan.</summary>
public static class SweepCases
{
    /// <summary>All cases, those that share data next to each other.</summary>
    /// <exception cref="InputException">
    /// Something in the plan is unusable: a name, a value, or an attack, defense or number of clients that no case can run with.
    /// </exception>
    public static IReadOnlyList<SweepCase> Of(SweepPlan plan)
    {
        if (plan.Preset is not (null or TutorialPreset.Name))
        {
            throw new InputException($"--preset is '{plan.Preset}'; allowed is {TutorialPreset.Name}");
        }

        Choice<IDataSource> data = Catalogue.Parse<IDataSource>("--data", plan.Data);
        Choice<IPartition> partition = Catalogue.Parse<IPartition>("--partition", plan.Partition);
        IReadOnlyList<Choice<IAttack>> attacks = Parse<IAttack>("--attacks", plan.Attacks);
        IReadOnlyList<Choice<IDefense>> defenses = Parse<IDefense>("--defenses", plan.Defenses);
        if (plan.Preset == TutorialPreset.Name)
        {
            defenses = [.. defenses.Select(TutorialPreset.InDialect)];
        }

        ReckonedF reckonedF = plan.F switch
        {
            "config" => ReckonedF.Config,
            "round" => ReckonedF.Round,
            _ => throw new InputException($"--f is '{plan.F}'; allowed are config and round"),
        };
        RequireSome("--clients", plan.Clients.Count);
        RequireSome("--seeds", plan.Seeds.Count);
        RequireSome("--backend", plan.Backends.Count);
        var sgd = new LocalSgd(plan.LocalEpochs, plan.BatchSize, (float)plan.LearningRate);
        List<SweepCase> cases = [];
        foreach (int clients in plan.Clients)
        {
            int malicious = OptionText.CountOrShare("--malicious", plan.Malicious, clients);
            int parameters = 0;
            string? unusable = Problem(() => parameters = ParametersOf(data, partition, clients, plan));
            foreach (Choice<IAttack> attack in attacks)
            {
                foreach (Choice<IDefense> defense in defenses)
                {
                    var experiment = new Experiment(
                        plan.Hidden, clients, malicious, plan.ClientsPerRound ?? clients, plan.Rounds, sgd, plan.Space, attack, defense, plan.Seeds[0], reckonedF);
                    string? impossible = unusable ?? Problem(() =>
                    {
                        experiment.Validate();
                        experiment.ValidateChoices(parameters);
                    });
                    cases.AddRange(
                        from backend in plan.Backends
                        from seed in plan.Seeds
                        select new SweepCase(backend, data, partition, experiment with { Seed = seed }, impossible));
                }
            }
        }

        RefuseWhatNeverRuns(cases, c => c.Experiment.Clients);
        if (!plan.Attacks.Contains(Catalogue.Everything))
        {
            RefuseWhatNeverRuns(cases, c => c.Experiment.Attack);
        }

        if (!plan.Defenses.Contains(Catalogue.Everything))
        {
            RefuseWhatNeverRuns(cases, c => c.Experiment.Defense);
        }

        return [.. cases.OrderBy(c => plan.Backends.ToList().IndexOf(c.Backend)).ThenBy(c => plan.Clients.ToList().IndexOf(c.Experiment.Clients)).ThenBy(c => c.Experiment.Seed)];
    }

    private static IReadOnlyList<Choice<T>> Parse<T>(string option, IReadOnlyList<string> texts) where T : class
    {
        RequireSome(option, texts.Count);
        return [.. texts.SelectMany(text => Catalogue.ParseList<T>(option, text))];
    }

    private static void RequireSome(string option, int count)
    {
        if (count == 0)
        {
            throw new InputException($"{option}: the list is empty; at least one is needed");
        }
    }

    private static void RefuseWhatNeverRuns<TKey>(IEnumerable<SweepCase> cases, Func<SweepCase, TKey> key)
    {
        IGrouping<TKey, SweepCase>? never = cases.GroupBy(key).FirstOrDefault(group => group.All(c => c.Impossible is not null));
        if (never is not null)
        {
            throw new InputException(never.First().Impossible!);
        }
    }

    private static string? Problem(Action attempt)
    {
        try
        {
            attempt();
            return null;
        }
        catch (InputException unusable)
        {
            return unusable.Message;
        }
    }

    // Loads the data of one seed, so that files that can't be read and clients without samples are known before anything runs.
    private static int ParametersOf(Choice<IDataSource> data, Choice<IPartition> partition, int clients, SweepPlan plan)
    {
        using var host = new ReferenceBackend();
        using FederatedData loaded = FederatedData.Load(host, data, partition, clients, plan.Seeds[0]);
        return loaded.Model(plan.Hidden).Parameters;
    }
}
