// What a rule or a stage can say, beyond weights, about the clients of a round.
namespace FlGpu.Sim;

/// <summary>A number by which the rows of a round were judged.</summary>
/// <param name="Name">In snake case, as in a CSV's column.</param>
/// <param name="Values">One a row, the lower the better; NaN where a row was not judged.</param>
/// <param name="Limit">A row above it stands out; null where rows are only compared with one another.</param>
public sealed record Judgement(string Name, IReadOnlyList<double> Values, double? Limit = null);

/// <summary>A rule or a stage that can say why it kept whom it kept.</summary>
public interface IJudge
{
    /// <summary>By what the rows of the last round were judged; empty before the first.</summary>
    IReadOnlyList<Judgement> Judgements { get; }

    /// <summary>
    /// The part of each client's update in the last aggregate where stages mix updates before a rule weighs them; null where the weights
    /// of the rule say it, or nothing can.
    /// </summary>
    IReadOnlyList<double>? Shares => null;
}
