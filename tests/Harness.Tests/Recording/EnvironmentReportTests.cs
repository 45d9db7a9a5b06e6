// The keys of environment.json, what it says of this process, and that the unknown is null.
using System.Text.Json;
using FlGpu.Harness.Measuring;
using FlGpu.Harness.Recording;
using FlGpu.Kernels;

namespace FlGpu.Harness.Tests.Recording;

public sealed class EnvironmentReportTests : IDisposable
{
    private static readonly DateTimeOffset s_noonInBerlin = new(2026, 1, 2, 12, 0, 0, TimeSpan.FromHours(1));

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_keys_are_these()
    {
        JsonElement json = Write(Create() with { Git = new("abc", null, true), Gpus = [new("cuda:0", "GPU", null, null, null, null, null)] });

        Assert.Equal("schema_version run_id utc argv git build host gpus protocol data shard further_runs", Keys(json));
        Assert.Equal("revision branch dirty", Keys(json.GetProperty("git")));
        Assert.Equal(
            "program_version configuration sdk_version runtime_version kernel_runtime tiered_compilation server_gc concurrent_gc debugger_attached",
            Keys(json.GetProperty("build")));
        Assert.Equal(
            "cpu_model physical_cores logical_cores instruction_sets vector_bits ram_bytes l2_bytes l3_bytes os kernel load_average",
            Keys(json.GetProperty("host")));
        Assert.Equal("name device driver multiprocessors clock_mhz memory_bytes l2_bytes", Keys(json.GetProperty("gpus")[0]));
        Assert.Equal("min_samples min_seconds relative_iqr timeout_seconds warmups max_samples", Keys(json.GetProperty("protocol")));
        Assert.Equal("name sha256", Keys(json.GetProperty("data")[0]));
    }

    [Fact]
    public void What_the_caller_says_is_in_it()
    {
        using CommaCulture culture = new();
        JsonElement json = Write(Create());

        Assert.Equal(1, json.GetProperty("schema_version").GetInt32());
        Assert.Equal("run-1", json.GetProperty("run_id").GetString());
        Assert.Equal("2026-01-02T11:00:00+00:00", json.GetProperty("utc").GetString());
        Assert.Equal(["sweep", "a \"b\" <ü>"], json.GetProperty("argv").EnumerateArray().Select(word => word.GetString()));
        Assert.Equal(7, json.GetProperty("protocol").GetProperty("min_samples").GetInt32());
        Assert.Equal(0.125, json.GetProperty("protocol").GetProperty("relative_iqr").GetDouble());
        Assert.Equal("""{"name":"digits.csv.gz","sha256":"00ff"}""", JsonSerializer.Serialize(json.GetProperty("data")[0]));
    }

    [Fact]
    public void The_unknown_is_null()
    {
        GpuState gpu = new("cuda:0", "GPU", null, null, null, null, null);
        JsonElement json = Write(Create() with { Git = null, Host = HostState.Read(_folder.Path), Gpus = [gpu] });

        Assert.Equal(JsonValueKind.Null, json.GetProperty("git").ValueKind);
        Assert.Equal("cpu_model physical_cores ram_bytes l2_bytes l3_bytes kernel load_average", NullKeys(json.GetProperty("host")));
        Assert.Equal("driver multiprocessors clock_mhz memory_bytes l2_bytes", NullKeys(json.GetProperty("gpus")[0]));
    }

    [Fact]
    public void The_build_is_this_one()
    {
        JsonElement build = Write(Create()).GetProperty("build");

#if DEBUG
        Assert.Equal("Debug", build.GetProperty("configuration").GetString());
#else
        Assert.Equal("Release", build.GetProperty("configuration").GetString());
#endif
        Assert.Equal(Environment.Version.ToString(), build.GetProperty("runtime_version").GetString());
        Assert.Matches(Backends.KernelRuntimeName == "ILGPU" ? @"^ILGPU \d+\.\d+\.\d+$" : "^stand-in$", build.GetProperty("kernel_runtime").GetString());
        Assert.False(build.GetProperty("concurrent_gc").GetBoolean());
        Assert.False(build.GetProperty("server_gc").GetBoolean());
    }

    [Fact]
    public void Only_gpus_that_are_there_are_listed()
    {
        string?[] expected = [.. Backends.List().Where(b => b.Missing is null && b.Name.Contains(':')).Select(b => b.Name)];

        Assert.Equal(expected, Write(Create()).GetProperty("gpus").EnumerateArray().Select(gpu => gpu.GetProperty("name").GetString()));
    }

    private static EnvironmentReport Create() => EnvironmentReport.Create(
        "run-1", s_noonInBerlin, ["sweep", "a \"b\" <ü>"], new Protocol(MinSamples: 7, RelativeIqr: 0.125), [new("digits.csv.gz", "00ff")]);

    private JsonElement Write(EnvironmentReport report)
    {
        report.WriteTo(_folder["environment.json"]);
        string text = File.ReadAllText(_folder["environment.json"]);
        Assert.EndsWith("\n}\n", text);
        return JsonDocument.Parse(text).RootElement;
    }

    private static string Keys(JsonElement element) => string.Join(' ', element.EnumerateObject().Select(p => p.Name));

    private static string NullKeys(JsonElement element) =>
        string.Join(' ', element.EnumerateObject().Where(p => p.Value.ValueKind == JsonValueKind.Null).Select(p => p.Name));
}
