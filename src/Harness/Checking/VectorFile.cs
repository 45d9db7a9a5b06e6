// Reads cases that other systems computed: one JSON object a line, or one document of many cases; plain or gzipped.
using System.IO.Compression;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using FlGpu.Kernels;

namespace FlGpu.Harness.Checking;

/// <summary>A case of a rule: n x d inputs, and what another system made of them.</summary>
internal sealed record AggregatorVector(
    string Op, Dictionary<string, JsonElement> Params, int N, int D, float[] Input, int[]? NumSamples, double[] Output)
{
    /// <summary>How close is close enough.</summary>
    [JsonIgnore]
    public Tolerance Tolerance { get; init; } = Tolerance.Usual;

    /// <summary>Malicious clients in an attack's round, behind the rows of the input.</summary>
    [JsonIgnore]
    public int Malicious { get; init; } = 1;

    /// <summary>Whether the rule must refuse the case.</summary>
    [JsonIgnore]
    public bool Refused { get; init; }
}

/// <summary>What a result may differ by: relative to the expected number, to the largest input of its column, and absolutely.</summary>
internal sealed record Tolerance(double Relative, double OfMagnitude, double Absolute)
{
    /// <summary>Of the cases that give none: four digits, but not those that cancel.</summary>
    public static readonly Tolerance Usual = new(1e-4, 1e-6, 0);

    public bool Allows(double actual, double expected, double magnitude) =>
        actual == expected || (double.IsNaN(actual) && double.IsNaN(expected)) || (double.IsFinite(expected) && Math.Abs(actual - expected) <= (Relative * Math.Abs(expected)) + (OfMagnitude * magnitude) + Absolute);
}

/// <summary>A case of local training in PyTorch: initial weights, order of samples, and what came of it.</summary>
internal sealed record TrainingVector(
    int[] Layers, int Samples, int Epochs, int Batch, double LearningRate, float[] Features, int[] Labels, int[][] EpochOrder,
    Dictionary<string, JsonElement> Initial, Dictionary<string, JsonElement> Final, double[] StepLosses, double[] FinalLogits);

/// <summary>A file of cases.</summary>
internal static partial class VectorFile
{
    private static readonly JsonSerializerOptions s_format = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        RespectRequiredConstructorParameters = false,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>The cases of a file in order: each an <see cref="AggregatorVector"/> or a <see cref="TrainingVector"/>.</summary>
    /// <exception cref="InputException">The file cannot be read or a line is no case; the message names the line.</exception>
    public static IReadOnlyList<object> Read(string path)
    {
        List<object> cases = [];
        try
        {
            using Stream file = File.OpenRead(path);
            using Stream text = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
            using var reader = new StreamReader(text);
            string whole = reader.ReadToEnd();
            bool isDocument = whole.StartsWith('[') || whole.TrimEnd().StartsWith("{\n", StringComparison.Ordinal);
            foreach (string line in isDocument ? [whole] : whole.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            {
                foreach (object vector in Parse(line))
                {
                    cases.Add(vector);
                }
            }
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or InvalidDataException or JsonException)
        {
            throw new InputException($"--vectors {path}: case {cases.Count + 1}: {unreadable.Message}");
        }

        return cases.Count > 0 ? cases : throw new InputException($"--vectors {path}: the file has no cases");
    }

    private static IEnumerable<object> Parse(string line)
    {
        using JsonDocument document = JsonDocument.Parse(BareNumber().Replace(line, "\"$1\""));
        if (document.RootElement.ValueKind == JsonValueKind.Array)
        {
            foreach (JsonElement element in document.RootElement.EnumerateArray())
            {
                yield return PeerCases.Of(element);
            }
        }
        else if (PeerCases.IsParts(document.RootElement))
        {
            foreach (AggregatorVector vector in PeerCases.OfParts(document.RootElement))
            {
                yield return vector;
            }
        }
        else
        {
            yield return ParseCase(document);
        }
    }

    private static object ParseCase(JsonDocument document)
    {
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException("each line must be a JSON object");
        }

        if (document.RootElement.TryGetProperty("layers", out _))
        {
            TrainingVector training = document.Deserialize<TrainingVector>(s_format)!;
            return IsWhole(training) ? training : throw new JsonException("a training case needs layers, samples, features, labels, epoch_order, initial and final weights and step_losses that fit together");
        }

        AggregatorVector vector = document.Deserialize<AggregatorVector>(s_format)!;
        return vector is { Op: not null, Params: not null, Output: not null, N: > 0, D: > 0 } && vector.Input?.Length == vector.N * vector.D
            && vector.Output.Length % vector.D == 0 && vector.Output.Length > 0 && (vector.NumSamples is null || vector.NumSamples.Length == vector.N)
            ? vector
            : throw new JsonException("a case needs op, params, n, d, an input of n * d numbers, an output of whole rows of d, and n num_samples if any");
    }

    private static bool IsWhole(TrainingVector v) =>
        v is { Layers.Length: >= 2, Samples: > 0, Batch: > 0, Epochs: > 0, Labels: not null, EpochOrder: not null, StepLosses: not null, Initial: not null, Final: not null }
        && v.Layers.All(width => width > 0)
        && v.Features?.Length == v.Samples * v.Layers[0]
        && v.Labels.Length == v.Samples && v.Labels.All(label => label >= 0 && label < v.Layers[^1])
        && v.EpochOrder.Length == v.Epochs && v.EpochOrder.All(epoch => epoch?.Length == v.EpochOrder[0].Length && epoch.All(row => row >= 0 && row < v.Samples))
        && v.StepLosses.Length == v.Epochs * ((v.EpochOrder[0].Length + v.Batch - 1) / v.Batch)
        && HasLayers(v, v.Initial) && HasLayers(v, v.Final);

    private static bool HasLayers(TrainingVector v, Dictionary<string, JsonElement> state) =>
        Enumerable.Range(0, v.Layers.Length - 1).All(layer =>
            state.TryGetValue(WeightOf(layer), out JsonElement weight) && Numbers(weight).Length == v.Layers[layer] * v.Layers[layer + 1]
            && state.TryGetValue(BiasOf(layer), out JsonElement bias) && Numbers(bias).Length == v.Layers[layer + 1]);

    /// <summary>The tensor of a layer's weights; in the tutorial's Sequential every other module is a ReLU.</summary>
    public static string WeightOf(int layer) => $"network.{2 * layer}.weight";

    /// <summary>The tensor of a layer's biases.</summary>
    public static string BiasOf(int layer) => $"network.{2 * layer}.bias";

    /// <summary>The numbers of a tensor that may be nested arrays.</summary>
    public static float[] Numbers(JsonElement element) =>
        element.ValueKind == JsonValueKind.Array ? [.. element.EnumerateArray().SelectMany(Numbers)]
        : element.ValueKind == JsonValueKind.Number ? [element.GetSingle()]
        : throw new JsonException("a tensor holds something that is no number");

    // Python writes numbers so that JSON does not know; as text they are read.
    [GeneratedRegex(@"(?<=[\[,:]\s*)(-?Infinity|NaN)(?=\s*[\],}])")]
    private static partial Regex BareNumber();
}
