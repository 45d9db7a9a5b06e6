// The rules of the catalogue that ByzFL has too, on the numbers that it computed.
using System.IO.Compression;
using System.Runtime.CompilerServices;
using System.Text.Json;
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests.Evidence;

public class ByzflVectorTests
{
    public static TheoryData<string, string> Rules => TestBackends.With("geometric_median", "centered_clipping", "meamed");

    [Theory]
    [MemberData(nameof(Rules))]
    public void Every_vector_is_met(string name, string op)
    {
        using Backend backend = TestBackends.Open(name);
        using var file = new GZipStream(
            File.OpenRead(Path.Combine(Path.GetDirectoryName(ThisFile())!, "..", "..", "Harness.Tests", "Vectors", "byzfl.jsonl.gz")), CompressionMode.Decompress);
        using var lines = new StreamReader(file);
        int met = 0;
        while (lines.ReadLine() is { } line)
        {
            using JsonDocument vector = JsonDocument.Parse(line);
            JsonElement root = vector.RootElement;
            if (root.GetProperty("op").GetString() != op)
            {
                continue;
            }

            int d = root.GetProperty("d").GetInt32();
            float[][] rows = [.. root.GetProperty("input").EnumerateArray().Select(x => x.GetSingle()).Chunk(d)];
            double[] expected = [.. root.GetProperty("output").EnumerateArray().Select(x => x.GetDouble())];
            string parameters = string.Join(',', root.GetProperty("params").EnumerateObject().Select(p => $"{p.Name}={p.Value.GetRawText()}"));
            float[] actual = Aggregation.Of(backend, $"{op}:{parameters}", rows).Aggregate;

            // Where rows cancel, what is left is as wrong as single precision is on the rows.
            double[] sizes = [.. rows.SelectMany(row => row).Select(x => Math.Abs((double)x)).Order()];
            double allowed = Math.Max(1e-5 * Math.Max(1e-3, expected.Max(Math.Abs)), 1e-7 * sizes[sizes.Length / 2]);
            Assert.Equal(expected.Length, actual.Length);
            Assert.All(expected.Zip(actual), pair => Assert.Equal(pair.First, pair.Second, allowed));
            met++;
        }

        Assert.True(met > 50);
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
