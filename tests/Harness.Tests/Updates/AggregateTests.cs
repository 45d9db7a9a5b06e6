// `flgpu aggregate` on whole files: the aggregate, who was kept and why, and what is written.
using System.Globalization;
using FlGpu.Harness.Tests.CommandLine;
using FlGpu.Harness.Updates;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Tests.Updates;

public sealed class AggregateTests : IDisposable
{
    private const int Clients = 20;
    private const int Parameters = 33;
    private static readonly string[] s_far = ["4", "11"]; // the clients of normal.npy that are far from the others
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("median", 0)]
    [InlineData("nnm+krum:f=3", 3)]
    [InlineData("anomaly_detection+multi_krum:f=5", 5)]
    [InlineData("bucketing+geometric_median", 4)]
    [InlineData("weak_dp", 4)]
    public void The_aggregate_is_that_of_the_rule_called_directly(string defense, int f)
    {
        foreach (string name in new[] { "reference", "simd", "cpu" })
        {
            using Backend backend = Backends.Open(name, 1);
            using Matrix updates = backend.Upload(Clients, Parameters, Normal());
            using Matrix aggregate = backend.AllocateMatrix(1, Parameters);
            using IDefense rule = Catalogue.Parse<IDefense>("--defense", defense).Create(new Setting(backend, Clients, f, Parameters));
            RngKey key = RngKey.FromSeed(9).Fold((ulong)Purpose.Round).Fold(1);
            rule.Aggregate(new Round(1, updates, aggregate, new int[Clients], 0, key), aggregate);

            string output = _folder[$"{name}.npy"];
            Run(defense, "--malicious", $"{f}", "--backend", name, "--output", output, "--seed", "9").AssertDone();
            Assert.Equal(aggregate.ToArray(), Vector(output));
        }
    }

    [Fact]
    public void The_median_is_that_of_NumPy()
    {
        Run("median", "--output", _folder["median.npy"]).AssertDone();
        Assert.Equal(Vector(Quarters.File("normal-median.npy")), Vector(_folder["median.npy"]), new RelativeComparer(1e-6));
    }

    [Fact]
    public void One_seed_gives_the_same_file_and_another_seed_another()
    {
        foreach ((string file, string seed) in new[] { ("a.npy", "1"), ("b.npy", "1"), ("c.npy", "2") })
        {
            Run("weak_dp", "--seed", seed, "--output", _folder[file]).AssertDone();
        }

        Assert.Equal(File.ReadAllBytes(_folder["a.npy"]), File.ReadAllBytes(_folder["b.npy"]));
        Assert.NotEqual(File.ReadAllBytes(_folder["a.npy"]), File.ReadAllBytes(_folder["c.npy"]));
    }

    [Fact]
    public void Who_is_kept_is_told_with_the_measure_that_was_exceeded()
    {
        ProgramRun run = Run("anomaly_detection+median").AssertDone();
        Assert.Contains("Kept 18 of 20 clients", run.Output, StringComparison.Ordinal);
        Assert.Contains("anomaly_detection(threshold=3.5) + median(even=average)", run.Output, StringComparison.Ordinal);
        foreach (string[] cells in Rows(run))
        {
            bool far = s_far.Contains(cells[0]);
            Assert.Equal(far ? "no" : "yes", cells[1]);
            Assert.Equal(far, cells[^1].Contains("norm_z", StringComparison.Ordinal) && cells[^1].Contains("> 3.5", StringComparison.Ordinal));
        }
    }

    [Fact]
    public void The_scores_of_Krum_rank_the_clients_and_the_first_is_kept()
    {
        IReadOnlyList<Dictionary<string, string>> rows = Scores("krum", "--malicious", "3");
        Assert.Equal(Clients, rows.Count);
        Dictionary<string, string> kept = Assert.Single(rows, row => row["kept"] == "true");
        Assert.Same(rows.MinBy(row => Number(row["krum_score"])), kept);
        Assert.Equal((1, 1.0, 0.0), (Number(kept["weight"]), Number(kept["cosine"]), Number(kept["distance"])));
        Assert.EndsWith("(1 of 20)", kept["reason"], StringComparison.Ordinal);

        // The sum of the squared distances to the n - f - 2 = 15 nearest, by hand.
        float[] updates = Normal();
        double[] squared = [.. Enumerable.Range(0, Clients).Select(other => Enumerable.Range(0, Parameters).Sum(k => Math.Pow(updates[k] - updates[(other * Parameters) + k], 2)))];
        Assert.Equal(squared.Order().Skip(1).Take(15).Sum(), Number(rows[0]["krum_score"]), 1e-3);
    }

    [Fact]
    public void A_client_that_a_stage_has_removed_has_no_score_of_the_rule_behind()
    {
        IReadOnlyList<Dictionary<string, string>> rows = Scores("anomaly_detection+krum");
        Assert.Equal(s_far, rows.Where(row => row["krum_score"].Length == 0).Select(row => row["client"]));
        Assert.Equal(s_far, rows.Where(row => Number(row["norm_z"]) > 3.5).Select(row => row["client"]));
        Assert.All(rows, row => Assert.Equal(row["krum_score"].Length > 0, row["reason"].Contains("of 18", StringComparison.Ordinal)));
    }

    [Fact]
    public void Norms_cosines_and_distances_are_those_of_the_updates()
    {
        float[] updates = Normal();
        IReadOnlyList<Dictionary<string, string>> rows = Scores("median", "--output", _folder["median.npy"]);
        float[] median = Vector(_folder["median.npy"]);
        for (int i = 0; i < Clients; i++)
        {
            float[] update = updates[(i * Parameters)..((i + 1) * Parameters)];
            double product = update.Zip(median).Sum(pair => (double)pair.First * pair.Second);
            Assert.Equal(Norm(update), Number(rows[i]["norm"]), 1e-4);
            Assert.Equal(product / (Norm(update) * Norm(median)), Number(rows[i]["cosine"]), 1e-5);
            Assert.Equal(Norm([.. update.Zip(median).Select(pair => pair.First - pair.Second)]), Number(rows[i]["distance"]), 1e-4);
            Assert.Equal(("", ""), (rows[i]["kept"], rows[i]["weight"]));
        }
    }

    [Theory]
    [InlineData("nnm+krum:f=3")]
    [InlineData("bucketing:s=3+multi_krum:f=1")]
    [InlineData("anomaly_detection+nnm+krum")]
    [InlineData("bucketing+none")]
    [InlineData("clipping:c=3+none")]
    [InlineData("arc:f=4+multi_krum:f=3")]
    [InlineData("clipping:c=3+anomaly_detection+nnm:f=2+norm_clip:clip=1.5")]
    public void Weights_through_stages_make_up_the_aggregate(string defense)
    {
        float[] updates = Normal();
        IReadOnlyList<Dictionary<string, string>> rows = Scores(defense, "--output", _folder["aggregate.npy"]);
        double[] weights = [.. rows.Select(row => Number(row["weight"]))];
        float[] aggregate = Vector(_folder["aggregate.npy"]);
        for (int k = 0; k < Parameters; k++)
        {
            Assert.Equal(aggregate[k], Enumerable.Range(0, Clients).Sum(i => weights[i] * updates[(i * Parameters) + k]), 1e-4);
        }
    }

    public static TheoryData<string> WholeUpdateRules { get; } =
        [.. Catalogue.All<IDefense>().Select(rule => rule.Name).Except(["fl_trust", "mda", "smea"]), "mda:f=2", "smea:f=2", "bucketing+cge", "arc+multi_krum"];

    [Theory]
    [MemberData(nameof(WholeUpdateRules))]
    public void Whoever_is_rejected_or_cut_is_told_why(string defense)
    {
        IReadOnlyList<Dictionary<string, string>> rows = Scores(defense, "--malicious", "2");
        Assert.All(rows.Where(row => row["kept"] == "false"), row => Assert.NotEqual("", row["reason"]));
        double most = rows.Where(row => row["weight"].Length > 0).Select(row => Number(row["weight"])).DefaultIfEmpty().Max();
        Assert.All(rows.Where(row => row["weight"].Length > 0 && Number(row["weight"]) < most * 0.99 && !defense.StartsWith("geometric", StringComparison.Ordinal)), row => Assert.NotEqual("", row["reason"]));
    }

    [Theory]
    [InlineData("auror", "in smaller cluster")]
    [InlineData("bulyan", "not selected by krum")]
    [InlineData("centered_clipping:tau=40", "distance_to_center 14")]
    [InlineData("cge", "update_norm 14", "of 20)")]
    [InlineData("dnc", "outlier along main direction")]
    [InlineData("fools_gold", "similarity 0.9")]
    [InlineData("monna", "distance_to_trusted 14", "of 20)")]
    [InlineData("norm_clip", "update_norm 14", "> 10")]
    [InlineData("sign_guard", "unusual norm")]
    [InlineData("smea", "outside best subset")]
    [InlineData("clipping:c=7+krum", "update_norm 14", "> 7; krum_score")]
    public void Two_clients_far_from_the_others_are_told_from_them_by_what_the_rule_looked_at(string defense, params string[] words)
    {
        IReadOnlyList<Dictionary<string, string>> rows = Scores(defense, "--malicious", "2");
        Assert.All(s_far, client => Assert.All(words, word => Assert.Contains(word, rows[int.Parse(client, CultureInfo.InvariantCulture)]["reason"], StringComparison.Ordinal)));
    }

    [Theory]
    [InlineData("krum", "Kept 1 of 20 clients: ")]
    [InlineData("cge", "Kept 18 of 20 clients; rejected 4, 11.")]
    [InlineData("none", "Kept 20 of 20 clients.")]
    [InlineData("median", "none is kept or rejected as a whole")]
    [InlineData("nnm+krum", "scores are of what the stages made of them")]
    [InlineData("fools_gold", "judges by earlier rounds too")]
    public void The_line_above_the_table_says_what_it_shows(string defense, string words) =>
        Assert.Contains(words, Run(defense, "--malicious", "2").AssertDone().Output, StringComparison.Ordinal);

    [Fact]
    public void A_client_of_no_numbers_is_rejected_and_its_norm_is_the_reason()
    {
        string input = _folder.Write("nan.csv", "1,2\n1.1,2\nnan,2\n1,2.1\n1.05,2.05\n0.9,2\n");
        ProgramRun run = ProgramRun.Of("aggregate", "--defense", "krum:f=1", "--input", input, "--backend", "simd").AssertDone();
        string[] cells = Assert.Single(Rows(run), cells => cells[0] == "2");
        Assert.Equal(("no", "0", "NaN", "-"), (cells[1], cells[2], cells[3], cells[4]));
        Assert.StartsWith("norm NaN; krum_score", cells[5], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("nnm+krum:f=3", "f = 3: nnm(f=3) + krum(f=3, distance=squared, neighbours=n-f-2).")]
    [InlineData("multi_krum", "f = 4: multi_krum(f=4, keep=(n - f, iterated n - 2f - 2), distance=squared")]
    [InlineData("anomaly_detection+krum", "krum(f=4 less the rejected, distance=squared")]
    [InlineData("nnm:f=2+krum:f=3", "f = 4: nnm(f=2) + krum(f=3,")]
    [InlineData("trimmed_mean", "f = 4: trimmed_mean(trim=")]
    public void The_rule_is_named_with_f_and_every_parameter_as_used(string defense, string words) =>
        Assert.Contains(words, Run(defense).AssertDone().Output, StringComparison.Ordinal);

    [Fact]
    public void One_file_a_client_is_listed_by_its_name()
    {
        ProgramRun run = ProgramRun.Of("aggregate", "--defense", "none", "--input", Quarters.File("clients"), "--backend", "simd").AssertDone();
        Assert.Equal(Enumerable.Range(0, 7).Select(i => $"client-{i}.safetensors"), Rows(run).Select(cells => cells[1]));
    }

    [Fact]
    public void Of_many_clients_those_that_stand_out_are_listed_and_the_file_has_all()
    {
        string input = _folder.Write("many.csv", string.Concat(Enumerable.Range(0, 500).Select(i => $"{(i < 450 ? 1 + (i / 1000.0) : -50)},1\n")));
        ProgramRun run = ProgramRun.Of(
            "aggregate", "--defense", "anomaly_detection+none", "--input", input, "--scores", _folder["scores.csv"], "--backend", "simd").AssertDone();
        Assert.Equal(RoundScreen.MostListed, Rows(run).Count);
        Assert.Equal(RoundScreen.MostListed / 2, Rows(run).Count(cells => cells[1] == "no"));
        Assert.InRange(run.OutputLines.Length, RoundScreen.MostListed, 40);
        Assert.Equal(501, File.ReadAllLines(_folder["scores.csv"]).Length);
    }

    [Fact]
    public void Scores_go_to_standard_output_and_nothing_else_does()
    {
        ProgramRun run = Run("krum", "--malicious", "3", "--scores", "-", "--output", _folder["krum.npy"]).AssertDone();
        Assert.Equal(Clients + 1, run.OutputLines.Length);
        Assert.Equal("client,file,kept,weight,norm,cosine,distance,krum_score,reason", run.OutputLines[0]);
        Assert.Equal([_folder["krum.npy"]], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void Old_outputs_are_replaced_and_nothing_else_is_left_beside_them()
    {
        _folder.Write("aggregate.npy", "old");
        _folder.Write("scores.csv", "old");
        Run("median", "--output", _folder["aggregate.npy"], "--scores", _folder["scores.csv"]).AssertDone();
        Assert.Equal(Parameters, Vector(_folder["aggregate.npy"]).Length);
        Assert.StartsWith("client,file,kept,weight,norm,cosine,distance,reason\n", File.ReadAllText(_folder["scores.csv"]), StringComparison.Ordinal);
        Assert.Equal(2, Directory.GetFileSystemEntries(_folder.Path).Length);
    }

    private static ProgramRun Run(string defense, params string[] options) =>
        ProgramRun.Of(["aggregate", "--defense", defense, "--input", Quarters.File("normal.npy"), .. options.Contains("--backend") ? options : [.. options, "--backend", "simd"]]);

    private IReadOnlyList<Dictionary<string, string>> Scores(string defense, params string[] options)
    {
        string path = _folder["scores.csv"];
        Run(defense, [.. options, "--scores", path]).AssertDone();
        string[] lines = File.ReadAllLines(path);
        string[] columns = lines[0].Split(',');
        return [.. lines[1..].Select(line => columns.Zip(line.Split(',', columns.Length)).ToDictionary(pair => pair.First, pair => pair.Second.Trim('"')))];
    }

    /// <summary>The lines of the table that begin with a client's number.</summary>
    private static IReadOnlyList<string[]> Rows(ProgramRun run) => [.. run.Cells.Where(cells => int.TryParse(cells[0], out _))];

    private static float[] Normal() => Floats("normal.npy", Clients * Parameters);

    private static float[] Floats(string name, int count)
    {
        byte[] bytes = File.ReadAllBytes(Quarters.File(name));
        float[] floats = new float[count];
        System.Buffer.BlockCopy(bytes, bytes.Length - (count * sizeof(float)), floats, 0, count * sizeof(float));
        return floats;
    }

    private static float[] Vector(string path) => Floats(path, Parameters);

    private static double Norm(IEnumerable<float> vector) => Math.Sqrt(vector.Sum(x => (double)x * x));

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private sealed class RelativeComparer(double tolerance) : IEqualityComparer<float>
    {
        public bool Equals(float x, float y) => Math.Abs(x - y) <= tolerance * Math.Abs(x);

        public int GetHashCode(float value) => 0;
    }
}
