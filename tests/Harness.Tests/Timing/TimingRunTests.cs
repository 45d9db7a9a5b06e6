// What is called before a case is timed, and that a case that differs from the reference is not.
using FlGpu.Harness.Measuring;
using FlGpu.Harness.Recording;
using FlGpu.Harness.Timing;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Tests.Timing;

public sealed class TimingRunTests
{
    private const int Clients = 4;
    private const int Parameters = 100;
    private static readonly Protocol s_protocol = new(MinSamples: 3, MinSeconds: 0, RelativeIqr: double.PositiveInfinity, Warmups: 0, MaxSamples: 3);
    private readonly TimingRun _run = new(
        new([], [], [Clients], [Parameters], SkipWhatCannotRun: false, "0", [], Threads: 1, s_protocol), "run",
        new Screen(TextWriter.Null, TextWriter.Null, outputRedirected: true, errorRedirected: true));

    [Fact]
    public void A_case_is_called_once_compared_and_then_timed()
    {
        using var backend = new Scaling(factor: 1);
        IReadOnlyList<TimingRow> rows = OperationRows(backend);
        Assert.Equal([TimingPhase.First, TimingPhase.Sample, TimingPhase.Sample, TimingPhase.Sample], rows.Select(row => row.Phase));
        Assert.All(rows, row => Assert.Equal(RowStatus.Ok, row.Status));
        // The first call, two of the comparison, three samples.
        Assert.Equal(6, backend.Calls);
    }

    [Fact]
    public void An_operation_that_differs_from_the_reference_is_not_timed()
    {
        using var backend = new Scaling(factor: 2);
        TimingRow row = Assert.Single(OperationRows(backend));
        Assert.Equal(RowStatus.Failed, row.Status);
        Assert.StartsWith("differs from the reference by ", row.Reason, StringComparison.Ordinal);
        Assert.Equal(3, backend.Calls);
    }

    [Fact]
    public void A_defense_that_differs_from_the_reference_is_not_timed_and_the_work_of_comparing_is_no_calls_work()
    {
        Choice<IDefense> mean = Catalogue.Parse<IDefense>("--defenses", "none");
        using var wrong = new Scaling(factor: 2);
        TimingRow row = Assert.Single(_run.DefenseRows(mean, wrong, Clients, Parameters));
        Assert.Equal(RowStatus.Failed, row.Status);
        Assert.StartsWith("differs from the reference by ", row.Reason, StringComparison.Ordinal);

        using var right = new Scaling(factor: 1);
        IReadOnlyList<TimingRow> rows = _run.DefenseRows(mean, right, Clients, Parameters);
        using var reference = new ReferenceBackend();
        Assert.Equal(_run.DefenseRows(mean, reference, Clients, Parameters).Select(r => r.BytesRead).Distinct(), rows.Select(r => r.BytesRead).Distinct());
    }

    private IReadOnlyList<TimingRow> OperationRows(Backend backend) =>
        _run.OperationRows(Operations.All.Single(operation => operation.Name == "weighted_sum"), backend, Clients, Parameters);

    /// <summary>The reference with the results of weighted sums multiplied.</summary>
    private sealed class Scaling(float factor) : Backend("scaling", "none", 1)
    {
        public int Calls { get; private set; }

        public override Buffer<T> Allocate<T>(long length) => new HostBuffer<T>(length);

        protected override void Execute<TOperation>(in TOperation operation)
        {
            operation.Reference();
            Calls++;
            if (operation is WeightedSum sum)
            {
                sum.Sum.CopyFrom([.. sum.Sum.ToArray().Select(value => factor * value)]);
            }
        }
    }
}
