// Cases collected from the test suites of other systems, said in the words of the cases that come one a line.
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace FlGpu.Harness.Checking;

/// <summary>
/// Two documents: an array of {source, op, params, input, expected, tolerance}, and an object of parts, each a rule with inputs on
/// which its dialects differ.
/// </summary>
internal static partial class PeerCases
{
    private const double FloatPrecision = 1e-6;

    private static readonly Dictionary<string, Func<JsonElement, IEnumerable<AggregatorVector>>> s_parts = new()
    {
        ["krum"] = Krum,
        ["minmax"] = part => Gammas(part, part.GetProperty("benign"), "attack_min_max", ["exact_gamma", "ndss_search"],
            ("blades_std_search", "blades_std_search"), ("flanders_std_ddof0_search", "flanders_std_ddof0_search")),
        ["alie_z"] = AlieZ,
        ["rfa"] = Rfa,
        ["foolsgold"] = FoolsGold,
    };

    /// <summary>Whether this is the object of parts.</summary>
    public static bool IsParts(JsonElement root) =>
        root.ValueKind == JsonValueKind.Object && !root.TryGetProperty("op", out _) && s_parts.Keys.Any(part => root.TryGetProperty(part, out _));

    /// <summary>The cases of the object of parts.</summary>
    public static IEnumerable<AggregatorVector> OfParts(JsonElement root)
    {
        foreach ((string name, Func<JsonElement, IEnumerable<AggregatorVector>> read) in s_parts)
        {
            if (root.TryGetProperty(name, out JsonElement part))
            {
                foreach (AggregatorVector vector in Guarded(() => read(part).ToList()))
                {
                    yield return vector;
                }
            }
        }

        // Min-Sum's benign rows are those of Min-Max.
        if (root.TryGetProperty("minsum", out JsonElement sum) && root.TryGetProperty("minmax", out JsonElement max))
        {
            foreach (AggregatorVector vector in Guarded(() => Gammas(sum, max.GetProperty("benign"), "attack_min_sum", ["exact_gamma_min_rule"]).ToList()))
            {
                yield return vector;
            }

            foreach (AggregatorVector vector in Guarded(() => Gammas(sum, max.GetProperty("benign"), "attack_min_sum_max_rule", ["flpoison_max_rule"]).ToList()))
            {
                yield return vector;
            }
        }
    }

    /// <summary>One element of the array.</summary>
    public static AggregatorVector Of(JsonElement element) => Guarded(() =>
    {
        float[][] rows = Rows(element.GetProperty("input"));
        JsonElement expected = element.GetProperty("expected");
        bool refused = expected.ValueKind == JsonValueKind.String;
        Dictionary<string, JsonElement> given = element.GetProperty("params").EnumerateObject().ToDictionary(p => p.Name, p => p.Value.Clone());
        (string op, Dictionary<string, JsonElement> parameters, int[]? samples) =
            InOurWords(element.GetProperty("op").GetString()!, given, element.GetProperty("source").GetString()!, rows.Length);
        return Case(op, rows, refused ? new double[rows[0].Length] : [.. Flat(expected)], parameters) with
        {
            NumSamples = samples,
            Refused = refused,
            Tolerance = ToleranceOf(element.GetProperty("tolerance").GetString()!),
        };
    });

    private static (string Op, Dictionary<string, JsonElement> Parameters, int[]? Samples) InOurWords(
        string op, Dictionary<string, JsonElement> given, string source, int n)
    {
        JsonElement Get(string name) => given.TryGetValue(name, out JsonElement value) ? value : throw new JsonException($"{op} needs {name}");
        return op switch
        {
            "average" => ("mean", given, null),
            "median" => (op, Words(("even", "average")), null),
            "trimmed_mean" when given.ContainsKey("ratio") => ("trimmed_mean_ratio", given, null),
            "geometric_median_rfa" => ("geometric_median", Renamed(given, ("T", "iterations")), null),
            "geometric_median" => ("geometric_median_from_mean", Words(("nu", 1e-6), ("iterations", Get("maxIter"))), null),
            "centered_clipping" => (op, Renamed(given, ("L", "iterations")), null),
            "krum" => ("krum_dialect", KrumWords(given, source, n), null),
            "multi_krum" => ("multi_krum_dialect", new Dictionary<string, JsonElement>(KrumWords(given, source, n)) { ["keep"] = Kept(given, n) }, null),
            "clipping" => ("clip_rows", given, null),
            "sign_flip" => ("attack_sign_flip_mean", given, null),
            "ipm" => ("attack_ipm", Words(("epsilon", Get("tau"))), null),
            "alie" => ("attack_alie", Renamed(given, ("tau", "z")), null),
            "mimic" => ("attack_mimic", Words(("target", Get("epsilon"))), null),
            "inf" => ("attack_inf", given, null),
            "gaussian" => ("attack_gaussian", given, null),
            "fedavg_weighted" => ("fedavg", given, [.. Get("weights").EnumerateArray().Select(weight => weight.GetInt32())]),
            _ => (op, given, null),
        };
    }

