// What users can mend is one line on standard error, exit code 2 and no folder.
using System.Buffers.Binary;
using FlGpu.Kernels;

namespace FlGpu.Harness.Tests.CommandLine;

public sealed class BadInputTests : IDisposable
{
    private const int Samples = 24;
    private const int Side = 4;
    private const int Classes = 3;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("--attacks", "nonsense", "random_noise, sign_flip")]
    [InlineData("--attacks", "label_flip:poison=1", "poison_ratio")]
    [InlineData("--attacks", "label_flip:poison_ratio=half", "a number")]
    [InlineData("--attacks", "", "label_flip")]
    [InlineData("--defenses", "krumm", "sign_majority, smea, trimmed_mean")]
    [InlineData("--defenses", "median:even=middle", "lower")]
    [InlineData("--defenses", "trimmed_mean:trim=0.5", "0 to below 0.5")]
    [InlineData("--defenses", "trimmed_mean:trim=NaN", "0 to below 0.5")]
    [InlineData("--defenses", "krum:f=8", "n - f - 2 is at least 1")]
    [InlineData("--defenses", "multi_krum:f=8", "n - f - 2 is at least 1")]
    [InlineData("--defenses", "multi_krum:keep=11", "1 to n = 10")]
    [InlineData("--data", "mnist", "digits, idx, synthetic")]
    [InlineData("--data", "idx", "directory")]
    [InlineData("--partition", "random", "dirichlet, iid, one_class, shards")]
    [InlineData("--partition", "dirichlet:alpha=0", "above 0")]
    [InlineData("--backend", "tpu", "reference, simd, cpu, cuda[:i], cuda-tensor[:i], opencl[:i] and auto")]
    [InlineData("--backend", "", "empty")]
    [InlineData("--preset", "paper", "tutorial")]
    [InlineData("--malicious", "10", "at most 9")]
    [InlineData("--malicious", "11", "at most 9")]
    [InlineData("--malicious", "1.5", "share")]
    [InlineData("--malicious", "some", "share")]
    [InlineData("--rounds", "0", "from 1 on")]
    [InlineData("--rounds", "2.5", "from 1 on")]
    [InlineData("--clients", "0", "from 1 on")]
    [InlineData("--clients", "", "from 1 on")]
    [InlineData("--clients-per-round", "0", "from 1 on")]
    [InlineData("--batch-size", "0", "from 1 on")]
    [InlineData("--learning-rate", "0", "above 0")]
    [InlineData("--learning-rate", "nan", "above 0")]
    [InlineData("--learning-rate", "1e300", "above 0")]
    [InlineData("--local-epochs", "0", "from 1 on")]
    [InlineData("--models", "cnn", "square grey images")]
    [InlineData("--hidden", "0", "from 1 on")]
    [InlineData("--hidden", "64,x", "from 1 on")]
    [InlineData("--models", "mlp", "mlp:128-64")]
    [InlineData("--models", "cnn:3", "cnn:10-20-50")]
    [InlineData("--models", "lenet", "softmax")]
    [InlineData("--seeds", "x", "1..8")]
    [InlineData("--seeds", "5..1", "1..8")]
    [InlineData("--seeds-at-once", "0", "from 1 on")]
    [InlineData("--memory-limit", "2GB", "a size such as 512MiB or 1.5GiB")]
    [InlineData("--memory-limit", "0MiB", "a size such as 512MiB or 1.5GiB")]
    [InlineData("--memory-limit", "-1GiB", "a size such as 512MiB or 1.5GiB")]
    [InlineData("--threads", "0", "from 1 on")]
    public void An_unusable_value_is_one_line_with_the_option_the_value_and_what_is_allowed(string option, string value, string allowed)
    {
        // Entries of a list are named one by one, a bad parameter by itself.
        string named = value.Split(',')[^1].Split('=')[^1];
        Run(option, value).AssertRefused(option, named, allowed);
    }

    [Fact]
    public void An_unknown_option_is_one_line_that_names_it() => Run("--colour").AssertRefused("--colour");

    [Fact]
    public void An_unknown_option_with_a_value_is_one_line_that_names_it() => Run("--colour", "red").AssertRefused("--colour");

    [Fact]
    public void An_unknown_command_is_one_line_that_names_it() => ProgramRun.Of("nonsense").AssertRefused("nonsense");

    [Fact]
    public void No_command_is_one_line() => ProgramRun.Of().AssertRefused("ommand");

    [Fact]
    public void Krum_with_too_many_malicious_clients_is_refused() =>
        Run("--defenses", "krum", "--malicious", "8").AssertRefused("--defenses krum", "f is 8", "n - f - 2 is at least 1");

    [Fact]
    public void More_clients_than_samples_are_refused() =>
        Run("--data", "digits", "--clients", "2000", "--malicious", "0").AssertRefused("--clients", "2000", "1 to 1437");

    [Fact]
    public void A_GPU_that_is_not_there_is_refused_with_the_reason_and_one_that_is_there_opens()
    {
        foreach (string kind in new[] { "cuda", "opencl" })
        {
            DeviceListing listing = Backends.List().First(l => l.Name.StartsWith(kind, StringComparison.Ordinal));
            if (listing.Missing is { } missing)
            {
                Run("--backend", kind).AssertRefused("--backend", $"'{kind}'", missing);
            }
            else
            {
                Backends.Open(kind, 1).Dispose();
            }

            Run("--backend", $"{kind}:99").AssertRefused("--backend", $"'{kind}:99'");
        }

        Run("--backend", "cuda-tensor:99").AssertRefused("--backend", "'cuda-tensor:99'");
    }

    [Fact]
    public void IDX_files_that_are_whole_are_read()
    {
        WriteIdxFiles();
        ProgramRun run = ProgramRun.Of(
            "compare", "--data", $"idx:{_folder.Path}", "--rounds", "1", "--seeds", "1", "--clients", "4", "--malicious", "1", "--attacks", "none", "--defenses", "none",
            "--backend", "simd");
        Assert.Equal(0, run.AssertDone().ExitCode);
        Assert.Contains($"on idx:directory={_folder.Path}", run.Output.Replace("idx:/", "idx:directory=/", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public void An_IDX_directory_that_is_missing_is_refused() =>
        Run("--data", $"idx:{_folder["nowhere"]}").AssertRefused("data", _folder["nowhere"], "four IDX files");

    [Fact]
    public void An_error_about_data_names_the_option() =>
        Run("--data", $"idx:{_folder["nowhere"]}").AssertRefused("--data");

    [Theory]
    [InlineData("train-images-idx3-ubyte")]
    [InlineData("train-labels-idx1-ubyte")]
    [InlineData("t10k-images-idx3-ubyte")]
    [InlineData("t10k-labels-idx1-ubyte")]
    public void A_truncated_IDX_file_is_refused_by_its_name(string name)
    {
        WriteIdxFiles();
        byte[] whole = File.ReadAllBytes(_folder[name]);
        File.WriteAllBytes(_folder[name], whole[..^1]);
        Run("--data", $"idx:{_folder.Path}").AssertRefused(_folder[name], $"{whole.Length - 1} bytes", $"expected {whole.Length}");
    }

    [Fact]
    public void A_missing_IDX_file_is_refused_with_the_name_that_is_expected()
    {
        WriteIdxFiles();
        File.Delete(_folder["train-labels-idx1-ubyte"]);
        Run("--data", $"idx:{_folder.Path}").AssertRefused(_folder.Path, "train-labels-idx1-ubyte");
    }

    [Theory]
    [InlineData("file")]
    [InlineData("file/below")]
    [InlineData("file/far/below")]
    public void An_output_folder_at_or_below_a_file_is_refused_and_the_file_stays(string name)
    {
        string file = _folder.Write("file", "kept");
        ProgramRun run = ProgramRun.Of(
            "compare", "--rounds", "1", "--seeds", "1", "--attacks", "none", "--defenses", "none", "--backend", "simd", "--out", _folder[name]);
        run.AssertRefused("--out", _folder[name], "file");
        Assert.Equal("kept", File.ReadAllText(file));
        Assert.Equal(file, Assert.Single(Directory.GetFileSystemEntries(_folder.Path)));
    }

    [Theory]
    [InlineData("sweep", "--rounds", "0")]
    [InlineData("sweep", "--defenses", "krumm")]
    [InlineData("sweep", "--backend", "tpu")]
    [InlineData("sweep", "--malicious", "1.5")]
    [InlineData("time", "--operations", "sort")]
    [InlineData("time", "--operations", "")]
    [InlineData("time", "--defenses", "krumm")]
    [InlineData("time", "--clients", "0")]
    [InlineData("time", "--parameters", "0")]
    [InlineData("time", "--backend", "tpu")]
    [InlineData("time", "--backend", "")]
    [InlineData("time", "--malicious", "1.5")]
    [InlineData("time", "--threads", "0")]
    [InlineData("peaks", "--backend", "tpu")]
    [InlineData("peaks", "--backend", "reference")]
    [InlineData("peaks", "--threads", "0")]
    [InlineData("check", "--backend", "tpu")]
    [InlineData("check", "--backend", "")]
    [InlineData("check", "--threads", "none")]
    public void Every_command_refuses_unusable_values(string command, string option, string value)
    {
        if (command is "sweep" or "time" or "peaks" && ProgramRun.IsDebugBuild)
        {
            ProgramRun.Of(command, option, value).AssertRefused(command, "Debug build");
            return;
        }

        string[] output = command == "sweep" ? ["--out", _folder["out"]] : command == "time" ? ["--quick", "--csv", _folder["out"]] : [];
        ProgramRun.Of([command, option, value, .. output]).AssertRefused(option, value);
        Assert.False(Path.Exists(_folder["out"]));
    }

    private ProgramRun Run(params string[] options)
    {
        string output = _folder["out"];
        ProgramRun run = ProgramRun.Of(["compare", "--out", output, .. options]);
        Assert.False(Path.Exists(output));
        return run;
    }

    private void WriteIdxFiles()
    {
        foreach (string part in new[] { "train", "t10k" })
        {
            byte[] images = new byte[16 + (Samples * Side * Side)];
            Header(images, 0x0803, Samples, Side, Side);
            byte[] labels = new byte[8 + Samples];
            Header(labels, 0x0801, Samples);
            for (int i = 0; i < Samples; i++)
            {
                labels[8 + i] = (byte)(i % Classes);
                images[16 + (i * Side * Side) + (i % Classes)] = 255;
            }

            File.WriteAllBytes(_folder[$"{part}-images-idx3-ubyte"], images);
            File.WriteAllBytes(_folder[$"{part}-labels-idx1-ubyte"], labels);
        }
    }

    private static void Header(byte[] file, params int[] words)
    {
        for (int i = 0; i < words.Length; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(file.AsSpan(i * sizeof(int)), words[i]);
        }
    }
}
