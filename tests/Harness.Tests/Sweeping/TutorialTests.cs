// `flgpu compare`: the tutorial's accuracies, and the same ones whatever computes them.
using System.Globalization;
using FlGpu.Harness.Recording;
using FlGpu.Harness.Tests.CommandLine;

namespace FlGpu.Harness.Tests.Sweeping;

public sealed class TutorialTests : IDisposable
{
    private const int Cells = 30;
    private const int Seeds = 32;
    private const int LastRound = 30;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Thirty_two_seeds_of_the_preset_agree_with_the_tutorial_in_PyTorch()
    {
        string[][] lines = [.. File.ReadLines(Path.Combine(AppContext.BaseDirectory, "Vectors", "tutorial-accuracy.csv")).Skip(1).Select(line => line.Split(','))];
        Assert.Equal(Cells * Seeds, lines.Length);
        ILookup<(string, string), double> expected = lines.ToLookup(cells => (cells[1], cells[2]), cells => double.Parse(cells[5], CultureInfo.InvariantCulture));
        ILookup<(string, string), double> actual = Compare("tutorial", "--preset", "tutorial", "--seeds", $"1..{Seeds}", "--backend", "simd")
            .Where(row => row.Round == LastRound)
            .ToLookup(row => (row.Attack.Split(':')[0], row.Defense.Split(':')[0]), row => row.TestAccuracy!.Value);
        Assert.Equal(expected.Select(cell => cell.Key).Order(), actual.Select(cell => cell.Key).Order());
        List<string> beyondThree = [];
        foreach (IGrouping<(string Attack, string Defense), double> cell in actual)
        {
            double[] ours = [.. cell];
            double[] theirs = [.. expected[cell.Key]];
            Assert.Equal((Seeds, Seeds), (ours.Length, theirs.Length));
            double z = (ours.Average() - theirs.Average()) / Math.Sqrt((Variance(ours) + Variance(theirs)) / Seeds);
            string told = string.Create(CultureInfo.InvariantCulture, $"{cell.Key.Attack} {cell.Key.Defense}: {ours.Average():0.000} and {theirs.Average():0.000}, z = {z:0.00}");
            Assert.True(Math.Abs(z) <= 4, told);
            if (Math.Abs(z) > 3)
            {
                beyondThree.Add(told);
            }
        }

        Assert.True(beyondThree.Count <= 1, string.Join("; ", beyondThree));
    }

    [Fact]
    public void One_and_two_threads_give_the_same_numbers_to_the_last_digit()
    {
        const int Clients = 40;
        string[] options =
        [
            "--backend", "simd", "--hidden", "256", "--clients", $"{Clients}", "--clients-per-round", "all", "--malicious", "0.2", "--rounds", "2", "--seeds", "1",
            "--attacks", "none,label_flip,random_noise,gradient_scale,sign_flip", "--defenses", "none,median,trimmed_mean,krum,multi_krum,norm_clip",
        ];
        IReadOnlyList<AccuracyRow> one = Compare("one", [.. options, "--threads", "1"]);
        IReadOnlyList<AccuracyRow> two = Compare("two", [.. options, "--threads", "2"]);
        Assert.Equal(Cells * 2, one.Count);
        Assert.All(one, row => Assert.True((long)row.Clients * row.Parameters > 300_000, "too small to be worth a second thread"));
        Assert.Equal(one.Select(Timeless), two.Select(Timeless));
    }

    [Fact]
    public void Every_CPU_backend_gives_the_same_accuracies_to_four_digits()
    {
        const int Rounds = 3;
        IReadOnlyList<AccuracyRow> rows = Compare(
            "backends", "--preset", "tutorial", "--seeds", "1", "--rounds", $"{Rounds}", "--backend", "reference,simd,cpu");
        ILookup<string, AccuracyRow> byBackend = rows.ToLookup(row => row.Backend);
        AccuracyRow[] reference = [.. byBackend["reference"]];
        Assert.Equal(Cells * Rounds, reference.Length);
        Assert.True(reference.Select(row => row.TestAccuracy).Distinct().Count() > Rounds, "all cells are alike");
        foreach (string backend in new[] { "simd", "cpu" })
        {
            Assert.Equal(
                reference.Select(row => (row.Attack, row.Defense, row.Round, Math.Round(row.TestAccuracy!.Value, 4))),
                byBackend[backend].Select(row => (row.Attack, row.Defense, row.Round, Math.Round(row.TestAccuracy!.Value, 4))));
        }
    }

    [Fact]
    public void The_preset_writes_the_dialect_of_each_defense_and_keeps_what_the_user_gave()
    {
        IReadOnlyList<AccuracyRow> rows = Compare(
            "dialect", "--preset", "tutorial", "--seeds", "1", "--rounds", "1", "--attacks", "none", "--backend", "simd",
            "--defenses", "median;krum;krum:distance=squared;multi_krum:keep=5;norm_clip;trimmed_mean:trim=0.1");
        Assert.Equal(
            [
                "median:even=lower", "krum:distance=euclidean", "krum:distance=squared", "multi_krum:keep=5,distance=euclidean", "norm_clip:clip=10",
                "trimmed_mean:trim=0.1",
            ],
            rows.Select(row => row.Defense));
    }

    [Fact]
    public void The_table_has_a_line_for_each_attack_and_a_column_for_each_defense_and_no_folder_is_written_without_out()
    {
        ProgramRun run = ProgramRun.Of(
            "compare", "--attacks", "none,sign_flip", "--defenses", "none,median", "--rounds", "2", "--seeds", "1..2", "--backend", "simd").AssertDone();
        Assert.Equal(["attack", "none", "median"], run.Cells[0][^3..]);
        Assert.All(new[] { "none", "sign_flip" }, attack => Assert.Matches(@"^0\.\d{3} ± 0\.\d{3}$", Assert.Single(run.Cells, cells => cells.Length >= 3 && cells[^3] == attack)[^1]));
        Assert.DoesNotContain("Wrote", run.Output, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(_folder.Path));
    }

    private static AccuracyRow Timeless(AccuracyRow row) => row with { RunId = "", TrainMs = 0, AttackMs = 0, AggregateMs = 0, EvaluateMs = 0 };

    private static double Variance(double[] values) => values.Sum(value => Math.Pow(value - values.Average(), 2)) / (values.Length - 1);

    private IReadOnlyList<AccuracyRow> Compare(string name, params string[] options)
    {
        ProgramRun.Of(["compare", "--out", _folder[name], .. options]).AssertDone();
        IReadOnlyList<AccuracyRow> rows = CsvTable<AccuracyRow>.Read(Path.Combine(_folder[name], "accuracy.csv"));
        Assert.All(rows, row => Assert.Equal(RowStatus.Ok, row.Status));
        return rows;
    }
}
