// The options that compare and sweep share: each overrides one thing of a plan.
using System.CommandLine;
using System.Globalization;
using FlGpu.Harness.Sweeping;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.CommandLine;

/// <summary>The options of a plan, with the defaults of <paramref name="defaults"/> in their help.</summary>
internal sealed class PlanOptions(SweepPlan defaults)
{
    private readonly List<Entry> _entries =
    [
        new("--attacks", "attacks, or all; parameters as in 'label_flip:poison_ratio=0.5;sign_flip'",
            plan => string.Join(';', plan.Attacks), (plan, text) => plan with { Attacks = Names<IAttack>("--attacks", text) }),
        new("--defenses", "defenses, or all; parameters as in 'none;krum:f=4,distance=euclidean'",
            plan => string.Join(';', plan.Defenses), (plan, text) => plan with { Defenses = Names<IDefense>("--defenses", text) }),
        new("--data", "data set: synthetic, digits or idx:DIR", plan => plan.Data, (plan, text) => plan with { Data = text }),
        new("--partition", "how samples are dealt: iid, dirichlet:alpha=0.5 or shards:per_client=2",
            plan => plan.Partition, (plan, text) => plan with { Partition = text }),
        new("--clients", "numbers of clients", plan => List(plan.Clients), (plan, text) => plan with { Clients = OptionText.WholeNumbers("--clients", text, 1) }),
        new("--malicious", "malicious clients: a count, a share below 1, or all but some as in n-10", plan => plan.Malicious, (plan, text) => plan with { Malicious = text }),
        new("--f", "malicious clients that defenses reckon with: those of the setting (config) or those in the round (round)",
            plan => plan.F, (plan, text) => plan with { F = text }),
        new("--clients-per-round", "clients sampled a round, or all",
            plan => plan.ClientsPerRound?.ToString(CultureInfo.InvariantCulture) ?? "all",
            (plan, text) => plan with { ClientsPerRound = text == "all" ? null : OptionText.WholeNumber("--clients-per-round", text, 1) }),
        new("--rounds", "rounds a run", plan => Show(plan.Rounds), (plan, text) => plan with { Rounds = OptionText.WholeNumber("--rounds", text, 1) }),
        new("--local-epochs", "passes of a client over its samples",
            plan => Show(plan.LocalEpochs), (plan, text) => plan with { LocalEpochs = OptionText.WholeNumber("--local-epochs", text, 1) }),
        new("--batch-size", "samples a step", plan => Show(plan.BatchSize), (plan, text) => plan with { BatchSize = OptionText.WholeNumber("--batch-size", text, 1) }),
        new("--learning-rate", "step size of local SGD",
            plan => Show(plan.LearningRate), (plan, text) => plan with { LearningRate = OptionText.PositiveNumber("--learning-rate", text) }),
        new("--hidden", "widths of hidden layers, or none for softmax regression",
            plan => plan.Hidden.Count == 0 ? "none" : List(plan.Hidden),
            (plan, text) => plan with { Hidden = text == "none" ? [] : OptionText.WholeNumbers("--hidden", text, 1) }),
        new("--seeds", "seeds, as in 1..8 or 1,5", plan => string.Join(',', plan.Seeds), (plan, text) => plan with { Seeds = OptionText.Seeds("--seeds", text) }),
        new("--backend", $"backends: {CommonOptions.BackendNames}",
            plan => string.Join(',', plan.Backends), (plan, text) => plan with { Backends = OptionText.Names("--backend", text, CommonOptions.BackendNames) }),
    ];

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
    public SweepPlan Override(SweepPlan plan, ParseResult parsed) =>
        _entries.Where(entry => parsed.GetResult(entry.Option) is { Implicit: false })
            .Aggregate(plan, (changed, entry) => entry.Apply(changed, parsed.GetValue(entry.Option)!));

    private static string Show(IFormattable value) => value.ToString(null, CultureInfo.InvariantCulture);

    private static string List(IEnumerable<int> values) => string.Join(',', values.Select(value => Show(value)));

    // Read here already, so that a wrong name is an error of this option; the plan keeps what was written.
    private static IReadOnlyList<string> Names<T>(string option, string text) where T : class =>
        text.Trim() == Catalogue.Everything ? [Catalogue.Everything] : [.. Catalogue.ParseList<T>(option, text).Select(choice => choice.Text)];

    private sealed record Entry(string Name, string Help, Func<SweepPlan, string> Show, Func<SweepPlan, string, SweepPlan> Apply)
    {
        public Option<string> Option { get; } = new(Name) { Description = Help };
    }
}
