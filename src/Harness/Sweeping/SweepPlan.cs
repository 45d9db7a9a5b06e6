// What a sweep runs: the axes and everything that stays the same. This is sweep.json.
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Sweeping;

/// <summary>The product of its lists is the list of cases.</summary>
public sealed record SweepPlan
{
    private static readonly JsonSerializerOptions s_format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        WriteIndented = true,
        NewLine = "\n",
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>A named setting: "tutorial" or null.</summary>
    public string? Preset { get; init; }

    /// <summary>Attacks, each as in label_flip:poison_ratio=0.5.</summary>
    public IReadOnlyList<string> Attacks { get; init; } = ["none", "label_flip", "sign_flip"];

    /// <summary>Defenses, each as in krum:f=4.</summary>
    public IReadOnlyList<string> Defenses { get; init; } = ["none", "median", "trimmed_mean", "krum", "multi_krum", "norm_clip"];

    /// <summary>The data set.</summary>
    public string Data { get; init; } = "digits";

    /// <summary>How its samples are dealt to clients.</summary>
    public string Partition { get; init; } = "iid";

    /// <summary>Numbers of clients.</summary>
    public IReadOnlyList<int> Clients { get; init; } = [10];

    /// <summary>Malicious clients: a count or a share.</summary>
    public string Malicious { get; init; } = "0.2";

    /// <summary>Which number of malicious clients defenses are told: config or round.</summary>
    public string F { get; init; } = "config";

    /// <summary>Clients sampled a round; null for all.</summary>
    public int? ClientsPerRound { get; init; }

    /// <summary>Rounds a run.</summary>
    public int Rounds { get; init; } = 30;

    /// <summary>Passes of a client over its samples.</summary>
    public int LocalEpochs { get; init; } = 2;

    /// <summary>Samples a step.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Step size.</summary>
    public double LearningRate { get; init; } = 0.01;

    /// <summary>Widths of the hidden layers.</summary>
    public IReadOnlyList<int> Hidden { get; init; } = [64];

    /// <summary>Seeds; a run each.</summary>
    public IReadOnlyList<ulong> Seeds { get; init; } = [1, 2, 3, 4, 5, 6, 7, 8];

    /// <summary>Backends.</summary>
    public IReadOnlyList<string> Backends { get; init; } = ["auto"];

    /// <summary>What is aggregated.</summary>
    internal UpdateSpace Space => Preset == TutorialPreset.Name ? UpdateSpace.States : UpdateSpace.Updates;

    /// <summary>What `flgpu compare` runs: the tutorial's setting in the research convention.</summary>
    public static SweepPlan Compare { get; } = new() { Data = "synthetic", Malicious = "2", ClientsPerRound = 10 };

    /// <summary>What `flgpu compare --preset tutorial` runs: its compare_defenses, with every attack and defense that it has.</summary>
    public static SweepPlan Tutorial { get; } = Compare with
    {
        Preset = TutorialPreset.Name,
        Attacks = ["none", "label_flip", "random_noise", "gradient_scale", "sign_flip"],
    };

    /// <summary>
    /// What `flgpu sweep` runs: real data, and steps large enough that a federation of up to 100 clients learns it in a
    /// few rounds. A flipped sign alone leaves FedAvg 60 % of its step; five times the step turns it round.
    /// </summary>
    public static SweepPlan Quickstart { get; } = new()
    {
        Attacks = ["none", "label_flip", "sign_flip:scale_factor=5"],
        Defenses = ["none", "median", "trimmed_mean", "krum", "multi_krum", "norm_clip:clip=1"],
        Clients = [10, 20, 50, 100],
        LearningRate = 0.3,
        BatchSize = 8,
        Seeds = [1, 2, 3],
    };

    /// <summary>Reads sweep.json; what it does not say is as in <see cref="Quickstart"/>.</summary>
    /// <exception cref="InputException">It cannot be read, or holds something unknown.</exception>
    public static SweepPlan Read(string path)
    {
        try
        {
            // Keys that are missing keep their defaults; the file is laid over the default plan.
            var defaults = JsonSerializer.SerializeToNode(Quickstart, s_format)!.AsObject();
            var options = new JsonDocumentOptions { CommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true };
            if (JsonNode.Parse(File.ReadAllText(path), documentOptions: options) is not JsonObject given)
            {
                throw new InputException($"--config {path}: an object is expected");
            }

            foreach (string key in given.Select(pair => pair.Key).ToArray())
            {
                JsonNode? value = given[key];
                given.Remove(key);
                defaults[key] = value;
            }

            SweepPlan plan = JsonSerializer.Deserialize<SweepPlan>(defaults, s_format)!;
            (string Key, IReadOnlyList<string?> Names)[] lists = [("attacks", plan.Attacks), ("defenses", plan.Defenses), ("backends", plan.Backends)];
            return lists.FirstOrDefault(list => list.Names.Contains(null)).Key is { } holder
                ? throw new InputException($"--config {path}: {holder} holds null; allowed are names")
                : plan;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or JsonException or ArgumentException)
        {
            throw new InputException($"--config {path}: {unreadable.Message}");
        }
    }

    /// <summary>The plan as sweep.json.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, s_format) + "\n";
}
