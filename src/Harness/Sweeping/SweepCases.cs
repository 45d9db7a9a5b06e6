// How a plan's lists become cases, and which of these cannot run.
using System.Globalization;
using FlGpu.Harness.CommandLine;
using FlGpu.Harness.Measuring;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Sweeping;

/// <summary>Multiplies out a plan.</summary>
public static class SweepCases
{
    /// <summary>
    /// All cases in the order of the CSVs, those that share data next to each other; a case that lists give twice is there once. Nothing is
    /// loaded: whether a case can run is found by <see cref="Checked"/>.
    /// </summary>
    /// <exception cref="InputException">A name or a value in the plan is unusable.</exception>
    public static IReadOnlyList<SweepCase> Of(SweepPlan plan)
    {
        RequireSome("--clients", plan.Clients.Count);
        RequireSome("--malicious", plan.Malicious.Count);
        RequireSome("--backend", plan.Backends.Count);
        RequireSome("--pre-aggregations", plan.PreAggregations.Count);
        IEnumerable<SweepCase> cases = plan.Times ? TimingCases(plan) : TrainingCases(plan);
        long? limit = plan.MemoryLimit is { } size ? OptionText.Bytes("--memory-limit", size) : null;
        return Described([.. cases.DistinctBy(sweepCase => sweepCase.RunId).Select(sweepCase => sweepCase with { MemoryLimit = limit })]);
    }

    // Two cases of a sweep that differ read differently, in the progress and wherever a case is named; what all have in common is left out.
    private static IReadOnlyList<SweepCase> Described(IReadOnlyList<SweepCase> cases)
    {
        bool severalMalicious = cases.Where(c => c is not TimingCase { Defense: null }).GroupBy(c => c.Clients).Any(same => same.DistinctBy(c => c.Malicious).Skip(1).Any());
        Func<TrainingCase, string>[] varying =
        [
            .. ((Func<TrainingCase, string>[])
            [
                c => c.Data.Text, c => c.Partition.Text, c => c.Experiment.Model.Text, c => string.Create(CultureInfo.InvariantCulture, $"epochs={c.Experiment.Sgd.Epochs}"),
                c => string.Create(CultureInfo.InvariantCulture, $"rate={c.Experiment.Sgd.LearningRate}"),
            ]).Where(axis => cases.OfType<TrainingCase>().DistinctBy(axis).Skip(1).Any()),
        ];
        return [.. cases.Select(c => c with { Also = string.Concat(WordsOf(c).Select(word => $" {word}")) })];

        IEnumerable<string> WordsOf(SweepCase sweepCase) =>
        [
            .. severalMalicious && sweepCase is not TimingCase { Defense: null } ? [string.Create(CultureInfo.InvariantCulture, $"f={sweepCase.Malicious}")] : (string[])[],
            .. sweepCase is TrainingCase training ? varying.Select(axis => axis(training)) : [],
        ];
    }

