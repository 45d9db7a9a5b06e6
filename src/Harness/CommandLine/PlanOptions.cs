// The options that compare and sweep share: each overrides one thing of a plan.
using System.CommandLine;
using System.Globalization;
using FlGpu.Harness.Sweeping;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.CommandLine;

/// <summary>The options of a plan, with the defaults of <paramref name="defaults"/> in their help.</summary>
/// <param name="defaults">What the help shows.</param>
/// <param name="withTimings">Whether the plan may time defenses on random updates instead of training.</param>
internal sealed class PlanOptions(SweepPlan defaults, bool withTimings)
{
    private const string ModelsOption = "--models";
    private const string HiddenOption = "--hidden";

    private readonly IReadOnlyList<Entry> _entries =
    [
        new("--attacks", "attacks, or all; parameters as in 'label_flip:poison_ratio=0.5;sign_flip'",
            plan => string.Join(';', plan.Attacks), (plan, text) => plan with { Attacks = Names<IAttack>("--attacks", text) }) { For = Use.Training },
        new("--defenses", "defenses, or all; parameters as in 'none;krum:f=4,distance=euclidean'",
            plan => string.Join(';', plan.Defenses), (plan, text) => plan with { Defenses = Names<IDefense>("--defenses", text) }),
        new("--pre-aggregations", "stages in front of every defense, with semicolons between them, as in 'none;nnm;clipping:c=1+nnm'",
            plan => string.Join(';', plan.PreAggregations), (plan, text) => plan with { PreAggregations = Stages("--pre-aggregations", text) }),
        new("--data", "data sets: synthetic, digits or idx:DIR, with semicolons between them",
            plan => string.Join(';', plan.Data), (plan, text) => plan with { Data = Each<IDataSource>("--data", text) }) { For = Use.Training },
        new("--partition", "how samples are dealt: iid, dirichlet:alpha=0.5 or shards:per_client=2, with semicolons between them",
            plan => string.Join(';', plan.Partition), (plan, text) => plan with { Partition = Each<IPartition>("--partition", text) }) { For = Use.Training },
        new("--clients", "numbers of clients", plan => List(plan.Clients), (plan, text) => plan with { Clients = OptionText.WholeNumbers("--clients", text, 1) }),
        new("--malicious", "malicious clients: counts, shares below 1, or all but some as in n-10",
            plan => string.Join(',', plan.Malicious),
            (plan, text) => plan with { Malicious = OptionText.Names("--malicious", text, "a count such as 2, a share such as 0.2, or n-10") }),
        new("--f", "malicious clients that defenses reckon with: those of the setting (config) or those in the round (round)",
            plan => plan.F, (plan, text) => plan with { F = text }) { For = Use.Training },
        new("--clients-per-round", "clients sampled a round, or all",
            plan => plan.ClientsPerRound?.ToString(CultureInfo.InvariantCulture) ?? "all",
            (plan, text) => plan with { ClientsPerRound = text == "all" ? null : OptionText.WholeNumber("--clients-per-round", text, 1) }) { For = Use.Training },
        new("--rounds", "rounds a run",
            plan => Show(plan.Rounds), (plan, text) => plan with { Rounds = OptionText.WholeNumber("--rounds", text, 1) }) { For = Use.Training },
        new("--local-epochs", "passes of a client over its samples",
            plan => List(plan.LocalEpochs), (plan, text) => plan with { LocalEpochs = OptionText.WholeNumbers("--local-epochs", text, 1) }) { For = Use.Training },
        new("--batch-size", "samples a step",
            plan => Show(plan.BatchSize), (plan, text) => plan with { BatchSize = OptionText.WholeNumber("--batch-size", text, 1) }) { For = Use.Training },
        new("--learning-rate", "step sizes of local SGD",
            plan => List(plan.LearningRate), (plan, text) => plan with { LearningRate = OptionText.PositiveNumbers("--learning-rate", text) }) { For = Use.Training },
        new(ModelsOption, "models, with semicolons between them: softmax, mlp:64, mlp:128-64, cnn or cnn:10-20-50",
            plan => string.Join(';', plan.Models),
            (plan, text) => plan with { Models = [.. Entries(ModelsOption, text).Select(entry => ModelChoice.Parse(ModelsOption, entry).Text)] }) { For = Use.Training },
        new(HiddenOption, "the same for perceptrons alone, by their hidden widths, or none for softmax regression, as in '64;128,64;none'",
            plan => string.Join(';', plan.Models.Select(model => HiddenText(ModelChoice.Parse(ModelsOption, model)))),
            (plan, text) => plan with { Models = Perceptrons(text) }) { For = Use.Training },
        new("--seeds", "seeds, as in 1..8 or 1,5",
            plan => string.Join(',', plan.Seeds), (plan, text) => plan with { Seeds = OptionText.Seeds("--seeds", text) }) { For = Use.Training },
        new("--seeds-at-once", "seeds whose runs share launches, for models so small that one run leaves a GPU idle; 1 for runs one after another",
            plan => Show(plan.SeedsAtOnce), (plan, text) => plan with { SeedsAtOnce = OptionText.WholeNumber("--seeds-at-once", text, 1) }) { For = Use.Training },
        new("--backend", $"backends: {CommonOptions.BackendNames}",
            plan => string.Join(',', plan.Backends), (plan, text) => plan with { Backends = OptionText.Names("--backend", text, CommonOptions.BackendNames) }),
        new("--memory-limit", "memory that a case may take, as in 2GiB, or all that there is; where a round does not fit, it is taken in slices if attack and defense allow it",
            plan => plan.MemoryLimit ?? "all", (plan, text) => plan with { MemoryLimit = text == "all" ? null : Size(text) }),
        .. withTimings ? Timings() : [],
    ];

