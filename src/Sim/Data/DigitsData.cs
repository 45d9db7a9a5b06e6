// The real images that come with the program: 1,797 handwritten digits of 8 x 8 pixels.
using System.IO.Compression;
using System.Security.Cryptography;
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Optical recognition of handwritten digits (UCI, CC BY 4.0), pixels scaled to [0, 1]. The split into training and test
/// is stratified and always the same: it depends on the size of the test set only, not on the key.
/// </summary>
[About("1,797 handwritten digits of 8 x 8 pixels, embedded", Name = "digits", Paper = "Alpaydin and Kaynak 1998")]
public sealed class DigitsData : IDataSource
{
    private const string Resource = "digits.csv.gz";
    private const int Total = 1797;
    private const int Inputs = 64;
    private const int Classes = 10;
    private const float White = 16;

    private readonly int _test;

    /// <summary>Takes the size of the test set; throws <see cref="InputException"/> when it leaves either set empty.</summary>
    public DigitsData([About("test samples of the 1797, 1 to 1796")] int test = 360)
    {
        if (test is < 1 or >= Total)
        {
            throw new InputException($"data digits: test={test} must be from 1 to {Total - 1}");
        }

        _test = test;
    }

    /// <inheritdoc/>
    public Dataset Load(int clients, RngKey key)
    {
        (Samples all, string sha256) = Read();
        var rows = Enumerable.Range(0, all.Count).ToArray();
        RngKey.FromSeed(0).Stream().Shuffle<int>(rows);

        int[] left = TestShares(all.Labels);
        var test = new List<int>(_test);
        var train = new List<int>(all.Count - _test);
        foreach (int row in rows)
        {
            (left[all.Labels[row]]-- > 0 ? test : train).Add(row);
        }

        return new(Take(all, train), Take(all, test), ClientSizes: null, [new(Resource, sha256)]);
    }

    /// <summary>How many of each class are tested: its exact share rounded down, and one more where most was cut off.</summary>
    private int[] TestShares(int[] labels)
    {
        int[] counts = [.. Enumerable.Range(0, Classes).Select(c => labels.Count(label => label == c))];
        int[] shares = [.. counts.Select(count => count * _test / Total)];
        IEnumerable<int> mostCutOff = Enumerable.Range(0, Classes).OrderByDescending(c => counts[c] * _test % Total);
        foreach (int c in mostCutOff.Take(_test - shares.Sum()))
        {
            shares[c]++;
        }

        return shares;
    }

    private static (Samples All, string Sha256) Read()
    {
        using Stream resource = typeof(DigitsData).Assembly.GetManifestResourceStream(Resource)!;
        string sha256 = Convert.ToHexStringLower(SHA256.HashData(resource));
        resource.Position = 0;
        using var text = new MemoryStream();
        using (var gzip = new GZipStream(resource, CompressionMode.Decompress))
        {
            gzip.CopyTo(text);
        }

        // A line is 64 pixels and the label, whole numbers each ended by a comma or by the line's end.
        var all = new Samples(new float[Total * Inputs], new int[Total], Inputs, Classes);
        int index = 0;
        int number = 0;
        foreach (byte character in text.GetBuffer().AsSpan(0, (int)text.Length))
        {
            if (character is not ((byte)',' or (byte)'\n'))
            {
                number = (number * 10) + (character - '0');
                continue;
            }

            (int row, int column) = Math.DivRem(index, Inputs + 1);
            if (column < Inputs)
            {
                all.Features[(row * Inputs) + column] = number / White;
            }
            else
            {
                all.Labels[row] = number;
            }

            index++;
            number = 0;
        }

        return (all, sha256);
    }

    private static Samples Take(Samples all, List<int> rows)
    {
        var taken = new Samples(new float[rows.Count * Inputs], new int[rows.Count], Inputs, Classes);
        for (int i = 0; i < rows.Count; i++)
        {
            all.Features.AsSpan(rows[i] * Inputs, Inputs).CopyTo(taken.Features.AsSpan(i * Inputs));
            taken.Labels[i] = all.Labels[rows[i]];
        }

        return taken;
    }
}
