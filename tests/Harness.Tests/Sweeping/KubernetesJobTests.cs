// The Indexed Job that `flgpu cluster kubernetes` prints, field by field against the API, since there is no cluster to ask.
using FlGpu.Harness.Sweeping;
using FlGpu.Harness.Tests.CommandLine;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace FlGpu.Harness.Tests.Sweeping;

public sealed class KubernetesJobTests : IDisposable
{
    private const int Tasks = 4;

    // Its first line is indented more than the next ones.
    private const string Plan = """
           // a plan
      {
        "data": "synthetic", "clients": [3, 6], "malicious": 1, "attacks": ["none", "sign_flip"], "defenses": ["none", "krum"], "seeds": [1, 2], "rounds": 2,
      }
      """;

    /// <summary>
    /// The fields of Kubernetes' API, version 1.30, that a file for a job may have (https://kubernetes.io/docs/reference/kubernetes-api, Job v1 and Pod v1): those that
    /// are an object or a list of them with its type, the others with that of their values; an exclamation mark stands behind those that must be there.
    /// </summary>
    private static readonly Dictionary<string, string> s_api = new()
    {
        ["ConfigMap"] = "apiVersion!:text kind!:text metadata!:ObjectMeta data:map immutable:flag",
        ["Job"] = "apiVersion!:text kind!:text metadata!:ObjectMeta spec!:JobSpec",
        ["ObjectMeta"] = "name!:text namespace:text labels:map annotations:map",
        ["JobSpec"] = "activeDeadlineSeconds:number backoffLimit:number backoffLimitPerIndex:number completionMode:NonIndexed|Indexed completions:number "
            + "manualSelector:flag maxFailedIndexes:number parallelism:number podFailurePolicy:PodFailurePolicy podReplacementPolicy:TerminatingOrFailed|Failed "
            + "suspend:flag template!:PodTemplateSpec ttlSecondsAfterFinished:number",
        ["PodFailurePolicy"] = "rules!:PodFailurePolicyRule[]",
        ["PodFailurePolicyRule"] = "action!:FailJob|FailIndex|Ignore|Count onExitCodes:OnExitCodes onPodConditions:OnPodConditions[]",
        ["OnExitCodes"] = "containerName:text operator!:In|NotIn values!:number[]",
        ["OnPodConditions"] = "type!:text status!:True|False|Unknown",
        ["PodTemplateSpec"] = "metadata:ObjectMeta spec!:PodSpec",
        ["PodSpec"] = "activeDeadlineSeconds:number containers!:Container[] nodeSelector:map priorityClassName:text restartPolicy:Never|OnFailure|Always "
            + "runtimeClassName:text serviceAccountName:text terminationGracePeriodSeconds:number volumes:Volume[]",
        ["Container"] = "name!:text image!:text imagePullPolicy:Always|IfNotPresent|Never command:text[] args:text[] env:EnvVar[] resources:Resources "
            + "volumeMounts:VolumeMount[] workingDir:text",
        ["EnvVar"] = "name!:text value:text",
        ["Resources"] = "limits:map requests:map",
        ["VolumeMount"] = "name!:text mountPath!:text readOnly:flag subPath:text",
        ["Volume"] = "name!:text configMap:ConfigMapVolume persistentVolumeClaim:ClaimVolume",
        ["ConfigMapVolume"] = "name!:text optional:flag defaultMode:number",
        ["ClaimVolume"] = "claimName!:text readOnly:flag",
    };

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Every_field_is_one_of_the_API_with_a_value_of_its_type_and_none_that_must_be_there_is_missing()
    {
        YamlStream file = Printed();
        Assert.Equal(2, file.Documents.Count);
        Assert.Empty(Faults(file.Documents[0].RootNode, "ConfigMap", "ConfigMap"));
        Assert.Empty(Faults(file.Documents[1].RootNode, "Job", "Job"));
        Assert.Equal(("v1", "ConfigMap"), (Text(file.Documents[0].RootNode["apiVersion"]), Text(file.Documents[0].RootNode["kind"])));
        Assert.Equal(("batch/v1", "Job"), (Text(file.Documents[1].RootNode["apiVersion"]), Text(file.Documents[1].RootNode["kind"])));
    }

