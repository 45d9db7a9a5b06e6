// `flgpu check --end-to-end`: what rounding explains passes and is counted, everything else fails.
using FlGpu.Harness.Checking;
using FlGpu.Harness.Sweeping;
using FlGpu.Harness.Tests.CommandLine;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Tests.Checking;

public sealed class EndToEndTests
{
    private const int Samples = 4;
    private const double FarFromATie = 0.5;
    private const double NearATie = 1e-6;

    [Theory]
    [InlineData("updates")]
    [InlineData("tutorial")]
    public void Every_defense_under_every_attack_has_the_accuracy_of_the_reference(string convention)
    {
        string[] preset = convention == "tutorial" ? ["--preset", convention] : [];
        ProgramRun run = ProgramRun.Of(["check", "--end-to-end", "--backend", "reference,simd", "--rounds", "2", .. preset]).AssertDone();
        string[] simd = Assert.Single(run.Cells, cells => cells[0] == "simd" && cells.Length == 7);
        Assert.Equal(["simd", "30", "30"], simd[..3]);
        Assert.Equal("0.0000", simd[4]);
        Assert.Equal("passed", simd[^1]);
        Assert.Contains("0 of 30 runs failed", run.Output, StringComparison.Ordinal);
        Assert.Equal("", run.Error);
    }

    [Fact]
    public void The_kernels_have_it_too()
    {
        TrainingCase[] cases = [.. Cases("cpu", "none,sign_flip", "median,krum")];
        foreach (TrainingCase sweepCase in cases)
        {
            IReadOnlyList<RoundComparison> rounds = RoundComparison.Of(Trace("cpu", sweepCase), Trace("reference", sweepCase));
            Assert.Equal([1, 2], rounds.Select(round => round.Round));
            Assert.All(rounds, round => Assert.True(round.SameAccuracy && round.Failure is null, round.Failure));
        }
    }

    [Fact]
    public void A_learning_rate_that_is_one_per_cent_off_fails()
    {
        TrainingCase right = Cases("simd", "none", "none").Single();
        LocalSgd sgd = right.Experiment.Sgd;
        TrainingCase wrong = right with { Experiment = right.Experiment with { Sgd = sgd with { LearningRate = sgd.LearningRate * 1.01f } } };
        Assert.All(RoundComparison.Of(Trace("simd", right), Trace("reference", right)), round => Assert.Null(round.Failure));
        Assert.All(RoundComparison.Of(Trace("simd", wrong), Trace("reference", right)), round => Assert.Contains("parameters", round.Failure, StringComparison.Ordinal));
    }

    [Fact]
    public void Another_rule_on_the_same_updates_fails()
    {
        TrainingCase[] cases = [.. Cases("simd", "none", "trimmed_mean;median")];
        Assert.All(RoundComparison.Of(Trace("simd", cases[0]), Trace("reference", cases[1])), round => Assert.NotNull(round.Failure));
    }

    [Fact]
    public void A_near_tie_that_tips_over_passes_and_is_counted()
    {
        RoundComparison round = Compared(ours => ours with { Classes = [1, 0, 0, 0], TestAccuracy = 0.75 });
        Assert.Null(round.Failure);
        Assert.Equal((1, NearATie, false), (round.Tipped, round.LargestMargin, round.SameAccuracy));
    }

    [Fact]
    public void A_sample_far_from_a_tie_that_tips_over_fails() =>
        Assert.Contains("near tie", Compared(ours => ours with { Classes = [0, 1, 0, 0], TestAccuracy = 0.75 }).Failure, StringComparison.Ordinal);

    [Fact]
    public void A_sample_without_a_margin_that_tips_over_fails() =>
        Assert.Contains("near tie", Compared(ours => ours with { Classes = [0, 0, 1, 0] }).Failure, StringComparison.Ordinal);

    [Fact]
    public void An_accuracy_that_differs_by_more_than_what_tipped_over_fails()
    {
        RoundComparison round = Compared(ours => ours with { Classes = [1, 0, 0, 0], TestAccuracy = 0.5 });
        Assert.Equal("the accuracies differ by 2 samples, of which 1 tipped over", round.Failure);
        Assert.NotNull(Compared(ours => ours with { TestAccuracy = 0.75 }).Failure);
        Assert.NotNull(Compared(ours => ours with { TestAccuracy = double.NaN }).Failure);
    }

    [Fact]
    public void A_sample_that_is_a_tie_in_the_model_itself_may_count_as_right_or_wrong() =>
        Assert.Null(Compared(ours => ours with { TestAccuracy = 0.75, Margins = [NearATie, FarFromATie, FarFromATie, FarFromATie] }).Failure);

