// MNIST, Fashion-MNIST, EMNIST and whatever else comes as four IDX files in a directory.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Images and labels as published for MNIST (LeCun et al. 1998), Fashion-MNIST (Xiao et al. 2017) and EMNIST (Cohen et al.
/// 2017), pixels scaled to [0, 1]. Labels that begin at 1, as those of EMNIST letters, are shifted to begin at 0.
/// </summary>
[About("MNIST, Fashion-MNIST or EMNIST from a directory of IDX files", Name = "idx")]
public sealed class IdxData([About("where the four files are, plain or .gz")] string directory) : IDataSource
{
    private const float White = 255;

    private static readonly string[] s_train = ["train"];
    private static readonly string[] s_test = ["t10k", "test"];

    /// <inheritdoc/>
    public Dataset Load(int clients, RngKey key)
    {
        string[] names = FileNames();
        IdxFile trainImages = IdxFile.ReadImages(Find(names, s_train, "images", "3"));
        IdxFile trainLabels = IdxFile.ReadLabels(Find(names, s_train, "labels", "1"));
        IdxFile testImages = IdxFile.ReadImages(Find(names, s_test, "images", "3"));
        IdxFile testLabels = IdxFile.ReadLabels(Find(names, s_test, "labels", "1"));
        RequireSameCount(trainImages, trainLabels);
        RequireSameCount(testImages, testLabels);
        if ((testImages.Rows, testImages.Columns) != (trainImages.Rows, trainImages.Columns))
        {
            throw new InputException(
                $"{testImages.Path}: has images of {testImages.Rows} x {testImages.Columns}, expected "
                + $"{trainImages.Rows} x {trainImages.Columns} as in {trainImages.Path}");
        }

        // Labels are counted from 0; those of EMNIST letters from 1.
        byte[] labels = trainLabels.Values.ToArray();
        byte highest = labels.Max();
        byte first = labels.Min() == 1 ? (byte)1 : (byte)0;
        int stray = testLabels.Values.IndexOfAnyExceptInRange(first, highest);
        if (stray >= 0)
        {
            throw new InputException(
                $"{testLabels.Path}: has the label {testLabels.Values[stray]}, expected {first} to {highest} as in {trainLabels.Path}");
        }

        IdxFile[] files = [trainImages, trainLabels, testImages, testLabels];
        return new(
            ToSamples(trainImages, trainLabels, first, highest),
            ToSamples(testImages, testLabels, first, highest),
            ClientSizes: null,
            [.. files.Select(file => new DataFile(Path.GetFileName(file.Path), file.Sha256))]);
    }

    private string[] FileNames()
    {
        if (!Directory.Exists(directory))
        {
            throw new InputException($"data idx: directory={directory} is no directory; expected one with four IDX files");
        }

        try
        {
            return [.. Directory.GetFiles(directory).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"data idx: directory={directory} cannot be read ({e.Message})");
        }
    }

    /// <summary>The path of the one file of this part and kind; a plain file wins over the same packed.</summary>
    private string Find(string[] names, string[] part, string kind, string dimensions)
    {
        string[] endings = [$"{kind}-idx{dimensions}-ubyte", $"{kind}.idx{dimensions}-ubyte"];
        string[] matching = [.. names.Where(name =>
            part.Any(word => name.Contains(word, StringComparison.OrdinalIgnoreCase))
            && endings.Any(ending => Plain(name).EndsWith(ending, StringComparison.OrdinalIgnoreCase)))];
        string[] candidates = [.. matching.Where(name =>
            Plain(name) == name || !matching.Contains(Plain(name), StringComparer.OrdinalIgnoreCase))];
        if (candidates.Length != 1)
        {
            string found = candidates.Length == 0 ? "none" : string.Join(", ", candidates);
            throw new InputException(
                $"{directory}: expected one file named like [prefix-]{part[0]}-{endings[0]}[.gz] "
                + $"('{string.Join("' or '", part)}' in the name, ending in '{string.Join("' or '", endings)}'), found {found}");
        }

        return Path.Combine(directory, candidates[0]);
    }

    private static string Plain(string name) => name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? name[..^3] : name;

    private static void RequireSameCount(IdxFile images, IdxFile labels)
    {
        if (labels.Count != images.Count)
        {
            throw new InputException(
                $"{labels.Path}: has {labels.Count} labels, expected {images.Count} for the images in {images.Path}");
        }
    }

    private static Samples ToSamples(IdxFile images, IdxFile labels, byte first, byte highest)
    {
        ReadOnlySpan<byte> pixels = images.Values;
        var samples = new Samples(
            new float[pixels.Length], new int[labels.Count], images.Rows * images.Columns, highest - first + 1);
        for (int i = 0; i < pixels.Length; i++)
        {
            samples.Features[i] = pixels[i] / White;
        }

        for (int i = 0; i < labels.Count; i++)
        {
            samples.Labels[i] = labels.Values[i] - first;
        }

        return samples;
    }
}