    [Theory]
    [InlineData("completionMode:", "completionsMode:", "Job.spec.completionsMode")]
    [InlineData("completions: 4", "completions: \"4\"", "Job.spec.completions")]
    [InlineData("completionMode: Indexed", "completionMode: indexed", "Job.spec.completionMode")]
    [InlineData("backoffLimitPerIndex", "backoffLimitPerIndices", "Job.spec.backoffLimitPerIndices")]
    [InlineData("operator: In, ", "", "Job.spec.podFailurePolicy.rules[1].onExitCodes.operator")]
    [InlineData("status: \"True\"", "status: True", "Job.spec.podFailurePolicy.rules[0].onPodConditions[0].status")]
    [InlineData("values: [1, 2]", "values: [1, two]", "Job.spec.podFailurePolicy.rules[1].onExitCodes.values[1]")]
    [InlineData("restartPolicy: Never", "restartPolicy: Rarely", "Job.spec.template.spec.restartPolicy")]
    [InlineData("image:", "images:", "Job.spec.template.spec.containers[0].images")]
    [InlineData("value: \"4\"", "value: 4", "Job.spec.template.spec.containers[0].env[0].value")]
    [InlineData("--threads, \"4\"", "--threads, 4", "Job.spec.template.spec.containers[0].command[7]")]
    [InlineData("claimName", "claim", "Job.spec.template.spec.volumes[1].persistentVolumeClaim.claim")]
    public void A_field_that_the_API_has_otherwise_would_be_found(string printed, string otherwise, string where)
    {
        string text = Output();
        Assert.Contains(printed, text, StringComparison.Ordinal);
        YamlStream file = Read(text.Replace(printed, otherwise, StringComparison.Ordinal));
        Assert.Contains(Faults(file.Documents[1].RootNode, "Job", "Job"), fault => fault.StartsWith($"{where} ", StringComparison.Ordinal));
    }

    [Fact]
    public void It_is_indexed_with_one_index_a_shard_and_tells_the_program_how_many_there_are()
    {
        YamlNode spec = Printed().Documents[1].RootNode["spec"];
        Assert.Equal(("Indexed", $"{Tasks}", $"{Tasks}"), (Text(spec["completionMode"]), Text(spec["completions"]), Text(spec["parallelism"])));
        YamlNode container = spec["template"]["spec"]["containers"][0];
        Assert.Equal(("registry/flgpu:1", "flgpu"), (Text(container["image"]), Text(container["name"])));
        Assert.Equal("flgpu sweep --config /plan/sweep.json --out /results/mine --threads 4 --resume", string.Join(' ', ((YamlSequenceNode)container["command"]).Select(Text)));
        YamlNode count = Assert.Single((YamlSequenceNode)container["env"]);
        // JOB_COMPLETION_INDEX is Kubernetes' own.
        Dictionary<string, string> variables = new() { [Text(count["name"])] = Text(count["value"]), ["JOB_COMPLETION_INDEX"] = "0" };
        Assert.Equal($"1/{Tasks}", Shard.Choose(null, name => variables.GetValueOrDefault(name))!.Text);
    }

    [Fact]
    public void A_lost_machine_costs_no_try_and_an_exit_code_that_would_come_again_ends_the_index()
    {
        YamlNode spec = Printed().Documents[1].RootNode["spec"];
        Assert.Equal("10", Text(spec["backoffLimitPerIndex"]));
        // Both are conditions of the API for rules about single indices.
        Assert.Equal(("Indexed", "Never"), (Text(spec["completionMode"]), Text(spec["template"]["spec"]["restartPolicy"])));
        YamlNode[] rules = [.. (YamlSequenceNode)spec["podFailurePolicy"]["rules"]];
        // The first rule that fits counts.
        Assert.Equal(["Ignore", "FailIndex"], rules.Select(rule => Text(rule["action"])));
        Assert.Equal("DisruptionTarget", Text(rules[0]["onPodConditions"][0]["type"]));
        Assert.Equal(Text(spec["template"]["spec"]["containers"][0]["name"]), Text(rules[1]["onExitCodes"]["containerName"]));
        Assert.Equal(["1", "2"], ((YamlSequenceNode)rules[1]["onExitCodes"]["values"]).Select(Text));
    }

    [Fact]
    public void Each_volume_is_mounted_once_where_the_command_looks_for_it()
    {
        YamlStream file = Printed();
        YamlNode pod = file.Documents[1].RootNode["spec"]["template"]["spec"];
        Dictionary<string, YamlNode> volumes = ((YamlSequenceNode)pod["volumes"]).ToDictionary(volume => Text(volume["name"]));
        Dictionary<string, string> mounts = ((YamlSequenceNode)pod["containers"][0]["volumeMounts"]).ToDictionary(mount => Text(mount["mountPath"]), mount => Text(mount["name"]));
        Assert.Equal(volumes.Keys.Order(), mounts.Values.Order());
        Assert.Equal(Text(file.Documents[0].RootNode["metadata"]["name"]), Text(volumes[mounts["/plan"]]["configMap"]["name"]));
        Assert.Equal("disk", Text(volumes[mounts["/results/mine"]]["persistentVolumeClaim"]["claimName"]));
    }

