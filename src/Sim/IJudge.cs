// What a rule or a stage can say, beyond weights, about the clients of a round.
namespace FlGpu.Sim;

/// <summary>A number by which the rows of a round were judged.</summary>
/// <param name="Name">In snake case, as in a CSV's column.</param>
/// <param name="Values">One a row, the lower the better; NaN where a row was not judged.</param>
/// <param name="Limit">A row above it stands out; null where rows are only compared with one another.</param>
public sealed record Judgement(string Name, IReadOnlyList<double> Values, double? Limit = null)
{
    /// <summary>Whether the values say no more than yes, 1, or no, 0.</summary>
    public bool YesOrNo { get; private init; }

    /// <summary>What is so of some rows and not of the others.</summary>
    /// <param name="name">What is so.</param>
    /// <param name="rows">How many rows there are.</param>
    /// <param name="yes">Those of which it is so.</param>
    public static Judgement Of(string name, int rows, IEnumerable<int> yes)
    {
        double[] values = new double[rows];
        foreach (int row in yes)
        {
            values[row] = 1;
        }

        return new(name, values, Limit: 0) { YesOrNo = true };
    }
}

/// <summary>A rule or a stage that can say why it kept whom it kept.</summary>
public interface IJudge
{
    /// <summary>By what the rows of the last round were judged; without meaning before the first.</summary>
    IReadOnlyList<Judgement> Judgements { get; }

    /// <summary>
    /// The part of each client's update in the last aggregate where stages mix or scale updates before a rule weighs them; null where the
    /// weights of the rule say it, or nothing can.
    /// </summary>
    IReadOnlyList<double>? Shares => null;
}
