// What a case is reckoned to take before it runs: arithmetic for the time, allocations for the memory.
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Sweeping;

/// <summary>Reckons cases of one sweep; data sets are loaded once each.</summary>
internal sealed class CaseCost
{
    // A rule touches each element of the updates some dozen times; most take less, those that sort or iterate more.
    private const double FlopsPerElement = 20;

    // A timing takes at least as long as its protocol asks for, and the comparison before it; what grows with the updates is
    // mostly that random ones are drawn. In such a plan all cases are timings, so that the unit is free: nanoseconds.
    private const double ComparisonSeconds = 0.2;
    private const double NanosecondsPerElement = 30;

    private readonly Dictionary<Federated, Shape> _shapes = [];

    /// <summary>Arithmetic operations of a case, roughly, or nanoseconds of one that is timed; 0 where it is skipped. Good enough to divide the time left among cases.</summary>
    public double Flops(SweepCase sweepCase)
    {
        switch (sweepCase)
        {
            case { Impossible: not null }:
                return 0;
            case TimingCase timing:
                return (1e9 * (ComparisonSeconds + timing.Protocol.MinSeconds)) + (NanosecondsPerElement * timing.Clients * timing.Parameters);
            case TrainingCase training:
                Experiment e = training.Experiment;
                Shape shape = ShapeOf(training);
                Model model = e.Model.For(shape.Inputs, shape.Classes);
                double share = (double)e.UpdatesPerRound / e.Clients;
                double train = share * shape.TrainingSamples * e.Sgd.Epochs * model.TrainingFlops;
                double evaluate = (double)shape.TestSamples * model.ForwardFlops;
                return e.Rounds * (train + evaluate + (FlopsPerElement * e.UpdatesPerRound * model.Parameters));
            default:
                throw new InvalidOperationException($"{sweepCase.GetType()} is no case that can be reckoned");
        }
    }

    private Shape ShapeOf(TrainingCase training)
    {
        var key = new Federated(training.Data.Text, training.Partition.Text, training.Clients);
        if (!_shapes.TryGetValue(key, out Shape? shape))
        {
            Dataset data = training.Data.Try(source => source.Load(training.Clients, RngKey.FromSeed(training.Experiment.Seed).Fold((ulong)Purpose.Data)));
            _shapes[key] = shape = new(data.Train.Count, data.Test.Count, data.Train.Inputs, data.Train.Classes);
        }

        return shape;
    }

    private sealed record Federated(string Data, string Partition, int Clients);

    private sealed record Shape(int TrainingSamples, int TestSamples, int Inputs, int Classes);
}
