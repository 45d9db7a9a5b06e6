// IDX files: every way they are named and packed, and everything that can be wrong with them.
using System.Buffers.Binary;
using System.IO.Compression;
using System.Security.Cryptography;
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public sealed class IdxDataTests : IDisposable
{
    private const string TrainImages = "train-images-idx3-ubyte";
    private const string TrainLabels = "train-labels-idx1-ubyte";
    private const string TestImages = "t10k-images-idx3-ubyte";
    private const string TestLabels = "t10k-labels-idx1-ubyte";
    private const int Rows = 2;
    private const int Columns = 3;

    private readonly string _directory = Directory.CreateTempSubdirectory("flgpu-idx-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")]
    [InlineData("train-images.idx3-ubyte", "train-labels.idx1-ubyte", "t10k-images.idx3-ubyte", "t10k-labels.idx1-ubyte.gz")]
    [InlineData("TRAIN-IMAGES-IDX3-UBYTE.GZ", "Train-Labels-Idx1-Ubyte", "T10K-images-idx3-ubyte", "T10k-labels-idx1-ubyte")]
    [InlineData(
        "emnist-digits-train-images-idx3-ubyte.gz", "emnist-digits-train-labels-idx1-ubyte.gz",
        "emnist-digits-test-images-idx3-ubyte.gz", "emnist-digits-test-labels-idx1-ubyte.gz")]
    public void Files_are_found_by_name_and_read(string trainImages, string trainLabels, string testImages, string testLabels)
    {
        Write(trainImages, Images(4));
        Write(trainLabels, Labels(0, 2, 1, 2));
        Write(testImages, Images(2, firstPixel: 249));
        Write(testLabels, Labels(1, 0));
        Write("readme.txt", [1]);

        Dataset data = Load();

        Assert.Equal((4, 6, 3), (data.Train.Count, data.Train.Inputs, data.Train.Classes));
        Assert.Equal([0, 2, 1, 2], data.Train.Labels);
        Assert.Equal(Enumerable.Range(0, 24).Select(pixel => pixel / 255f), data.Train.Features);
        Assert.Equal((2, 6, 3), (data.Test.Count, data.Test.Inputs, data.Test.Classes));
        Assert.Equal([1, 0], data.Test.Labels);
        Assert.Equal(249 / 255f, data.Test.Features[0]);
        Assert.Equal(1f, data.Test.Features[6]);
        Assert.Null(data.ClientSizes);
        Assert.Equal(
            new[] { trainImages, trainLabels, testImages, testLabels }.Select(name => new DataFile(name, Sha256(name))), data.Files);
    }

    [Fact]
    public void A_plain_file_wins_over_the_same_packed()
    {
        WriteAll();
        Write(TrainLabels + ".gz", Labels(9, 9, 9, 9));
        Dataset data = Load();
        Assert.Equal([0, 2, 1, 2], data.Train.Labels);
        Assert.Equal(TrainLabels, data.Files[1].Name);
    }

    [Fact]
    public void Labels_from_1_are_shifted_to_begin_at_0()
    {
        WriteAll();
        Write(TrainLabels, Labels(1, 26, 2, 1));
        Write(TestLabels, Labels(26, 3));
        Dataset data = Load();
        Assert.Equal([0, 25, 1, 0], data.Train.Labels);
        Assert.Equal([25, 2], data.Test.Labels);
        Assert.Equal((26, 26), (data.Train.Classes, data.Test.Classes));
    }

    [Fact]
    public void Labels_from_2_are_left_as_they_are()
    {
        WriteAll();
        Write(TrainLabels, Labels(2, 3, 2, 3));
        Dataset data = Load();
        Assert.Equal([2, 3, 2, 3], data.Train.Labels);
        Assert.Equal(4, data.Train.Classes);
    }

    [Theory]
    [InlineData(new byte[] { 0, 2, 1, 2 }, 3, "has the label 3, expected 0 to 2")]
    [InlineData(new byte[] { 1, 3, 2, 1 }, 4, "has the label 4, expected 1 to 3")]
    [InlineData(new byte[] { 1, 3, 2, 1 }, 0, "has the label 0, expected 1 to 3")]
    public void A_test_label_that_training_does_not_know_is_an_error(byte[] training, byte stray, string message)
    {
        WriteAll();
        Write(TrainLabels, Labels(training));
        Write(TestLabels, Labels(1, stray));
        AssertFails(TestLabels, message);
    }

    [Fact]
    public void A_missing_directory_is_an_error()
    {
        string missing = Path.Combine(_directory, "missing");
        var error = Assert.Throws<InputException>(() => new IdxData(missing).Load(1, default));
        Assert.Contains($"directory={missing} is no directory", error.Message);
    }

    [Theory]
    [InlineData(TrainImages)]
    [InlineData(TrainLabels)]
    [InlineData(TestImages)]
    [InlineData(TestLabels)]
    public void A_missing_file_is_an_error_that_says_what_was_looked_for(string name)
    {
        WriteAll();
        File.Delete(Path.Combine(_directory, name));
        AssertFails("", $"[prefix-]{name}[.gz]", "found none");
    }

    [Theory]
    [InlineData("train-images.idx3-ubyte")]
    [InlineData("emnist-train-images-idx3-ubyte.gz")]
    public void Two_candidates_are_an_error_that_lists_them(string second)
    {
        WriteAll();
        Write(second, Images(4));
        AssertFails("", "expected one file", TrainImages, second);
    }

    [Theory]
    [InlineData(TrainImages, 15, "has 15 bytes, expected a header of 16")]
    [InlineData(TrainImages, 39, "has 39 bytes, expected 40 for 4 images of 2 x 3")]
    [InlineData(TrainImages, 41, "has 41 bytes, expected 40 for 4 images of 2 x 3")]
    [InlineData(TestImages, 27, "has 27 bytes, expected 28 for 2 images of 2 x 3")]
    [InlineData(TrainLabels, 1, "has 1 bytes, expected a header of 8")]
    [InlineData(TrainLabels, 11, "has 11 bytes, expected 12 for 4 labels")]
    [InlineData(TestLabels, 11, "has 11 bytes, expected 10 for 2 labels")]
    public void A_file_of_the_wrong_length_is_an_error(string name, int length, string message)
    {
        WriteAll();
        byte[] bytes = File.ReadAllBytes(Path.Combine(_directory, name));
        Array.Resize(ref bytes, length);
        Write(name, bytes);
        AssertFails(name, message);

        File.Delete(Path.Combine(_directory, name));
        Write(name + ".gz", bytes);
        AssertFails(name + ".gz", message);
    }

    [Theory]
    [InlineData(TrainImages, "begins with 0x00000801, expected 0x00000803 for IDX images")]
    [InlineData(TestLabels, "begins with 0x00000803, expected 0x00000801 for IDX labels")]
    public void A_file_of_the_wrong_kind_is_an_error(string name, string message)
    {
        WriteAll();
        Write(name, name == TestLabels ? Images(2) : Labels(0, 1, 2, 3, 4, 5, 6, 7));
        AssertFails(name, message);
    }

    [Theory]
    [InlineData(0, 2, 3)]
    [InlineData(4, 0, 3)]
    [InlineData(4, 2, 0)]
    public void No_images_or_images_without_pixels_are_an_error(int count, int rows, int columns)
    {
        WriteAll();
        Write(TrainImages, Header(0x803, count, rows, columns));
        AssertFails(TrainImages, $"holds {count} images of {rows} x {columns}");
    }

    [Fact]
    public void No_labels_are_an_error()
    {
        WriteAll();
        Write(TestLabels, Labels());
        AssertFails(TestLabels, "holds 0 labels");
    }

    [Fact]
    public void Sizes_beyond_any_file_are_an_error()
    {
        WriteAll();
        Write(TrainImages, Header(0x803, -1, -1, -1));
        AssertFails(TrainImages, "has 16 bytes, expected 79228162458924105385300197391 for 4294967295 images");
    }

    [Theory]
    [InlineData(TrainImages, TrainLabels, 5, 4)]
    [InlineData(TestImages, TestLabels, 3, 2)]
    public void Unequal_numbers_of_images_and_labels_are_an_error(string images, string labels, int found, int expected)
    {
        WriteAll();
        Write(images, Images(found));
        AssertFails(labels, $"has {expected} labels, expected {found}", images);
    }

    [Fact]
    public void Test_images_of_another_size_are_an_error()
    {
        WriteAll();
        Write(TestImages, [.. Header(0x803, 2, Columns, Rows), .. new byte[2 * Rows * Columns]]);
        AssertFails(TestImages, "has images of 3 x 2, expected 2 x 3", TrainImages);
    }

    [Fact]
    public void Gzip_cut_off_anywhere_or_followed_by_anything_is_an_error()
    {
        WriteAll();
        byte[] packed = Pack(File.ReadAllBytes(Path.Combine(_directory, TrainImages)));
        File.Delete(Path.Combine(_directory, TrainImages));
        string path = Path.Combine(_directory, TrainImages + ".gz");
        for (int length = 0; length < packed.Length; length++)
        {
            File.WriteAllBytes(path, packed[..length]);
            AssertFails(TrainImages + ".gz", "is no whole gzip file");
        }

        File.WriteAllBytes(path, [.. packed, 1]);
        AssertFails(TrainImages + ".gz", "is no whole gzip file");

        File.WriteAllBytes(path, packed);
        Assert.Equal(4, Load().Train.Count);
    }

    [Fact]
    public void Corrupt_gzip_is_an_error()
    {
        WriteAll();
        byte[] packed = Pack(Labels(0, 2, 1, 2));
        File.Delete(Path.Combine(_directory, TrainLabels));
        string path = Path.Combine(_directory, TrainLabels + ".gz");

        File.WriteAllBytes(path, Labels(0, 2, 1, 2));
        AssertFails(TrainLabels + ".gz", "is no whole gzip file");

        packed[^8] ^= 1; // the checksum
        File.WriteAllBytes(path, packed);
        AssertFails(TrainLabels + ".gz", "is no whole gzip file");
    }

    [Fact]
    public void A_file_that_cannot_be_opened_is_an_error()
    {
        WriteAll();
        using var held = new FileStream(Path.Combine(_directory, TestImages), FileMode.Open, FileAccess.ReadWrite, FileShare.None);
        AssertFails(TestImages, "cannot be read");
    }

    private void AssertFails(string file, params string[] parts)
    {
        var error = Assert.Throws<InputException>(Load);
        Assert.StartsWith(file == "" ? $"{_directory}: " : $"{Path.Combine(_directory, file)}: ", error.Message);
        Assert.All(parts, part => Assert.Contains(part, error.Message));
        Assert.DoesNotContain('\n', error.Message);
    }

    private Dataset Load() => new IdxData(_directory).Load(10, RngKey.FromSeed(1));

    private void WriteAll()
    {
        Write(TrainImages, Images(4));
        Write(TrainLabels, Labels(0, 2, 1, 2));
        Write(TestImages, Images(2));
        Write(TestLabels, Labels(2, 2));
    }

    private void Write(string name, byte[] bytes) => File.WriteAllBytes(
        Path.Combine(_directory, name), name.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? Pack(bytes) : bytes);

    private string Sha256(string name) =>
        Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(Path.Combine(_directory, name)))).ToLowerInvariant();

    private static byte[] Images(int count, int firstPixel = 0) =>
        [.. Header(0x803, count, Rows, Columns), .. Enumerable.Range(firstPixel, count * Rows * Columns).Select(pixel => (byte)pixel)];

    private static byte[] Labels(params byte[] labels) => [.. Header(0x801, labels.Length), .. labels];

    private static byte[] Header(params int[] words)
    {
        var bytes = new byte[words.Length * sizeof(int)];
        for (int i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(i * sizeof(int)), words[i]);
        }

        return bytes;
    }

    private static byte[] Pack(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Optimal, leaveOpen: true))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }
}
