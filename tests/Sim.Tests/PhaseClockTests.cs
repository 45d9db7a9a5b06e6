// The device's own times of the phases of a round.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class PhaseClockTests
{
    [Fact]
    public void Each_phase_is_measured_between_two_markers_on_a_device_that_has_them()
    {
        using var backend = new CountingBackend();

        RoundResult round = Round(backend, "label_flip:mode=dynamic", null);
        RoundResult sliced = Round(backend, "label_flip:mode=dynamic", 3);

        // A millisecond an operation: the order of samples and training; logits and new labels; the mean and the server's step; one test.
        Assert.Equal([2, 2, 2, 1], Times(round));
        Assert.Equal(7, round.Whole.GpuMs);

        // Two slices: the second one is added to the first, and their sum is copied before the server's step.
        Assert.Equal([4, 2, 5, 1], Times(sliced));
    }

    [Theory]
    [InlineData("label_flip:mode=dynamic", 2, 5)]
    [InlineData("sign_flip", 2, 4)]
    [InlineData("sign_flip", 0, 3)]
    public void A_round_waits_for_the_device_once_for_each_phase_in_which_something_runs(string attack, int malicious, int waits)
    {
        using var backend = new CountingBackend();

        Round(backend, attack, null, malicious);

        // Training, aggregation and the test; the attack; labels that are flipped anew.
        Assert.Equal(waits, backend.Waits);
    }

    [Fact]
    public void Without_a_device_there_are_no_times_of_one()
    {
        using var backend = new SimdBackend(1);

        RoundResult round = Round(backend, "sign_flip", 3);

        Assert.All(Times(round), Assert.Null);
        Assert.Null(round.Whole.GpuMs);
        Assert.True(round.Whole.WallMs > 0);
    }

    private static double?[] Times(RoundResult round) => [round.Train.GpuMs, round.Attack.GpuMs, round.Aggregate.GpuMs, round.Evaluate.GpuMs];

    private static RoundResult Round(Backend backend, string attack, int? updatesAtOnce, int malicious = 2)
    {
        var experiment = new Experiment(
            ModelChoice.Perceptron(), Clients: 6, Malicious: malicious, ClientsPerRound: 6, Rounds: 1, new LocalSgd(Epochs: 1, BatchSize: 16, LearningRate: 0.1f),
            UpdateSpace.Updates,
            Catalogue.Parse<IAttack>("--attacks", attack), Catalogue.Parse<IDefense>("--defenses", "none"), Seed: 1);
        using FederatedData data = FederatedData.Load(
            backend, Catalogue.Parse<IDataSource>("--data", "synthetic:inputs=4,test=20"), Catalogue.Parse<IPartition>("--partition", "iid"), 6, seed: 1);
        using var federation = new Federation(backend, data, experiment, updatesAtOnce);
        return federation.Run().Single();
    }

    /// <summary>A device on which every operation takes a millisecond.</summary>
    private sealed class CountingBackend() : Backend("counting", "", 1)
    {
        private int _run;

        public int Waits { get; private set; }

        public override void Synchronize() => Waits++;

        public override Buffer<T> Allocate<T>(long length) => new HostBuffer<T>(length);

        public override IDeviceTimer CreateDeviceTimer() => new Timer(this);

        protected override void Execute<TOperation>(in TOperation operation)
        {
            operation.Reference();
            _run++;
        }

        private sealed class Timer(CountingBackend backend) : IDeviceTimer
        {
            private int _start;
            private int _stop;

            public void Start() => _start = backend._run;

            public void Stop() => _stop = backend._run;

            public double ReadMs() => _stop - _start;
        }
    }
}
