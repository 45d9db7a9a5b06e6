// The header of a .safetensors file: which tensors it holds, and where.
using System.Buffers.Binary;
using System.Text.Json;
using FlGpu.Kernels;

namespace FlGpu.Harness.Updates;

/// <summary>A tensor of a file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its numbers.</param>
/// <param name="Shape">Its sizes; none for a single number.</param>
/// <param name="Offset">Where its bytes begin, counted from the beginning of the file.</param>
internal sealed record Tensor(string Name, ElementType Type, IReadOnlyList<long> Shape, long Offset)
{
    /// <summary>How many numbers it has.</summary>
    public long Numbers => Shape.Aggregate(1L, (product, size) => checked(product * size));

    /// <summary>How many bytes they take.</summary>
    public long Bytes => checked(Numbers * Type.Bytes);

    /// <summary>Name and shape, for people.</summary>
    public override string ToString() => $"{Name} ({string.Join(", ", Shape)})";
}

/// <summary>
/// Reads the format as its authors publish it (Hugging Face, safetensors): 8 bytes of length, little-endian, a JSON object of dtype, shape
/// and data_offsets by name, then the numbers without gaps.
/// </summary>
internal static class SafetensorsHeader
{
    private const long LongestHeader = 100_000_000; // the limit of the format

    /// <summary>The tensors of a file in the order of their names.</summary>
    /// <exception cref="InputException">It is no such file, or holds other numbers than floating-point ones.</exception>
    public static IReadOnlyList<Tensor> Read(FileStream stream, string where)
    {
        byte[] lengthBytes = new byte[sizeof(ulong)];
        if (stream.ReadAtLeast(lengthBytes, lengthBytes.Length, throwOnEndOfStream: false) < lengthBytes.Length)
        {
            throw new InputException($"{where}: it is truncated: it ends within the length of the header");
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(lengthBytes);
        if (length is 0 or > LongestHeader)
        {
            throw new InputException($"{where}: it is no .safetensors file: its header would be {length} bytes long");
        }

        byte[] json = new byte[length];
        if (stream.ReadAtLeast(json, json.Length, throwOnEndOfStream: false) < json.Length)
        {
            throw new InputException($"{where}: it is truncated: it ends within the header");
        }

        try
        {
            using JsonDocument header = JsonDocument.Parse(json, new() { AllowDuplicateProperties = false });
            return Read(header.RootElement, lengthBytes.Length + json.Length, stream.Length, where);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or OverflowException)
        {
            throw new InputException($"{where}: it is no .safetensors file: its header cannot be read: {e.Message.ReplaceLineEndings(" ")}");
        }
    }

    private static List<Tensor> Read(JsonElement header, long dataStart, long fileBytes, string where)
    {
        List<Tensor> tensors = [];
        foreach (JsonProperty property in header.EnumerateObject().Where(property => property.Name != "__metadata__"))
        {
            long[] offsets = Whole(property.Value.GetProperty("data_offsets"));
            long begin = offsets.Length == 2 ? checked(dataStart + offsets[0]) : throw new InputException($"{where}: tensor {property.Name} has {offsets.Length} data_offsets; allowed are 2");
            var tensor = new Tensor(property.Name, TypeOf(property, where), Whole(property.Value.GetProperty("shape")), begin);
            if (offsets[1] - offsets[0] != tensor.Bytes)
            {
                throw new InputException($"{where}: tensor {tensor}: its data_offsets are not {tensor.Bytes} bytes apart");
            }

            if (checked(dataStart + offsets[1]) > fileBytes)
            {
                throw new InputException(
                    $"{where}: it is truncated: tensor {tensor} should end at byte {dataStart + offsets[1]}, the file has {fileBytes}");
            }

            tensors.Add(tensor);
        }

        CheckGapless(tensors, dataStart, fileBytes, where);
        tensors.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
        return tensors;
    }

    private static long[] Whole(JsonElement numbers) => [.. numbers.EnumerateArray().Select(number => checked((long)number.GetUInt64()))];

    // Without gaps nothing can be hidden between the tensors, and no number belongs to two of them.
    private static void CheckGapless(List<Tensor> tensors, long dataStart, long fileBytes, string where)
    {
        if (tensors.Count == 0)
        {
            throw new InputException($"{where}: there is no tensor in it");
        }

        long end = dataStart;
        foreach (Tensor tensor in tensors.OrderBy(tensor => tensor.Offset).ThenBy(tensor => tensor.Bytes))
        {
            if (tensor.Offset != end)
            {
                throw new InputException($"{where}: tensor {tensor} begins at byte {tensor.Offset}, what is before it ends at byte {end}; allowed are tensors without gaps");
            }

            end += tensor.Bytes;
        }

        if (end < fileBytes)
        {
            throw new InputException($"{where}: {fileBytes - end} bytes follow the tensors");
        }
    }

    private static ElementType TypeOf(JsonProperty tensor, string where) => tensor.Value.GetProperty("dtype").GetString() switch
    {
        "F16" => ElementType.Float16,
        "BF16" => ElementType.BFloat16,
        "F32" => ElementType.Float32,
        "F64" => ElementType.Float64,
        string other => throw new InputException($"{where}: tensor {tensor.Name} is of type {other}; allowed are F16, BF16, F32 and F64"),
        null => throw new InputException($"{where}: tensor {tensor.Name} has no dtype"),
    };
}
