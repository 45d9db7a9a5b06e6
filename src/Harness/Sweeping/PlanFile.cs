// Reads sweep.json. Every error says where in the file it is, what is there and what is allowed.
using System.Globalization;
using System.Text.Json;
using FlGpu.Harness.CommandLine;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Sweeping;

/// <summary>The keys of sweep.json; the same ones, with the same values, are in sweep.schema.json.</summary>
internal static class PlanFile
{
    private static readonly Dictionary<string, Func<SweepPlan, Value, SweepPlan>> s_keys = new()
    {
        ["$schema"] = (plan, value) =>
        {
            value.Text(); // for editors; any text will do
            return plan;
        },
        ["preset"] = (plan, value) => plan with { Preset = value.IsNull ? null : value.OneOf(TutorialPreset.Name) },
        ["attacks"] = (plan, value) => plan with { Attacks = value.List(entry => entry.Names<IAttack>()) },
        ["defenses"] = (plan, value) => plan with { Defenses = value.List(entry => entry.Names<IDefense>(), least: 0) },
        ["pre_aggregations"] = (plan, value) => plan with { PreAggregations = value.List(entry => entry.Stages()) },
        ["data"] = (plan, value) => plan with { Data = value.List(entry => entry.Name<IDataSource>()) },
        ["partition"] = (plan, value) => plan with { Partition = value.List(entry => entry.Name<IPartition>()) },
        ["clients"] = (plan, value) => plan with { Clients = value.List(entry => entry.WholeNumber()) },
        ["malicious"] = (plan, value) => plan with { Malicious = value.List(entry => entry.CountOrShare()) },
        ["f"] = (plan, value) => plan with { F = value.OneOf("config", "round") },
        ["clients_per_round"] = (plan, value) => plan with { ClientsPerRound = value.IsNull ? null : value.WholeNumber() },
        ["rounds"] = (plan, value) => plan with { Rounds = value.WholeNumber() },
        ["local_epochs"] = (plan, value) => plan with { LocalEpochs = value.List(entry => entry.WholeNumber()) },
        ["batch_size"] = (plan, value) => plan with { BatchSize = value.WholeNumber() },
        ["learning_rate"] = (plan, value) => plan with { LearningRate = value.List(entry => entry.PositiveNumber()) },
        ["models"] = (plan, value) => plan with { Models = value.List(entry => entry.Model()) },
        // The older spelling, for perceptrons alone.
        ["hidden"] = (plan, value) => plan with { Models = [.. value.HiddenWidths().Select(widths => ModelChoice.Parse(value.Path, ModelChoice.Perceptron(widths).Text).Text)] },
        ["seeds"] = (plan, value) => plan with { Seeds = value.List(entry => entry.Seed()) },
        ["seeds_at_once"] = (plan, value) => plan with { SeedsAtOnce = value.WholeNumber() },
        ["backends"] = (plan, value) => plan with { Backends = value.List(entry => entry.Backend()) },
        ["memory_limit"] = (plan, value) => plan with { MemoryLimit = value.IsNull ? null : value.Size() },
        ["parameters"] = (plan, value) => plan with { Parameters = value.List(entry => entry.WholeNumber()) },
        ["operations"] = (plan, value) => plan with { Operations = value.List(entry => entry.Operation(), least: 0) },
        ["quick"] = (plan, value) => plan with { Quick = value.Flag() },
        ["longest_call_s"] = (plan, value) => plan with { LongestCallS = value.IsNull ? null : value.PositiveNumber() },
    };

    /// <summary>Every key that a plan may have.</summary>
    public static IReadOnlyCollection<string> Keys => s_keys.Keys;

    /// <summary>The JSON schema of sweep.json, as published in the repository.</summary>
    public static string Schema()
    {
        using Stream resource = typeof(PlanFile).Assembly.GetManifestResourceStream("sweep.schema.json")!;
        using var text = new StreamReader(resource);
        return text.ReadToEnd();
    }

