// Summary rows against numbers worked out by hand.
using FlGpu.Harness.Recording;

namespace FlGpu.Harness.Tests.Recording;

public class SummaryTests
{
    private static readonly TimingRow s_time = new(
        "r", RowKind.Operation, "row_norms", "", "simd", "CPU", 4, 100, 0, 1000, TimingScope.Compute, TimingPhase.Sample, 0,
        1, null, 3_000_000, 4_000_000, 2_000_000, RowStatus.Ok, "");

    private static readonly AccuracyRow s_accuracy = new(
        "r", "digits", "iid", "mlp", 2410, 10, 2, "label_flip", "median", "simd", 1, 10, 0.5, null, null, null, null, null, null, null,
        null, null, null, null, null, null, null, null, RowStatus.Ok, "");

    [Fact]
    public void Times_give_quartiles_and_rates()
    {
        double[] wallMs = [4, 1, 2, 3];
        SummaryRow row = Assert.Single(Summary.Of([.. wallMs.Select(ms => s_time with { WallMs = ms })], []));

        Assert.Equal(
            new SummaryRow(
                RowKind.Operation, "row_norms", "", "", "", "simd", 4, 100, 0, 1000, 4, 1, 1.75, 2.5, 3.25, 0.6,
                1.2, 2.4, null, null, null, null, RowStatus.Ok, ""),
            row);
    }

    [Fact]
    public void Rates_are_of_the_mean_work_and_missing_where_the_work_is_unknown()
    {
        SummaryRow row = Assert.Single(Summary.Of(
            [s_time with { Flops = 2_000_000, BytesWritten = null }, s_time with { Flops = 6_000_000, BytesWritten = null }], []));

        Assert.Equal(4, row.GflopPerS);
        Assert.Null(row.GbPerS);
    }

    [Fact]
    public void First_calls_and_calls_that_failed_do_not_count()
    {
        SummaryRow row = Assert.Single(Summary.Of(
            [
                s_time with { Phase = TimingPhase.First, WallMs = 500 },
                s_time with { WallMs = 2 },
                s_time with { WallMs = 900, Status = RowStatus.Failed, Reason = "wrong" },
            ],
            []));

        Assert.Equal((1, 2.0, RowStatus.Ok, ""), (row.Samples, row.MedianMs, row.Status, row.Reason));
    }

    [Fact]
    public void Each_part_of_the_key_separates_in_the_order_of_appearance()
    {
        TimingRow[] rows =
        [
            s_time,
            s_time with { Kind = RowKind.Defense },
            s_time with { Name = "b" },
            s_time with { Attack = "b" },
            s_time with { Backend = "b" },
            s_time with { Threads = 5 },
            s_time with { Clients = 5 },
            s_time with { Malicious = 5 },
            s_time with { Parameters = 5 },
        ];

        IReadOnlyList<SummaryRow> summary = Summary.Of([.. rows, .. rows], []);

        Assert.Equal(
            rows.Select(t => (t.Kind, t.Name, t.Attack, t.Backend, (int?)t.Threads, (int?)t.Clients, (int?)t.Malicious, (int?)t.Parameters, (int?)2)),
            summary.Select(s => (s.Kind, s.Name, s.Attack, s.Backend, s.Threads, s.Clients, s.Malicious, s.Parameters, s.Samples)));
    }

    [Fact]
    public void Times_with_copies_do_not_mix_with_times_without()
    {
        TimingRow copies = s_time with { Scope = TimingScope.EndToEnd, WallMs = 9 };

        Assert.Equal(1, Assert.Single(Summary.Of([copies, s_time], [])).MedianMs);
        Assert.Equal(9, Assert.Single(Summary.Of([copies], [])).MedianMs);
    }

    [Theory]
    [InlineData(RowStatus.Skipped)]
    [InlineData(RowStatus.Timeout)]
    [InlineData(RowStatus.Failed)]
    public void A_configuration_that_did_not_run_keeps_a_row(RowStatus status)
    {
        TimingRow failed = s_time with { WallMs = null, Status = status, Reason = "no driver" };
        SummaryRow row = Assert.Single(Summary.Of([failed, failed with { Reason = "later" }], []));

        Assert.Equal((status, "no driver", 0, null), (row.Status, row.Reason, row.Samples, row.MedianMs));
    }

    [Fact]
    public void A_first_call_without_samples_is_no_success()
    {
        SummaryRow row = Assert.Single(Summary.Of([s_time with { Phase = TimingPhase.First }], []));

        Assert.Equal((RowStatus.Failed, "no sample was recorded"), (row.Status, row.Reason));
    }

    [Fact]
    public void A_warning_about_samples_is_kept()
    {
        SummaryRow row = Assert.Single(Summary.Of([s_time, s_time with { Reason = "relative IQR 4 %" }], []));

        Assert.Equal((RowStatus.Ok, "relative IQR 4 %"), (row.Status, row.Reason));
    }

    [Fact]
    public void Other_local_epochs_learning_rates_data_sets_and_models_are_other_configurations()
    {
        AccuracyRow[] accuracies =
        [
            s_accuracy, s_accuracy with { LocalEpochs = 5 }, s_accuracy with { LearningRate = 0.5 }, s_accuracy with { Dataset = "synthetic" }, s_accuracy with { Model = "other" },
        ];
        Assert.Equal(accuracies.Length, Summary.Of([], accuracies).Count);
        Assert.Equal((5, 0.5), (Summary.Of([], accuracies)[1].LocalEpochs, Summary.Of([], accuracies)[2].LearningRate));
    }

