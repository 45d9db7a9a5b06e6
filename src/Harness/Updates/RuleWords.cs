// A rule with its stages and every parameter as it is used, in words.
using System.Globalization;
using FlGpu.Sim;

namespace FlGpu.Harness.Updates;

internal static class RuleWords
{
    private const string DefaultMark = "default: ";
    private const string OfTheSetting = "of the setting"; // how the catalogue says that a parameter is f

    /// <summary>The same for a rule and the stages in front of it, as in nnm(f=3) + krum(f=3, distance=squared).</summary>
    public static string Of(Choice<IDefense> choice, int malicious)
    {
        List<string> words = [];
        string f = malicious.ToString(CultureInfo.InvariantCulture);
        foreach (Choice<IPreAggregation> stage in choice.Stages)
        {
            words.Add(Of(stage.Kind, stage.Given, f));
            f += typeof(IDetection).IsAssignableFrom(stage.Kind.Constructor.DeclaringType) ? " less the rejected" : "";
        }

        return string.Join(" + ", [.. words, Of(choice.Kind, choice.Given, f)]);
    }

    /// <summary>The f that a choice is given, where all its parts that are given one agree; null otherwise.</summary>
    public static int? GivenF(Choice<IDefense> choice)
    {
        object?[] given = [.. choice.Stages.Select(stage => stage.Given.GetValueOrDefault("f")).Append(choice.Given.GetValueOrDefault("f")).Where(f => f is not null).Distinct()];
        return given is [int f] ? f : null;
    }

    private static string Of<T>(Listing<T> kind, IReadOnlyDictionary<string, object> given, string f)
    {
        string parameters = string.Join(", ", kind.Parameters
            .Select(parameter => (parameter.Name, Value: ValueOf(parameter, given, f)))
            .Where(pair => pair.Value is not null)
            .Select(pair => $"{pair.Name}={pair.Value}"));
        return parameters.Length > 0 ? $"{kind.Name}({parameters})" : kind.Name;
    }

    private static string? ValueOf(Parameter parameter, IReadOnlyDictionary<string, object> given, string f)
    {
        if ((given.GetValueOrDefault(parameter.Name) ?? parameter.Default) is { } value)
        {
            return Catalogue.ValueText(value);
        }

        // What follows from the setting is written in the parameter's help.
        int mark = parameter.About.IndexOf(DefaultMark, StringComparison.Ordinal);
        string? rule = mark < 0 ? null : parameter.About[(mark + DefaultMark.Length)..];
        return rule?.EndsWith(OfTheSetting, StringComparison.Ordinal) == true ? f : rule is null ? null : $"({rule})";
    }
}