    private enum Use
    {
        Both,
        Training,
        Timing,
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Entry entry in _entries)
        {
            entry.Option.DefaultValueFactory = _ => entry.Show(defaults);
            command.Options.Add(entry.Option);
        }
    }

    /// <summary><paramref name="plan"/> with every option that the user wrote laid over it.</summary>
    /// <exception cref="InputException">A value is unusable, or an option has no meaning for the plan.</exception>
    public SweepPlan Override(SweepPlan plan, ParseResult parsed)
    {
        IReadOnlyList<Entry> written = [.. _entries.Where(entry => parsed.GetResult(entry.Option) is { Implicit: false })];
        if (written.Any(entry => entry.Name == ModelsOption) && written.Any(entry => entry.Name == HiddenOption))
        {
            throw new InputException($"{ModelsOption} and {HiddenOption} are both given, and both say which models are trained");
        }

        SweepPlan changed = written.Aggregate(plan, (changed, entry) => entry.Apply(changed, parsed.GetValue(entry.Option)!));
        return written.FirstOrDefault(entry => entry.For == (changed.Times ? Use.Training : Use.Timing) && entry.Name != "--parameters") is { } useless
            ? throw new InputException(changed.Times
                ? $"{useless.Name} is of no use with --parameters: defenses are timed on random updates and nothing is trained"
                : $"{useless.Name} needs --parameters, the sizes of the updates to time")
            : changed;
    }

    private static Entry[] Timings() =>
    [
        new("--parameters", "train nothing but time defenses on random updates with these numbers of parameters, as in 2762,101770",
            plan => plan.Times ? List(plan.Parameters) : "none",
            (plan, text) => plan with { Parameters = text == "none" ? [] : OptionText.WholeNumbers("--parameters", text, 1) }) { For = Use.Timing },
        new("--operations", "operations to time beside the defenses, or all", plan => plan.Operations.Count == 0 ? "none" : string.Join(',', plan.Operations),
            (plan, text) => plan with { Operations = text == "none" ? [] : Operations(text) }) { For = Use.Timing },
    ];

    private static string Show(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    private static string List<T>(IReadOnlyList<T> values) where T : IFormattable
    {
        var texts = new string[values.Count];
        for (int i = 0; i < texts.Length; i++)
        {
            texts[i] = Show(values[i]);
        }

        return string.Join(',', texts);
    }

    // Read here already, so that a wrong name is an error of this option; the plan keeps what was written.
    private static IReadOnlyList<string> Names<T>(string option, string text) where T : class =>
        text.Trim() == Catalogue.Everything ? [Catalogue.Everything] : [.. Catalogue.ParseList<T>(option, text).Select(choice => choice.Text)];

    private static IReadOnlyList<string> Each<T>(string option, string text) where T : class
    {
        string[] entries = Entries(option, text);
        foreach (string entry in entries)
        {
            Catalogue.Parse<T>(option, entry);
        }

        return entries;
    }

    private static IReadOnlyList<string> Stages(string option, string text)
    {
        string[] entries = Entries(option, text);
        foreach (string entry in entries)
        {
            SweepCases.StagesOf(option, entry);
        }

        return entries;
    }

    private static string Size(string text)
    {
        OptionText.Bytes("--memory-limit", text);
        return text;
    }

    private static IReadOnlyList<string> Operations(string text)
    {
        string[] names = OptionText.Names("--operations", text, "operations");
        SweepCases.OperationsOf("--operations", names);
        return names;
    }

    private static IReadOnlyList<string> Perceptrons(string text) =>
        [.. Entries(HiddenOption, text).Select(model => ModelChoice.Perceptron(model == "none" ? [] : OptionText.WholeNumbers(HiddenOption, model, 1)).Text)];

    private static string HiddenText(ModelChoice model) => model.Hidden switch
    {
        null => model.Text,
        [] => "none",
        var widths => List(widths),
    };

    private static string[] Entries(string option, string text) =>
        text.Split(';', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries) is { Length: > 0 } entries
            ? entries
            : throw new InputException($"{option} is '{text}', an empty list; at least one is needed");

    private sealed record Entry(string Name, string Help, Func<SweepPlan, string> Show, Func<SweepPlan, string, SweepPlan> Apply)
    {
        public Option<string> Option { get; } = new(Name) { Description = Help };

        /// <summary>The kind of plan that it means something to.</summary>
        public Use For { get; init; }
    }
}