    [Fact]
    public void Accuracy_is_the_mean_and_deviation_of_each_seeds_last_round()
    {
        SummaryRow row = Assert.Single(Summary.Of(
            [],
            [
                s_accuracy with { Seed = 1, Round = 20, TestAccuracy = 0.75 },
                s_accuracy with { Seed = 1, Round = 10, TestAccuracy = 0.125 },
                s_accuracy with { Seed = 2, Round = 10, TestAccuracy = 0.25 },
                s_accuracy with { Seed = 2, Round = 20, TestAccuracy = 0.5 },
                s_accuracy with { Seed = 2, Round = 30, TestAccuracy = null },
                s_accuracy with { Seed = 3, Round = 20, TestAccuracy = 0.125 },
                s_accuracy with { Seed = 3, Round = 20, TestAccuracy = 0.25 },
            ]));

        // 0.75, 0.5 and 0.25: deviations of 0.25, 0 and -0.25 from 0.5, so sqrt(0.125 / 2).
        Assert.Equal(
            new SummaryRow(
                RowKind.Accuracy, "median", "label_flip", "digits", "iid", "simd", null, 10, 2, 2410, null, null, null, null, null, null, null,
                null, 3, 0.5, 0.25, null, RowStatus.Ok, "", "mlp"),
            row);
    }

    [Fact]
    public void One_seed_has_no_deviation()
    {
        SummaryRow row = Assert.Single(Summary.Of([], [s_accuracy]));

        Assert.Equal((1, 0.5, null), (row.Seeds, row.FinalAccuracyMean, row.FinalAccuracyDeviation));
    }

    [Fact]
    public void A_seed_that_broke_off_does_not_count_and_is_told()
    {
        SummaryRow row = Assert.Single(Summary.Of(
            [],
            [
                s_accuracy,
                s_accuracy with { Seed = 2, TestAccuracy = 0.1 },
                s_accuracy with { Seed = 2, Round = 11, TestAccuracy = null, Status = RowStatus.Timeout, Reason = "too slow" },
            ]));

        Assert.Equal((1, 0.5, RowStatus.Ok, "1 of 2 seeds did not finish: too slow"), (row.Seeds, row.FinalAccuracyMean, row.Status, row.Reason));
    }

    [Fact]
    public void A_seed_that_succeeded_when_tried_again_counts()
    {
        AccuracyRow failed = s_accuracy with { Round = null, TestAccuracy = null, Status = RowStatus.Failed, Reason = "x" };
        SummaryRow row = Assert.Single(Summary.Of([], [failed, s_accuracy]));

        Assert.Equal((1, 0.5, RowStatus.Ok, ""), (row.Seeds, row.FinalAccuracyMean, row.Status, row.Reason));
    }

    [Fact]
    public void A_training_that_did_not_run_keeps_a_row()
    {
        SummaryRow row = Assert.Single(Summary.Of([], [s_accuracy with { Round = null, TestAccuracy = null, Status = RowStatus.Skipped, Reason = "2f >= n" }]));

        Assert.Equal((RowStatus.Skipped, "2f >= n", 0, null), (row.Status, row.Reason, row.Seeds, row.FinalAccuracyMean));
    }

    [Fact]
    public void Each_part_of_the_key_of_an_accuracy_separates_and_times_come_first()
    {
        AccuracyRow[] rows =
        [
            s_accuracy,
            s_accuracy with { Dataset = "b" },
            s_accuracy with { Partition = "b" },
            s_accuracy with { Model = "b" },
            s_accuracy with { Parameters = 5 },
            s_accuracy with { Clients = 5 },
            s_accuracy with { Malicious = 5 },
            s_accuracy with { Attack = "b" },
            s_accuracy with { Defense = "b" },
            s_accuracy with { Backend = "b" },
        ];

        IReadOnlyList<SummaryRow> summary = Summary.Of([s_time], [.. rows, .. rows.Select(row => row with { Seed = 2 })]);

        Assert.Equal(RowKind.Operation, summary[0].Kind);
        Assert.Equal(
            rows.Select(a => (a.Dataset, a.Partition, (int?)a.Parameters, (int?)a.Clients, (int?)a.Malicious, a.Attack, a.Defense, a.Backend, (int?)2)),
            summary.Skip(1).Select(s => (s.Dataset, s.Partition, s.Parameters, s.Clients, s.Malicious, s.Attack, s.Name, s.Backend, s.Seeds)));
    }

    [Fact]
    public void The_success_of_an_attack_is_that_of_the_last_round_of_each_seed()
    {
        SummaryRow row = Assert.Single(Summary.Of([],
        [
            s_accuracy with { Seed = 1, Round = 9, AttackSuccess = 0.9 }, s_accuracy with { Seed = 1, Round = 10, AttackSuccess = 0.5 },
            s_accuracy with { Seed = 2, Round = 10, AttackSuccess = 0.25 },
        ]));

        Assert.Equal(0.375, row.FinalAttackSuccessMean);
    }
}