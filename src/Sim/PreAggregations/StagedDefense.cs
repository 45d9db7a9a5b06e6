// A rule with stages in front of it: nnm+trimmed_mean.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Runs the stages one after another and the rule on what they leave. A filter leaves another number of rows each round, so there is
/// an instance of the rule for each number, all with one memory; its f, also one that was given, is lowered by the clients that filters
/// have removed.
/// </summary>
internal sealed class StagedDefense : IDefense, IJudge
{
    private readonly Setting _setting;
    private readonly Choice<IDefense> _rule;
    private readonly List<IPreAggregation> _stages = [];
    private readonly Dictionary<(int Rows, int Removed), IDefense> _rules = [];
    private readonly float[] _weights;
    private readonly List<Judgement> _judgements = [];

    public StagedDefense(Setting setting, IReadOnlyList<Choice<IPreAggregation>> stages, Choice<IDefense> rule)
    {
        (_setting, _rule, _weights) = (setting, rule, new float[setting.Clients]);
        foreach (Choice<IPreAggregation> stage in stages)
        {
            _stages.Add(stage.Create(setting));
            setting = setting with { Clients = _stages[^1].MaxRows };
        }

        RuleFor(setting.Clients, removed: 0);
    }

    public IReadOnlyList<Judgement> Judgements => _judgements;

    public IReadOnlyList<double>? Shares { get; private set; }

    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        int[]? rowOf = [.. Enumerable.Range(0, round.Updates.Rows)];
        int[] judgedAs = rowOf; // for each client the row that stands for it, -1 once it is removed
        List<(PreAggregated Result, int RowsBefore)> results = [];
        int removed = 0;
        _judgements.Clear();
        foreach (IPreAggregation stage in _stages)
        {
            int before = round.Updates.Rows;
            PreAggregated result = stage.Apply(round);
            results.Add((result, before));
            Hear(stage, judgedAs);
            int[] standIns = result.StandIns(before);
            judgedAs = [.. judgedAs.Select(row => row < 0 ? row : standIns[row])];
            rowOf = rowOf is not null && result.Kept is { } kept ? [.. kept.Select(row => rowOf[row])] : null;
            removed += result.Kept is null ? 0 : before - result.Updates.Rows;
            Round current = round;
            round = round with
            {
                Updates = result.Updates,
                Malicious = 0,
                SampleCounts = result.Kept is { } rows ? [.. rows.Select(row => current.SampleCounts[row])] : [.. Enumerable.Repeat(1, result.Updates.Rows)],
                Clients = result.Kept?.Select(current.ClientOf).ToArray(),
            };
        }

        IDefense rule = RuleFor(round.Updates.Rows, removed);
        ReadOnlySpan<float> weights = rule.Aggregate(round, aggregate);
        Hear(rule, judgedAs);
        Shares = results.Exists(stage => stage.Result.Mixtures is not null || stage.Result.Factors is not null) && !weights.IsEmpty ? SharesOf(weights, results) : null;
        if (rowOf is null)
        {
            return [];
        }

        // A rule that does not weigh whole updates takes all that the filters have left.
        _weights.AsSpan().Clear();
        bool filtered = removed > 0;
        for (int row = 0; row < rowOf.Length; row++)
        {
            _weights[rowOf[row]] = weights.IsEmpty ? 1f / rowOf.Length : weights[row];
        }

        return weights.IsEmpty && !filtered && _stages.TrueForAll(stage => stage is not IDetection) ? [] : _weights;
    }

    public void Dispose()
    {
        _stages.ForEach(stage => stage.Dispose());
        foreach (IDefense rule in _rules.Values)
        {
            rule.Dispose();
        }
    }

    private void Hear(object stageOrRule, int[] judgedAs)
    {
        foreach (Judgement judgement in (stageOrRule as IJudge)?.Judgements ?? [])
        {
            _judgements.Add(judgement with { Values = [.. judgedAs.Select(row => row < 0 ? double.NaN : judgement.Values[row])] });
        }
    }

    /// <summary>Follows the weights of the rule back through the stages to the clients.</summary>
    private static double[] SharesOf(ReadOnlySpan<float> weights, List<(PreAggregated Result, int RowsBefore)> results)
    {
        double[] shares = new double[weights.Length];
        for (int row = 0; row < shares.Length; row++)
        {
            shares[row] = weights[row];
        }

        return Enumerable.Reverse(results).Aggregate(shares, (after, stage) => stage.Result.Before(stage.RowsBefore, after));
    }

    private IDefense RuleFor(int rows, int removed)
    {
        if (!_rules.TryGetValue((rows, removed), out IDefense? rule))
        {
            Setting left = _setting with { Clients = rows, Removed = removed, Population = _setting.Population ?? _setting.Clients };
            _rules[(rows, removed)] = rule = _rule.Create(left);
        }

        return rule;
    }
}
