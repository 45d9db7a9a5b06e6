// What cannot be aggregated is one line that says which option, which file and what is wrong, and nothing is written.
using FlGpu.Harness.Tests.CommandLine;

namespace FlGpu.Harness.Tests.Updates;

public sealed class UnusableUpdatesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("nowhere.npy", "no such file")]
    [InlineData("README.md", "'.md'", ".npy, .npz, .safetensors and .csv")]
    [InlineData("int64.npy", "'<i8'", "float16, float32 and float64")]
    [InlineData("records.npy", "records", "float16, float32 and float64")]
    [InlineData("one-dimension.npy", "(6)", "1 dimensions", "allowed are 2")]
    [InlineData("three-dimensions.npy", "(2, 3, 4)", "3 dimensions", "allowed are 2")]
    [InlineData("no-rows.npy", "(0, 3)", "no rows")]
    [InlineData("two-arrays.npz", "2 arrays", "--array", "first, second")]
    [InlineData("rows-i64.safetensors", "tensor updates", "I64", "F16, BF16, F32 and F64")]
    [InlineData("clients/client-0.safetensors", "3 tensors", "conv.bias (2), conv.weight (1, 3, 1), fc.weight (2, 3)", "a file for each client")]
    [InlineData("clients/nobody-*.safetensors", "no nobody-*.safetensors file")]
    [InlineData("elsewhere/*.safetensors", "no folder")]
    public void A_file_that_others_wrote_is_refused_with_what_it_holds(string name, params string[] fragments) =>
        Refused([Quarters.File(name)], ["--input", Quarters.File(name), .. fragments]);

    [Theory]
    [InlineData("f4.npy", -1, "truncated", "307 of 308 bytes")]
    [InlineData("f4.npy", 5, "no .npy array")]
    [InlineData("f4.npy", 9, "truncated", "header")]
    [InlineData("f4.npy", 100, "truncated", "header")]
    [InlineData("version-2.npy", -8, "truncated", "300 of 308 bytes")]
    [InlineData("stored.npz", -10, "truncated or damaged")]
    [InlineData("deflated.npz", 100, "truncated or damaged")]
    [InlineData("rows-f32.safetensors", -1, "truncated", "should end at byte 388")]
    [InlineData("rows-f32.safetensors", 4, "truncated")]
    [InlineData("rows-f32.safetensors", 40, "truncated", "header")]
    public void A_file_that_was_cut_short_is_refused(string name, int bytes, params string[] fragments)
    {
        byte[] whole = File.ReadAllBytes(Quarters.File(name));
        string path = _folder[name];
        File.WriteAllBytes(path, bytes < 0 ? whole[..^-bytes] : whole[..bytes]);
        Refused([path], [path, .. fragments]);
    }

    [Theory]
    [InlineData("stored.npz")]
    [InlineData("deflated-fortran.npz")]
    public void A_zip_whose_numbers_were_changed_is_refused_by_its_checksum(string name)
    {
        // A bit of the checksum itself, wherever the zip keeps it: in the directory at its end, 16 bytes behind PK 1 2.
        byte[] bytes = File.ReadAllBytes(Quarters.File(name));
        bytes[bytes.AsSpan().LastIndexOf("PK\u0001\u0002"u8) + 16] ^= 1;
        File.WriteAllBytes(_folder["changed.npz"], bytes);
        Refused([_folder["changed.npz"]], "changed.npz", "checksum does not match");
    }

    [Theory]
    [InlineData("(2147483591, 2147483591)", "<f4", "allowed are up to 2147483591 rows and columns")]
    [InlineData("(1073741824, 1073741824)", "<f8", "allowed are up to")]
    [InlineData("(2147483592, 1)", "<f4", "allowed are up to")]
    [InlineData("(99999999999999999999, 1)", "<f4", "no list of sizes")]
    [InlineData("(-4, -4)", "<f4", "no list of sizes")]
    [InlineData("(1000000, 1000000)", "<f4", "truncated", "0 of 4000000000000 bytes")]
    public void A_shape_that_no_file_could_hold_is_refused(string shape, string type, params string[] fragments) =>
        Refused([EmptyArray("huge.npy", shape, type, bytes: 0)], ["huge.npy", .. fragments]);

    [Fact]
    public void Updates_that_do_not_fit_this_machine_are_refused_before_they_are_read()
    {
        // A file of holes: 8 TB that take no place.
        string path = EmptyArray("holes.npy", "(2000000, 1000000)", "<f4", bytes: 8_000_000_000_000);
        Refused([path], "2000000 clients x 1000000 parameters", "it needs 7450.6 GiB", "this machine has");
    }

    [Fact]
    public void Bytes_after_the_array_are_refused()
    {
        File.WriteAllBytes(_folder["twice.npy"], [.. File.ReadAllBytes(Quarters.File("f4.npy")), .. File.ReadAllBytes(Quarters.File("f4.npy"))]);
        Refused([_folder["twice.npy"]], "436 bytes follow");
    }

    [Theory]
    [InlineData("npy", "version 9.0", "1 to 3")]
    [InlineData("safetensors", "header would be")]
    [InlineData("npz", "no zip of arrays")]
    [InlineData("csv", "no rows after the header")]
    public void A_file_of_another_kind_is_refused(string ending, params string[] fragments)
    {
        string path = _folder[$"other.{ending}"];
        File.WriteAllBytes(path, [0x93, .. "NUMPY"u8, 9, 0, .. "no header at all"u8]);
        Refused([path], [path, .. fragments]);
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,12]}}""", "tensor a (2, 2)", "not 16 bytes apart")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2,2]}}""", "header cannot be read")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2,-2],"data_offsets":[0,16]}}""", "header cannot be read")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,16]}}""", "header cannot be read")]
    [InlineData("""{"a":[1]}""", "header cannot be read")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]}}""", "header cannot be read")]
    [InlineData("""{"__metadata__":{"format":"pt"}}""", "no tensor")]
    [InlineData("""{"a":{"dtype":"F32","shape":[16],"data_offsets":[0,64]}}""", "truncated", "tensor a (16)")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[]}}""", "tensor a", "0 data_offsets", "allowed are 2")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16,32]}}""", "tensor a", "3 data_offsets", "allowed are 2")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2,2],"data_offsets":[18446744073709551600,0]}}""", "header cannot be read")]
    [InlineData("""{"a":{"dtype":"F32","shape":[18446744073709551614,18446744073709551614],"data_offsets":[0,16]}}""", "header cannot be read")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}""", "4 bytes follow the tensors")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[4,16]}}""", "tensor a (3)", "without gaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", "tensor b (2)", "without gaps")]
    [InlineData("{\"red\\u001b[31m\\n\":{\"dtype\":\"F32\",\"shape\":[2,2,1],\"data_offsets\":[0,16]}}", "tensor red [31m :", "3 dimensions")]
    public void A_safetensors_header_that_is_wrong_is_refused(string json, params string[] fragments)
    {
        byte[] header = System.Text.Encoding.UTF8.GetBytes(json);
        File.WriteAllBytes(_folder["wrong.safetensors"], [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. new byte[16]]);
        Refused([_folder["wrong.safetensors"]], fragments);
    }

    [Theory]
    [InlineData("", "no rows")]
    [InlineData("a,b\n", "no rows after the header")]
    [InlineData("1,2\n3\n", "line 2", "1 numbers", "has 2")]
    [InlineData("1,2\n3,4,5\n", "line 2", "3 numbers", "has 2")]
    [InlineData("a,b\n1,2\n3,x\n", "line 3, column 2", "'x' is no number")]
    [InlineData("1,2\n3,\n", "line 2, column 2", "'' is no number")]
    [InlineData(",a,b\n0,1,2\n", "line 1", "index=False")]
    [InlineData("1,oh,3\n4,5,6\n", "line 1, column 2", "'oh' is no number")]
    [InlineData("1 2 3\n4 5 6\n", "line 1", "no comma between the numbers", "delimiter=','")]
    [InlineData("1.5;2\n3;4\n", "line 1", "no comma between the numbers")]
    [InlineData("1,5;2\n3,4;5\n", "line 1, column 2", "'5;2' is no number")]
    [InlineData("1,2\n3,1234567890123456789012345678901234567890oh\n", "line 2, column 2", "'1234567890123456789012345678901234567890…' is no number")]
    public void A_csv_is_refused_with_the_line(string text, params string[] fragments) =>
        Refused([_folder.Write("updates.csv", text)], ["--input", "updates.csv", .. fragments]);

    [Fact]
    public void Several_files_are_for_safetensors_only() =>
        Refused([Quarters.File("f4.npy"), Quarters.File("f8.npy")], "f4.npy", "2 files", ".safetensors");

    [Fact]
    public void A_client_whose_tensors_are_others_is_refused() =>
        Refused([Quarters.File("clients/client-0.safetensors"), Quarters.File("rows-f32.safetensors")], "rows-f32.safetensors", "conv.bias (2) is missing", "updates (7, 11) is new");

    [Fact]
    public void A_folder_without_files_is_refused() => Refused([_folder.Path], _folder.Path, "no .safetensors file");

    [Theory]
    [InlineData("--array third", "two-arrays.npz", "--array third", "allowed are first, second")]
    [InlineData("--array x", "f4.npy", "--array x", ".npz and .safetensors only")]
    [InlineData("--array x", "clients", "--array x", "one file a client")]
    [InlineData("--malicious 7", "f4.npy", "--malicious is 7", "0 to 6")]
    [InlineData("--malicious some", "f4.npy", "--malicious", "'some'")]
    [InlineData("--defense krum:f=5", "f4.npy", "--defense krum:f=5", "n - f - 2 is at least 1")]
    [InlineData("--defense median:f=9", "f4.npy", "--defense", "no parameter 'f'")]
    [InlineData("--defense cge:f=9", "f4.npy", "--defense cge:f=9", "f is 9", "0 to 6 of 7 clients")]
    [InlineData("--defense fl_trust", "f4.npy", "--defense fl_trust", "server's own update")]
    [InlineData("--defense nonsense", "f4.npy", "--defense", "'nonsense'", "krum")]
    [InlineData("--backend tpu", "f4.npy", "--backend", "'tpu'")]
    [InlineData("--seed x", "f4.npy", "--seed is 'x'")]
    [InlineData("--threads 0", "f4.npy", "--threads is '0'")]
    public void An_option_that_does_not_go_with_the_updates_is_refused(string option, string file, params string[] fragments) =>
        Refused([Quarters.File(file)], option.Split(' '), fragments);

    [Fact]
    public void Outputs_have_a_place_before_anything_is_read()
    {
        string input = _folder["input.npy"];
        File.Copy(Quarters.File("f4.npy"), input);
        Refused([input], ["--output", _folder["nowhere/x.npy"]], ["--output", "no folder"]);
        Refused([input], ["--output", _folder.Path], ["--output", "is a folder"]);
        Refused([input], ["--output", _folder["aggregate.bin"]], ["--output", "aggregate.bin", ".npy"]);
        Refused([input], ["--output", input], ["--output", input, "another name"]);
        Refused([input], ["--scores", input], ["--scores", input, "another name"]);
        Refused([input], ["--output", _folder["a.npy"], "--scores", _folder["a.npy"]], ["--scores", "another name"]);
        Refused([input], ["--scores", "/dev/stdout"], ["--scores /dev/stdout", "is a device"]);
        Assert.Equal(File.ReadAllBytes(Quarters.File("f4.npy")), File.ReadAllBytes(input));
        Assert.Single(Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void An_update_that_is_damaged_late_leaves_the_old_aggregate()
    {
        string input = _folder.Write("late.csv", "1,2\n1,2\n1,2\n1,2\n1,oh\n");
        _folder.Write("aggregate.npy", "old");
        ProgramRun.Of("aggregate", "--defense", "median", "--input", input, "--output", _folder["aggregate.npy"], "--scores", _folder["scores.csv"]).AssertRefused("line 5", "'oh'");
        Assert.Equal("old", File.ReadAllText(_folder["aggregate.npy"]));
        Assert.Equal(2, Directory.GetFileSystemEntries(_folder.Path).Length);
    }

    /// <summary>A .npy file of the shape that has a header and a hole of so many bytes.</summary>
    private string EmptyArray(string name, string shape, string type, long bytes)
    {
        byte[] header = System.Text.Encoding.ASCII.GetBytes($"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}\n");
        using FileStream file = File.Create(_folder[name]);
        file.Write([0x93, .. "NUMPY"u8, 1, 0, .. BitConverter.GetBytes((ushort)header.Length), .. header]);
        file.SetLength(file.Length + bytes);
        return _folder[name];
    }

    private void Refused(string[] inputs, params string[] fragments) => Refused(inputs, [], fragments);

    private void Refused(string[] inputs, string[] options, string[] fragments)
    {
        string[] defense = options.Contains("--defense") ? [] : ["--defense", "none"];
        string[] output = options.Contains("--output") ? [] : ["--output", _folder["never-written.npy"]];
        ProgramRun.Of(["aggregate", "--input", .. inputs, .. defense, .. output, .. options]).AssertRefused(fragments);
        Assert.Empty(Directory.GetFiles(_folder.Path, "never-written*"));
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.part"));
    }
}
