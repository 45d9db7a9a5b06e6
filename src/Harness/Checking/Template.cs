// Text with places for a case's parameters, as in krum:f={f},neighbours={neighbours=n-f-1}.
using System.Text.RegularExpressions;
using FlGpu.Kernels;

namespace FlGpu.Harness.Checking;

/// <summary>A place is {name} where the parameter must be given, {name=default} where it may be left out.</summary>
internal static partial class Template
{
    /// <summary>The names of the places, in order.</summary>
    public static IReadOnlyList<string> Names(string template) => [.. Place().Matches(template).Select(place => place.Groups[1].Value)];

    /// <summary>The text with every place filled.</summary>
    /// <exception cref="InputException">A parameter without a default is missing.</exception>
    public static string Fill(string template, string what, IReadOnlyDictionary<string, string> given) =>
        Place().Replace(template, place =>
            given.TryGetValue(place.Groups[1].Value, out string? value) ? value
            : place.Groups[2].Success ? place.Groups[2].Value
            : throw new InputException($"--vectors: a case of {what} lacks {place.Groups[1].Value}; it needs {string.Join(", ", Names(template))}"));

    [GeneratedRegex(@"\{(\w+)(?:=([^}]*))?\}")]
    private static partial Regex Place();
}