    /// <summary>
    /// Krum's dialect. The number of neighbours is written out, as in max(1,n-f-2)=1, or follows from whose test it is: ByzFL's n-f-1,
    /// the paper's n-f-2, of which Flower takes at least one.
    /// </summary>
    private static Dictionary<string, JsonElement> KrumWords(Dictionary<string, JsonElement> given, string source, int n)
    {
        int f = given["f"].GetInt32();
        int count = given.TryGetValue("neighbours", out JsonElement written) ? AfterEquals(written)
            : source.Contains("byzfl", StringComparison.OrdinalIgnoreCase) ? n - f - 1
            : source.Contains("flower", StringComparison.OrdinalIgnoreCase) ? Math.Max(1, n - f - 2)
            : n - f - 2;
        int others = n - f - count;
        return Words(("f", f), ("distance", "squared"), ("neighbours", others == 0 ? "n-f" : $"n-f-{others}"));
    }

    /// <summary>Updates that Multi-Krum keeps: m, or n - f.</summary>
    private static JsonElement Kept(Dictionary<string, JsonElement> given, int n) =>
        JsonSerializer.SerializeToElement(given.TryGetValue("m", out JsonElement m) ? AfterEquals(m) : n - given["f"].GetInt32());

    /// <summary>2, or the 2 of "n-f=2".</summary>
    private static int AfterEquals(JsonElement element) =>
        element.ValueKind == JsonValueKind.Number ? element.GetInt32() : int.Parse(element.GetString()!.Split('=')[^1], CultureInfo.InvariantCulture);

    private static IEnumerable<AggregatorVector> Krum(JsonElement part)
    {
        float[][] rows = Rows(part.GetProperty("input"));
        foreach (JsonProperty dialect in part.GetProperty("selected").EnumerateObject())
        {
            // "n-f-2 incl. self => n-f-3 squared (who)": the last number of neighbours is the one without the update itself.
            string name = dialect.Name.Split('(')[0];
            string distance = name.Contains("4th", StringComparison.Ordinal) ? "fourth_power" : name.Contains("plain", StringComparison.Ordinal) ? "euclidean" : "squared";
            yield return Case("krum_dialect", rows, [.. rows[dialect.Value.GetInt32()].Select(x => (double)x)],
                Words(("f", part.GetProperty("f")), ("distance", distance), ("neighbours", NeighbourCount().Matches(name)[^1].Value)));
        }
    }

    /// <summary>The row that a gamma makes: the mean of the benign rows plus gamma times a deviation that points away from it.</summary>
    private static IEnumerable<AggregatorVector> Gammas(
        JsonElement part, JsonElement benign, string op, string[] groups, params (string Name, string Op)[] others)
    {
        float[][] rows = Rows(benign);
        double[] mean = [.. Enumerable.Range(0, rows[0].Length).Select(k => rows.Average(row => (double)row[k]))];
        double norm = Math.Sqrt(mean.Sum(x => x * x));
        foreach (JsonProperty gamma in groups.SelectMany(group => part.GetProperty(group).EnumerateObject()))
        {
            string kind = gamma.Name.Split('_')[0];
            double Deviation(int k) => kind switch
            {
                "unit" => -mean[k] / norm,
                "sign" => -Math.Sign(mean[k]),
                _ => -Math.Sqrt(rows.Sum(row => (row[k] - mean[k]) * (row[k] - mean[k])) / (rows.Length - 1)),
            };
            yield return Case(op, rows, [.. mean.Select((x, k) => x + (gamma.Value.GetDouble() * Deviation(k)))], Words(("direction", kind == "std" ? "deviation" : kind)));
        }

        foreach ((string name, string other) in others)
        {
            yield return Case(other, rows, mean, []);
        }
    }

