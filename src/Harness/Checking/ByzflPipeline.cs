// The defense that one of ByzFL's attacks searches against, said in this program's words.
using System.Text.Json;
using System.Text.RegularExpressions;
using FlGpu.Kernels;

namespace FlGpu.Harness.Checking;

/// <summary>
/// ByzFL names a rule and the stages in front of it as Python does: TrMean(f=1), Clipping(2.0). Parameters without a name are in the order
/// of the places here, defaults are ByzFL's.
/// </summary>
internal static partial class ByzflPipeline
{
    private static readonly Dictionary<string, string> s_inOurWords = new(StringComparer.OrdinalIgnoreCase)
    {
        ["Average"] = "none:weighting=uniform",
        ["Median"] = "median",
        ["TrMean"] = "trimmed_mean:f={f=0}",
        ["GeometricMedian"] = "geometric_median:nu={nu=0.1},iterations={T=3}",
        ["Krum"] = "krum:f={f=0},neighbours=n-f-1",
        ["MultiKrum"] = "multi_krum:f={f=0},neighbours=n-f-1",
        ["MDA"] = "mda:f={f=0}",
        ["MoNNA"] = "monna:f={f=0},idx={idx=0}",
        ["Meamed"] = "meamed:f={f=0}",
        ["NNM"] = "nnm:f={f=0}",
        ["Clipping"] = "clipping:c={c=2.0}",
        ["ARC"] = "arc:f={f=0}",
    };

    private static readonly Dictionary<string, string> s_unmatched = new(StringComparer.OrdinalIgnoreCase)
    {
        ["CenteredClipping"] = "searched against centered clipping, which in ByzFL remembers each trial of the search in the next",
        ["SMEA"] = "searched against SMEA, whose eigenvalues start from random vectors in ByzFL",
        ["CAF"] = "searched against CAF, whose eigenvectors start from random vectors in ByzFL",
        ["Bucketing"] = "searched against bucketing, which shuffles at random",
    };

    /// <summary>The rule of <c>agg</c> behind the stages of <c>pre</c>.</summary>
    /// <exception cref="NotSupportedException">It cannot be set up; the message says why.</exception>
    /// <exception cref="InputException">They are not written so.</exception>
    public static string Of(IReadOnlyDictionary<string, JsonElement> given)
    {
        if (!given.TryGetValue("agg", out JsonElement rule))
        {
            throw new InputException("--vectors: a case of an attack that searches lacks agg, the rule that it searches against");
        }

        IEnumerable<JsonElement> stages = given.TryGetValue("pre", out JsonElement pre) && pre.ValueKind == JsonValueKind.Array ? pre.EnumerateArray() : [];
        return string.Join('+', stages.Append(rule).Select(InOurWords));
    }

    private static string InOurWords(JsonElement element)
    {
        Match call = Call().Match(element.ValueKind == JsonValueKind.String ? element.GetString()! : "");
        if (!call.Success)
        {
            throw new InputException($"--vectors: '{element}' is no rule or stage such as TrMean(f=1)");
        }

        string name = call.Groups[1].Value;
        if (!s_inOurWords.TryGetValue(name, out string? template))
        {
            throw new NotSupportedException(s_unmatched.GetValueOrDefault(name, $"searched against {name}, which nothing here is"));
        }

        IReadOnlyList<string> places = Template.Names(template);
        string[] arguments = call.Groups[2].Value.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        Dictionary<string, string> values = [];
        for (int i = 0; i < arguments.Length; i++)
        {
            string[] sides = arguments[i].Split('=', 2, StringSplitOptions.TrimEntries);
            string parameter = sides.Length == 2 ? sides[0] : i < places.Count ? places[i] : "";
            if (!places.Contains(parameter))
            {
                throw new NotSupportedException($"searched against {element}, of which {arguments[i]} cannot be set here");
            }

            values[parameter] = sides[^1];
        }

        return Template.Fill(template, name, values);
    }

    [GeneratedRegex(@"^\s*(\w+)\s*(?:\(([^()]*)\))?\s*$")]
    private static partial Regex Call();
}
