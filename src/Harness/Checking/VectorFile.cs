// Reads cases that other systems computed: one JSON object a line, plain or gzipped.
using System.IO.Compression;
using System.Text.Json;
using FlGpu.Kernels;

namespace FlGpu.Harness.Checking;

/// <summary>A case of a rule: n x d inputs, and what another system made of them.</summary>
internal sealed record AggregatorVector(
    string Op, Dictionary<string, JsonElement> Params, int N, int D, float[] Input, int[]? NumSamples, double[] Output);

/// <summary>A case of local training in PyTorch: initial weights, order of samples, and what came of it.</summary>
internal sealed record TrainingVector(
    int[] Layers, int Samples, int Epochs, int Batch, double LearningRate, float[] Features, int[] Labels, int[][] EpochOrder,
    Dictionary<string, JsonElement> Initial, Dictionary<string, JsonElement> Final, double[] StepLosses, double[] FinalLogits);

/// <summary>A file of cases.</summary>
internal static class VectorFile
{
    private static readonly JsonSerializerOptions s_format = new() { PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, RespectRequiredConstructorParameters = false };

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
            while (reader.ReadLine() is { } line)
            {
                if (line.Length > 0)
                {
                    cases.Add(Parse(line));
                }
            }
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException or InvalidDataException or JsonException)
        {
            throw new InputException($"--vectors {path}: case {cases.Count + 1}: {unreadable.Message}");
        }

        return cases.Count > 0 ? cases : throw new InputException($"--vectors {path}: the file has no cases");
    }

    private static object Parse(string line)
    {
        using JsonDocument document = JsonDocument.Parse(line);
        if (document.RootElement.ValueKind != JsonValueKind.Object)
        {
            throw new JsonException("each line must be a JSON object");
        }

        if (document.RootElement.TryGetProperty("layers", out _))
        {
            return document.Deserialize<TrainingVector>(s_format)!;
        }

        AggregatorVector vector = document.Deserialize<AggregatorVector>(s_format)!;
        return vector is { Op: not null, Params: not null, Output: not null } && vector.Input?.Length == vector.N * vector.D
            ? vector
            : throw new JsonException("a case needs op, params, n, d, an input of n * d numbers and an output");
    }
}