    [Fact]
    public void Parameters_that_are_off_fail_though_no_class_changes()
    {
        const float Way = 10;
        Assert.Equal(0.004, Compared(ours => ours with { Parameters = [Way * 1.004f, 0] }).Distance, 1e-6);
        Assert.Null(Compared(ours => ours with { Parameters = [Way * 1.004f, 0] }).Failure);
        Assert.Contains("parameters", Compared(ours => ours with { Parameters = [Way * 1.006f, 0] }).Failure, StringComparison.Ordinal);
    }

    [Fact]
    public void Values_that_are_no_number_must_be_so_on_both_sides()
    {
        Assert.NotNull(Compared(ours => ours with { Parameters = [10, float.NaN] }).Failure);
        Assert.NotNull(Compared(ours => ours with { Parameters = [10, float.NegativeInfinity] }).Failure);
        Assert.Null(Compared(ours => ours with { Parameters = [10, float.PositiveInfinity] }, reference => reference with { Parameters = [10, float.NaN] }).Failure);
    }

    [Fact]
    public void Classes_are_those_of_the_first_largest_logit_and_margins_are_relative()
    {
        TracedRound round = TracedRound.Of(0, [], [1, 3, 3, -4, 1, 2, float.NaN, 9, float.NaN, 0, 0, 0], 4);
        Assert.Equal([1, 2, 0, 0], round.Classes);
        Assert.Equal([0, 0.25, double.NaN, 0], round.Margins);
    }

    [Fact]
    public void A_wrong_backend_gets_a_line_with_the_run_and_the_round()
    {
        TrainingCase[] cases = [.. Cases("simd", "none,sign_flip", "median")];
        IReadOnlyList<RoundComparison> right = [Compared(ours => ours)];
        IReadOnlyList<RoundComparison> tipped = [Compared(ours => ours with { Classes = [1, 0, 0, 0], TestAccuracy = 0.75 })];
        IReadOnlyList<RoundComparison> wrong = [Compared(ours => ours with { Parameters = [11, 0] })];

        var output = new StringWriter();
        Assert.Equal(0, EndToEndCheck.Write("simd", cases, [right, tipped], new(output, output, true, true)));
        Assert.Contains("sign_flip, median: 1 in round 1 (margin 1E-6; 0.7500, reference 1.0000)", output.ToString(), StringComparison.Ordinal);

        output = new StringWriter();
        Assert.Equal(1, EndToEndCheck.Write("simd", cases, [right, wrong], new(output, output, true, true)));
        Assert.Contains("FAILED: 1", output.ToString(), StringComparison.Ordinal);
        Assert.Contains("sign_flip, median, round 1: the parameters are 1.0E-1 of the way apart", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_checked_so_is_refused()
    {
        ProgramRun.Of("check", "--rounds", "3").AssertRefused("--rounds", "--end-to-end");
        ProgramRun.Of("check", "--end-to-end", "--vectors", "x.jsonl").AssertRefused("--vectors", "--end-to-end");
        ProgramRun.Of("check", "--end-to-end", "--backend", "reference").AssertRefused("--backend", "'reference'");
        ProgramRun.Of("check", "--end-to-end", "--backend", "simd", "--seed", "1..2").AssertRefused("--seed", "1..2");
        ProgramRun.Of("check", "--end-to-end", "--backend", "simd", "--rounds", "0").AssertRefused("--rounds", "'0'");
        ProgramRun.Of("check", "--end-to-end", "--backend", "simd", "--preset", "papers").AssertRefused("--preset", "papers", "tutorial");
        ProgramRun.Of("check", "--end-to-end", "--backend", "simd", "--data", "cats").AssertRefused("--data", "cats");
    }

    /// <summary>
    /// Beside a reference whose model has come from (0, 0) to (10, 0) and gets all samples right: the first one is near a tie, the third one has a
    /// logit that is no number.
    /// </summary>
    private static RoundComparison Compared(
        Func<TracedRound, TracedRound> ours, Func<TracedRound, TracedRound>? reference = null)
    {
        var right = new TracedRound(1, [10, 0], new int[Samples], [NearATie, FarFromATie, double.NaN, FarFromATie]);
        TracedRound changed = ours(right with { Margins = [FarFromATie, FarFromATie, FarFromATie, FarFromATie] });
        return Assert.Single(RoundComparison.Of(
            new([0, 0], [changed]), new([0, 0], [reference?.Invoke(right) ?? right])));
    }

    private static IEnumerable<TrainingCase> Cases(string backend, string attacks, string defenses) =>
        SweepCases.Of(SweepPlan.Tutorial with { Preset = null, Backends = [backend], Attacks = [attacks], Defenses = [defenses], Rounds = 2, Seeds = [1] }).Cast<TrainingCase>();

    private static Trajectory Trace(string name, TrainingCase sweepCase)
    {
        using Backend backend = Backends.Open(name, 1);
        using FederatedData data = FederatedData.Load(backend, sweepCase.Data, sweepCase.Partition, sweepCase.Clients, sweepCase.Experiment.Seed);
        return Trajectory.Of(sweepCase.Experiment, backend, data);
    }
}
