// What a sweep runs: the axes and everything that stays the same. This is sweep.json.
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using FlGpu.Harness.Measuring;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Sweeping;

/// <summary>The product of its lists is the list of cases.</summary>
public sealed record SweepPlan
{
    /// <summary>The name of the file that holds a plan, in a sweep's folder.</summary>
    public const string FileName = "sweep.json";

    /// <summary>In place of a pre-aggregation: none.</summary>
    public const string NoStage = "none";

    /// <summary>A named setting: "tutorial" or null.</summary>
    public string? Preset { get; init; }

    /// <summary>Attacks, each as in label_flip:poison_ratio=0.5.</summary>
    public IReadOnlyList<string> Attacks { get; init; } = ["none", "label_flip", "sign_flip"];

    /// <summary>Defenses, each as in krum:f=4.</summary>
    public IReadOnlyList<string> Defenses { get; init; } = ["none", "median", "trimmed_mean", "krum", "multi_krum", "norm_clip"];

    /// <summary>Stages in front of every defense, each as in nnm or clipping:c=1+nnm; "none" for the defense alone.</summary>
    public IReadOnlyList<string> PreAggregations { get; init; } = [NoStage];

    /// <summary>Data sets.</summary>
    public IReadOnlyList<string> Data { get; init; } = ["digits"];

    /// <summary>How samples are dealt to clients.</summary>
    public IReadOnlyList<string> Partition { get; init; } = ["iid"];

    /// <summary>Numbers of clients.</summary>
    public IReadOnlyList<int> Clients { get; init; } = [10];

    /// <summary>Malicious clients: counts, shares or all but some.</summary>
    public IReadOnlyList<string> Malicious { get; init; } = ["0.2"];

    /// <summary>Which number of malicious clients defenses are told: config or round.</summary>
    public string F { get; init; } = "config";

    /// <summary>Clients sampled a round; null for all.</summary>
    public int? ClientsPerRound { get; init; }

    /// <summary>Rounds a run.</summary>
    public int Rounds { get; init; } = 30;

    /// <summary>Passes of a client over its samples.</summary>
    public IReadOnlyList<int> LocalEpochs { get; init; } = [2];

    /// <summary>Samples a step.</summary>
    public int BatchSize { get; init; } = 32;

    /// <summary>Step sizes.</summary>
    public IReadOnlyList<double> LearningRate { get; init; } = [0.01];

    /// <summary>Models, each as in mlp:64 or cnn.</summary>
    public IReadOnlyList<string> Models { get; init; } = ["mlp:64"];

    /// <summary>Seeds; a run each.</summary>
    public IReadOnlyList<ulong> Seeds { get; init; } = [1, 2, 3, 4, 5, 6, 7, 8];

    /// <summary>Seeds whose runs share launches; 1 for runs one after another.</summary>
    public int SeedsAtOnce { get; init; } = 1;

    /// <summary>Backends.</summary>
    public IReadOnlyList<string> Backends { get; init; } = ["auto"];

    /// <summary>Memory that a case may take, as in 512MiB or 2GiB; null for what there is.</summary>
    public string? MemoryLimit { get; init; }

    /// <summary>Numbers of parameters to time defenses and operations with, on random updates; with any of them nothing is trained.</summary>
    public IReadOnlyList<int> Parameters { get; init; } = [];

    /// <summary>Operations to time beside the defenses.</summary>
    public IReadOnlyList<string> Operations { get; init; } = [];

    /// <summary>Whether timings are taken with fewer samples.</summary>
    public bool Quick { get; init; }

    /// <summary>Seconds that a timed call may take: cases reckoned to take longer are not run. Null for any.</summary>
    public double? LongestCallS { get; init; }

    /// <summary>Whether this plan times defenses on random updates instead of training.</summary>
    internal bool Times => Parameters.Count > 0;

    /// <summary>How timings are taken.</summary>
    internal Protocol Protocol => Quick ? Protocol.Quick : new();

    /// <summary>What is aggregated.</summary>
    internal UpdateSpace Space => Preset == TutorialPreset.Name ? UpdateSpace.States : UpdateSpace.Updates;

    /// <summary>The keys that mean nothing to a plan that times.</summary>
    internal static IReadOnlyList<string> TrainingKeys { get; } =
    [
        "preset", "attacks", "data", "partition", "f", "clients_per_round", "rounds", "local_epochs", "batch_size", "learning_rate", "models", "hidden", "seeds",
        "seeds_at_once",
    ];

    /// <summary>The keys that mean nothing to a plan that trains.</summary>
    internal static IReadOnlyList<string> TimingKeys { get; } = ["parameters", "operations", "quick", "longest_call_s"];

    /// <summary>What `flgpu compare` runs: the tutorial's setting in the research convention.</summary>
    public static SweepPlan Compare { get; } = new() { Data = ["synthetic"], Malicious = ["2"], ClientsPerRound = 10 };

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
        LearningRate = [0.3],
        BatchSize = 8,
        Seeds = [1, 2, 3],
    };

    /// <summary>Reads sweep.json; what it does not say is as in <see cref="Quickstart"/>.</summary>
    /// <exception cref="InputException">It cannot be read, or holds something unknown.</exception>
    public static SweepPlan Read(string path) => PlanFile.Read(path, Quickstart);

    /// <summary>The plan as sweep.json.</summary>
    /// <param name="schema">Where its JSON schema is, for editors; null to say nothing of it.</param>
    public string ToJson(string? schema = null)
    {
        JsonObject plan = ToNode();
        if (schema is not null)
        {
            plan.Insert(0, "$schema", schema);
        }

        return plan.ToJsonString(Json.Format) + "\n";
    }

    /// <summary>What <paramref name="other"/> has otherwise, as "rounds: 30 here, 20 there"; empty when the plans are the same.</summary>
    public IReadOnlyList<string> Differences(SweepPlan other)
    {
        JsonObject ours = ToNode();
        JsonObject theirs = other.ToNode();
        return
        [
            .. ours.Select(pair => pair.Key).Union(theirs.Select(pair => pair.Key))
                .Where(key => !JsonNode.DeepEquals(ours[key], theirs[key]))
                .Select(key => $"{key}: {Show(ours, key)} here, {Show(theirs, key)} there"),
        ];

        static string Show(JsonObject plan, string key) =>
            plan.TryGetPropertyValue(key, out JsonNode? value) ? value?.ToJsonString(new(Json.Format) { WriteIndented = false }) ?? "null" : "nothing";
    }

    private static class Json
    {
        // Apart from the plan's own statics, which every command line touches: most write no JSON.
        public static readonly JsonSerializerOptions Format = new()
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            DefaultIgnoreCondition = JsonIgnoreCondition.Never,
            WriteIndented = true,
            NewLine = "\n",
            Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        };
    }

    private JsonObject ToNode()
    {
        JsonObject plan = JsonSerializer.SerializeToNode(this, Json.Format)!.AsObject();
        foreach (string key in Times ? TrainingKeys : TimingKeys)
        {
            plan.Remove(key);
        }

        return plan;
    }
}