    /// <summary>Lays a file over <paramref name="defaults"/>.</summary>
    /// <exception cref="InputException">It cannot be read, or holds something unknown.</exception>
    public static SweepPlan Read(string path, SweepPlan defaults)
    {
        try
        {
            var options = new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true, AllowDuplicateProperties = false };
            using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path), options);
            return Read(document.RootElement, defaults);
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or JsonException or ArgumentException or InputException)
        {
            throw new InputException($"--config {path}: {unreadable.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static SweepPlan Read(JsonElement root, SweepPlan plan)
    {
        if (root.ValueKind != JsonValueKind.Object)
        {
            throw new InputException("an object is expected, as in {\"clients\": [10, 100]}");
        }

        HashSet<string> given = [.. root.EnumerateObject().Select(property => property.Name)];
        if (given.FirstOrDefault(key => !s_keys.ContainsKey(key)) is { } unknown)
        {
            string nearest = s_keys.Keys.MinBy(key => Edits(unknown, key))!;
            string suggestion = Edits(unknown, nearest) <= Math.Max(2, unknown.Length / 2) ? $"; did you mean {nearest}?" : ";";
            throw new InputException($"$.{unknown} is unknown{suggestion} Allowed are {string.Join(", ", s_keys.Keys)}");
        }

        bool times = given.Contains("parameters");
        if ((times ? SweepPlan.TrainingKeys : SweepPlan.TimingKeys).FirstOrDefault(given.Contains) is { } misplaced)
        {
            throw new InputException(times
                ? $"$.{misplaced} is of no use with $.parameters: such a plan times defenses on random updates and trains nothing"
                : $"$.{misplaced} needs $.parameters, the sizes of the updates to time");
        }

        if (given.Contains("models") && given.Contains("hidden"))
        {
            throw new InputException("$.models and $.hidden are both given, and both say which models are trained; [[64], []] as hidden is [\"mlp:64\", \"softmax\"] as models");
        }

        foreach (JsonProperty property in root.EnumerateObject())
        {
            plan = s_keys[property.Name](plan, new(property.Value, $"$.{property.Name}"));
        }

        return plan.Defenses.Count > 0 || plan.Operations.Count > 0
            ? plan
            : throw new InputException("$.defenses is []; allowed is at least one value, or none where $.operations are timed");
    }

    /// <summary>Levenshtein's distance: single letters to insert, delete or replace.</summary>
    private static int Edits(string from, string to)
    {
        int[] row = [.. Enumerable.Range(0, to.Length + 1)];
        for (int i = 1; i <= from.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= to.Length; j++)
            {
                (diagonal, row[j]) = (row[j], Math.Min(Math.Min(row[j], row[j - 1]) + 1, diagonal + (from[i - 1] == to[j - 1] ? 0 : 1)));
            }
        }

        return row[^1];
    }

    /// <summary>A value and where it is in the file.</summary>
    private readonly record struct Value(JsonElement Element, string Path)
    {
        public bool IsNull => Element.ValueKind == JsonValueKind.Null;

        /// <summary>A list; a value alone is a list of one.</summary>
        public IReadOnlyList<T> List<T>(Func<Value, T> read, int least = 1)
        {
            if (Element.ValueKind != JsonValueKind.Array)
            {
                return [read(this)];
            }

            string path = Path;
            T[] values = [.. Element.EnumerateArray().Select((element, i) => read(new(element, $"{path}[{i}]")))];
            return values.Length >= least ? values : throw Refused("at least one value");
        }

        public string Text() => Element.ValueKind == JsonValueKind.String ? Element.GetString()! : throw Refused("a text");

        public bool Flag() => Element.ValueKind is JsonValueKind.True or JsonValueKind.False ? Element.GetBoolean() : throw Refused("true or false");

        public string OneOf(params string[] allowed) =>
            Element.ValueKind == JsonValueKind.String && allowed.Contains(Element.GetString()) ? Element.GetString()! : throw Refused($"\"{string.Join("\" or \"", allowed)}\"");

        public int WholeNumber() => Integer(1, int.MaxValue) is { } value ? (int)value : throw Refused("a whole number from 1 on");

        public ulong Seed() => Integer(0, ulong.MaxValue) is { } value ? (ulong)value : throw Refused("a whole number from 0 on");

        // To JSON 10, 10.0 and 1e1 are the same number.
        private decimal? Integer(decimal least, decimal most) =>
            Element.ValueKind == JsonValueKind.Number && Element.TryGetDecimal(out decimal value) && decimal.IsInteger(value) && value >= least && value <= most ? value : null;

        public double PositiveNumber() =>
            Element.ValueKind == JsonValueKind.Number && Element.TryGetDouble(out double value) && (float)value > 0 && float.IsFinite((float)value)
                ? value
                : throw Refused("a number above 0 that single precision holds");

        /// <summary>A size in bytes, as it was written.</summary>
        public string Size()
        {
            string text = Element.ValueKind == JsonValueKind.String ? Element.GetString()! : Element.GetRawText();
            OptionText.Bytes(Path, text);
            return text;
        }

        public string Backend()
        {
            string text = Text();
            return Backends.IsName(text) ? text : throw Refused(Backends.Names);
        }

        /// <summary>As a text, whether it was written as one or as a number.</summary>
        public string CountOrShare()
        {
            string? text = Element.ValueKind switch
            {
                JsonValueKind.String => Element.GetString(),
                JsonValueKind.Number => Element.GetDouble().ToString(CultureInfo.InvariantCulture),
                _ => null,
            };
            try
            {
                // Whether it fits the number of clients is seen later; here any number of them will do.
                OptionText.CountOrShare(Path, text ?? "", int.MaxValue);
                return text!;
            }
            catch (InputException)
            {
                throw Refused("a count such as 2, a share from 0 to below 1 such as 0.2, or all but some such as \"n-10\"");
            }
        }

        public string Model() => ModelChoice.Parse(Path, Text()).Text;

        /// <summary>Perceptrons: the widths of one, [128, 64], or a list of such lists, [[64], [128, 64], []].</summary>
        public IReadOnlyList<IReadOnlyList<int>> HiddenWidths()
        {
            if (Element.ValueKind != JsonValueKind.Array)
            {
                throw Refused("widths of hidden layers such as [128, 64], or a list of such lists, one a model");
            }

            return Element.EnumerateArray().Any(element => element.ValueKind == JsonValueKind.Array)
                ? List(model => model.Element.ValueKind == JsonValueKind.Array
                    ? model.List(width => width.WholeNumber(), least: 0)
                    : throw model.Refused("a list of widths, like its neighbours"))
                : [List(width => width.WholeNumber(), least: 0)];
        }

        public string Name<T>() where T : class
        {
            string text = Text();
            Catalogue.Parse<T>(Path, text);
            return text;
        }

        public string Names<T>() where T : class
        {
            string text = Text();
            Catalogue.ParseList<T>(Path, text);
            return text;
        }

        public string Stages()
        {
            string text = Text();
            SweepCases.StagesOf(Path, text);
            return text;
        }

        public string Operation()
        {
            string text = Text();
            SweepCases.OperationsOf(Path, [text]);
            return text;
        }

        private InputException Refused(string allowed) => new($"{Path} is {Element.GetRawText()}; allowed is {allowed}");
    }
}