    /// <summary>ALIE's z of n and f: honest rows of mean 0 and deviation 1 make the malicious ones z itself.</summary>
    private static IEnumerable<AggregatorVector> AlieZ(JsonElement part)
    {
        foreach (JsonElement element in part.EnumerateArray())
        {
            int f = element.GetProperty("f").GetInt32();
            int honest = element.GetProperty("n").GetInt32() - f;
            double deviation = Math.Sqrt(honest * (honest + 1) / 12.0);
            float[][] rows = [.. Enumerable.Range(0, honest).Select(i => new[] { (float)((i - ((honest - 1) / 2.0)) / deviation) })];
            yield return Case("alie_z", rows, [element.GetProperty("paper_ppf").GetDouble()], []) with { Malicious = f };
            yield return Case("alie_z_phi_of_p", rows, [element.GetProperty("phi_of_p_bug").GetDouble()], []) with { Malicious = f };
        }
    }

    private static IEnumerable<AggregatorVector> Rfa(JsonElement part)
    {
        float[][] rows = Rows(part.GetProperty("input"));
        foreach (JsonProperty result in part.EnumerateObject().Where(property => property.Name != "input"))
        {
            Match match = RfaDialect().Match(result.Name);
            Dictionary<string, JsonElement> words = match.Success
                ? Words(("iterations", int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture)), ("nu", double.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture)))
                : Words(("iterations", 1000), ("nu", 1e-6));
            yield return Case("geometric_median", rows, [.. Flat(result.Value)], words);
        }
    }

    private static IEnumerable<AggregatorVector> FoolsGold(JsonElement part)
    {
        float[][] rows = Rows(part.GetProperty("history"));
        foreach (JsonProperty weights in part.GetProperty("weights").EnumerateObject())
        {
            string op = weights.Name.StartsWith("RAID20", StringComparison.Ordinal) ? "foolsgold_weights" : "foolsgold_other_epsilon";
            yield return Case(op, rows, [.. Flat(weights.Value)], []);
        }
    }

    private static AggregatorVector Case(string op, float[][] rows, double[] output, Dictionary<string, JsonElement> parameters) =>
        new(op, parameters, rows.Length, rows[0].Length, [.. rows.SelectMany(row => row)], null, output);

    private static Dictionary<string, JsonElement> Words(params (string Name, object Value)[] words) =>
        words.ToDictionary(word => word.Name, word => word.Value is JsonElement element ? element.Clone() : JsonSerializer.SerializeToElement(word.Value));

    private static Dictionary<string, JsonElement> Renamed(Dictionary<string, JsonElement> given, (string Theirs, string Ours) name) =>
        given.ToDictionary(pair => pair.Key == name.Theirs ? name.Ours : pair.Key, pair => pair.Value);

    private static float[][] Rows(JsonElement input)
    {
        float[][] rows = [.. input.EnumerateArray().Select(row => Flat(row).Select(x => (float)x).ToArray())];
        return rows.Length > 0 && rows[0].Length > 0 && rows.All(row => row.Length == rows[0].Length) ? rows : throw new JsonException("an input needs rows of one length");
    }

    /// <summary>The numbers of nested arrays, of which some may be the text inf, -inf or nan.</summary>
    private static IEnumerable<double> Flat(JsonElement element) => element.ValueKind switch
    {
        JsonValueKind.Array => element.EnumerateArray().SelectMany(Flat),
        JsonValueKind.String => [element.GetString() switch
        {
            "inf" or "Infinity" => double.PositiveInfinity,
            "-inf" or "-Infinity" => double.NegativeInfinity,
            "nan" or "NaN" => double.NaN,
            string other => throw new JsonException($"'{other}' is no number"),
            null => throw new JsonException("null is no number"),
        }],
        _ => [element.GetDouble()],
    };

    /// <summary>"rtol 1e-5" is relative, other numbers absolute; "exact" and the like are what single precision allows.</summary>
    private static Tolerance ToleranceOf(string text)
    {
        Match number = Power().Match(text);
        double value = number.Success ? double.Parse(number.Value, CultureInfo.InvariantCulture) : text == "allclose" ? 1e-4 : 0;
        bool relative = text.StartsWith("rtol", StringComparison.Ordinal);
        return new(Math.Max(FloatPrecision, relative ? value : 0), FloatPrecision, relative ? 0 : value);
    }

    private static T Guarded<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception incomplete) when (incomplete is KeyNotFoundException or InvalidOperationException or FormatException or ArgumentException or IndexOutOfRangeException)
        {
            throw new JsonException($"a case lacks something: {incomplete.Message}");
        }
    }

    [GeneratedRegex(@"n-f(-\d)?")]
    private static partial Regex NeighbourCount();

    [GeneratedRegex(@"^T(\d+) nu([\d.]+)")]
    private static partial Regex RfaDialect();

    [GeneratedRegex(@"1e-\d+")]
    private static partial Regex Power();
}