    [Fact]
    public void The_plan_in_it_is_the_plan_and_the_cases_are_counted()
    {
        SweepPlan carried = SweepPlan.Read(_folder.Write("carried.json", Text(Printed().Documents[0].RootNode["data"]["sweep.json"])));
        Assert.Empty(carried.Differences(SweepPlan.Read(_folder.Write("plan.json", Plan))));
        Assert.StartsWith($"# 16 cases in {Tasks} indices: ", Output(), StringComparison.Ordinal);
    }

    // Also where the name would be something else in YAML.
    [Fact]
    public void Job_and_plan_have_the_name_that_is_asked_for()
    {
        YamlStream file = Printed();
        Assert.Empty(Faults(file.Documents[0].RootNode, "ConfigMap", "ConfigMap"));
        Assert.Equal(["null", "null"], file.Documents.Select(document => Text(document.RootNode["metadata"]["name"])));
    }

    [Theory]
    [InlineData("Mine")]
    [InlineData("my_sweep")]
    [InlineData("sweep-")]
    [InlineData("7")]
    [InlineData("")]
    public void A_name_that_Kubernetes_would_refuse_is_refused(string name) => ProgramRun.Of(
        "cluster", "kubernetes", "--config", _folder.Write("plan.json", Plan), "--out", "/results/mine", "--tasks", $"{Tasks}", "--name", name)
        .AssertRefused($"--name is '{name}'; allowed are ");

    private string Output() => ProgramRun.Of(
        "cluster", "kubernetes", "--config", _folder.Write("plan.json", Plan), "--out", "/results/mine", "--tasks", $"{Tasks}", "--image", "registry/flgpu:1", "--claim",
        "disk", "--name", "null").AssertDone().Output;

    private YamlStream Printed() => Read(Output());

    private static YamlStream Read(string text)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(text));
        return stream;
    }

    /// <summary>What the API would refuse, as "Job.spec.field is …".</summary>
    private static IEnumerable<string> Faults(YamlNode node, string type, string path)
    {
        if (type.EndsWith("[]", StringComparison.Ordinal))
        {
            return node is YamlSequenceNode list ? list.SelectMany((item, i) => Faults(item, type[..^2], $"{path}[{i}]")) : [$"{path} is no list"];
        }

        if (type == "map")
        {
            return node is YamlMappingNode map ? map.Children.Values.SelectMany(value => Faults(value, "text", path)) : [$"{path} is no map"];
        }

        if (!s_api.TryGetValue(type, out string? fields))
        {
            return node is YamlScalarNode scalar && Fits(scalar, type) ? [] : [$"{path} is '{node}', not {type}"];
        }

        if (node is not YamlMappingNode given)
        {
            return [$"{path} is no {type}"];
        }

        (string Name, bool Needed, string Type)[] known = [.. fields.Split(' ').Select(field => field.Split(':')).Select(parts => (parts[0].TrimEnd('!'), parts[0].EndsWith('!'), parts[1]))];
        return
        [
            .. given.Children.Keys.Select(Text).Except(known.Select(field => field.Name)).Select(name => $"{path}.{name} is no field of {type}"),
            .. known.Where(field => field.Needed && !given.Children.ContainsKey(field.Name)).Select(field => $"{path}.{field.Name} is missing"),
            .. known.Where(field => given.Children.ContainsKey(field.Name)).SelectMany(field => Faults(given[field.Name], field.Type, $"{path}.{field.Name}")),
        ];
    }

    // Without quotes YAML makes 4 a number and True a flag; with them both are texts.
    private static bool Fits(YamlScalarNode scalar, string type)
    {
        bool quoted = scalar.Style is ScalarStyle.DoubleQuoted or ScalarStyle.SingleQuoted or ScalarStyle.Literal;
        bool number = !quoted && int.TryParse(scalar.Value, out _);
        bool flag = !quoted && bool.TryParse(scalar.Value, out _);
        return type switch
        {
            "number" => number,
            "flag" => flag,
            "text" => !number && !flag,
            _ => !number && !flag && type.Split('|').Contains(scalar.Value),
        };
    }

    private static string Text(YamlNode node) => ((YamlScalarNode)node).Value!;
}