    /// <summary>The cases with the reason for those that cannot run. Data are loaded, attacks and defenses made and thrown away.</summary>
    /// <exception cref="InputException">A value of the plan that no case can run with.</exception>
    public static IReadOnlyList<SweepCase> Checked(SweepPlan plan, IReadOnlyList<SweepCase> cases)
    {
        Dictionary<object, int> parametersOf = [];
        Dictionary<object, string?> problemOf = [];
        List<SweepCase> result = [.. cases.Select(sweepCase => sweepCase with { Impossible = ProblemOf(sweepCase) })];

        RefuseWhatNeverRuns(result, c => c.Clients);
        RefuseWhatNeverRuns(result.OfType<TrainingCase>(), c => c.Data.Text);
        RefuseWhatNeverRuns(result.OfType<TrainingCase>(), c => c.Partition.Text);
        RefuseWhatNeverRuns(result.OfType<TrainingCase>(), c => c.Experiment.Model);
        if (!plan.Attacks.Contains(Catalogue.Everything))
        {
            RefuseWhatNeverRuns(result.OfType<TrainingCase>(), c => c.Experiment.Attack.Text);
        }

        if (!plan.Defenses.Contains(Catalogue.Everything))
        {
            RefuseWhatNeverRuns(result.OfType<TrainingCase>(), c => c.Experiment.Defense.Text);
            RefuseWhatNeverRuns(result.OfType<TimingCase>(), c => c.Name);
        }

        return result;

        string? ProblemOf(SweepCase sweepCase) => sweepCase switch
        {
            TrainingCase training => ProblemOfTraining(training),
            TimingCase { Defense: { } defense } timing => Remembered(
                new TimedRule(timing.Name, timing.Clients, timing.Malicious), () => MakeAndDispose(defense, timing.Clients, timing.Malicious)),
            _ => null,
        };

        string? ProblemOfTraining(TrainingCase training)
        {
            Experiment e = training.Experiment;
            // The parameters of the model do not depend on the seed, and what a data set or a partition refuses hardly does.
            var data = new LoadedData(training.Data.Text, training.Partition.Text, e.Clients, e.Model.Text);
            return Remembered(data, () => parametersOf[data] = ParametersOf(training))
                ?? Remembered(new Trained(data, e.Malicious, e.Attack.Text, e.Defense.Text), () =>
                {
                    e.Validate();
                    e.ValidateChoices(parametersOf[data]);
                });
        }

        string? Remembered(object key, Action attempt)
        {
            if (!problemOf.TryGetValue(key, out string? problem))
            {
                problemOf[key] = problem = Problem(attempt);
            }

            return problem;
        }
    }

    /// <summary>The stages of a text such as clipping+nnm; none for "none".</summary>
    /// <exception cref="InputException">One of them is unknown.</exception>
    internal static IReadOnlyList<Choice<IPreAggregation>> StagesOf(string option, string text) =>
        text.Trim() == SweepPlan.NoStage ? [] : [.. text.Split('+').Select(stage => Catalogue.Parse<IPreAggregation>(option, stage))];

    /// <summary>Operations by name; "all" for every one.</summary>
    /// <exception cref="InputException">One of them is unknown.</exception>
    internal static IReadOnlyList<OperationListing> OperationsOf(string option, IReadOnlyList<string> names) =>
        names.Contains(Catalogue.Everything) ? Operations.All :
        [
            .. names.Select(name => Operations.All.FirstOrDefault(operation => operation.Name == name)
                ?? throw new InputException($"{option}: '{name}' is unknown; allowed are {string.Join(", ", Operations.All.Select(operation => operation.Name))}")),
        ];

    private static IEnumerable<SweepCase> TrainingCases(SweepPlan plan)
    {
        if (plan.Preset is not (null or TutorialPreset.Name))
        {
            throw new InputException($"--preset is '{plan.Preset}'; allowed is {TutorialPreset.Name}");
        }

        RequireSome("--seeds", plan.Seeds.Count);
        RequireSome("--models", plan.Models.Count);
        IReadOnlyList<ModelChoice> models = [.. plan.Models.Select(text => ModelChoice.Parse("--models", text))];
        IReadOnlyList<Choice<IDataSource>> sources = [.. plan.Data.Select(text => Catalogue.Parse<IDataSource>("--data", text))];
        IReadOnlyList<Choice<IPartition>> partitions = [.. plan.Partition.Select(text => Catalogue.Parse<IPartition>("--partition", text))];
        IReadOnlyList<Choice<IAttack>> attacks = Parse<IAttack>("--attacks", plan.Attacks);
        IReadOnlyList<Choice<IDefense>> defenses = DefensesOf(plan);
        RequireSome("--defenses", defenses.Count);
        ReckonedF reckonedF = plan.F switch
        {
            "config" => ReckonedF.Config,
            "round" => ReckonedF.Round,
            _ => throw new InputException($"--f is '{plan.F}'; allowed are config and round"),
        };
        List<SweepCase> cases = [];
        foreach (string backend in plan.Backends)
        foreach (Choice<IDataSource> data in sources)
        foreach (Choice<IPartition> partition in partitions)
        foreach (int clients in plan.Clients)
        foreach (ulong seed in plan.Seeds)
        foreach (string malicious in plan.Malicious)
        foreach (ModelChoice model in models)
        foreach (int epochs in plan.LocalEpochs)
        foreach (double learningRate in plan.LearningRate)
        foreach (Choice<IAttack> attack in attacks)
        foreach (Choice<IDefense> defense in defenses)
        {
            cases.Add(new TrainingCase(backend, data, partition, new Experiment(
                model, clients, OptionText.CountOrShare("--malicious", malicious, clients), plan.ClientsPerRound ?? clients, plan.Rounds,
                new LocalSgd(epochs, plan.BatchSize, (float)learningRate), plan.Space, attack, defense, seed, reckonedF)));
        }

        return cases;
    }

    private static IEnumerable<SweepCase> TimingCases(SweepPlan plan)
    {
        IReadOnlyList<OperationListing> operations = OperationsOf("--operations", plan.Operations);
        IReadOnlyList<Choice<IDefense>> defenses = DefensesOf(plan);
        RequireSome("--defenses", defenses.Count + operations.Count);
        Protocol protocol = plan.Protocol;
        foreach (string backend in plan.Backends)
        {
            foreach (int parameters in plan.Parameters)
            {
                foreach (int clients in plan.Clients)
                {
                    foreach (OperationListing operation in operations)
                    {
                        yield return new TimingCase(backend, null, operation, clients, Malicious: 0, parameters, protocol);
                    }

                    foreach (string text in plan.Malicious)
                    {
                        int malicious = OptionText.CountOrShare("--malicious", text, clients);
                        foreach (Choice<IDefense> defense in defenses)
                        {
                            yield return new TimingCase(backend, defense, null, clients, malicious, parameters, protocol);
                        }
                    }
                }
            }
        }
    }

    private static IReadOnlyList<Choice<IDefense>> DefensesOf(SweepPlan plan)
    {
        IEnumerable<Choice<IDefense>> defenses = plan.Defenses.SelectMany(text => Catalogue.ParseList<IDefense>("--defenses", text));
        if (plan.Preset == TutorialPreset.Name)
        {
            defenses = defenses.Select(TutorialPreset.InDialect);
        }

        return
        [
            .. from stages in plan.PreAggregations.Select(text => StagesOf("--pre-aggregations", text))
               from defense in defenses
               select stages.Count == 0 ? defense : defense with { Stages = [.. stages, .. defense.Stages] },
        ];
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

    private static void RefuseWhatNeverRuns<TCase>(IEnumerable<TCase> cases, Func<TCase, object> key) where TCase : SweepCase
    {
        IGrouping<object, TCase>? never = cases.GroupBy(key).FirstOrDefault(group => group.All(c => c.Impossible is not null));
        if (never is not null)
        {
            throw new InputException(never.First().Impossible!);
        }
    }

    // What problems are remembered by.
    private sealed record LoadedData(string Data, string Partition, int Clients, string Model);

    private sealed record Trained(LoadedData On, int Malicious, string Attack, string Defense);

    private sealed record TimedRule(string Name, int Clients, int Malicious);

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

    private static void MakeAndDispose(Choice<IDefense> defense, int clients, int malicious)
    {
        if (malicious >= clients)
        {
            throw new InputException($"--malicious is {malicious}; allowed is at most {clients - 1} of {clients} clients: one must be honest");
        }

        using var host = new ReferenceBackend();
        defense.Create(new Setting(host, clients, malicious, 1)).Dispose();
    }

    // Loads the data of one seed, so that files that can't be read and clients without samples are known before anything runs.
    private static int ParametersOf(TrainingCase training)
    {
        using var host = new ReferenceBackend();
        using FederatedData loaded = FederatedData.Load(host, training.Data, training.Partition, training.Experiment.Clients, training.Experiment.Seed);
        return loaded.Model(training.Experiment.Model).Parameters;
    }
}
