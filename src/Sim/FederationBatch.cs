// Independent runs in lockstep: their clients train in one launch and their models are tested in one.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Runs of a model so small that one of them alone leaves a device idle, such as those of several seeds. Each gives what it gives by itself, bit
/// by bit; what the launches that they share took is divided evenly among them.
/// </summary>
public sealed class FederationBatch : IDisposable
{
    private readonly Backend _backend;
    private readonly IReadOnlyList<FederatedData> _data;
    private readonly Experiment _experiment;
    private readonly Federation[] _federations;
    private readonly Matrix _features;
    private readonly Buffer<int> _labels;
    private readonly Matrix _updates;
    private readonly Matrix _globals;
    private readonly Matrix? _zeros;
    private readonly Matrix _tests;
    private readonly Matrix _one;
    private readonly VisitOrder _visits;
    private readonly PhaseClock _clock;
    private readonly bool _sameTest;

    /// <summary>Prepares the runs.</summary>
    /// <param name="backend">Where they run.</param>
    /// <param name="runs">Their data and what decides their numbers. They have the same model, updates a round, rounds, training and space.</param>
    /// <exception cref="InputException">One of the experiments cannot be run.</exception>
    /// <exception cref="ArgumentException">They cannot share launches.</exception>
    public FederationBatch(Backend backend, IReadOnlyList<(FederatedData Data, Experiment Experiment)> runs)
    {
        _backend = backend;
        _clock = new(backend);
        _data = [.. runs.Select(run => run.Data)];
        _experiment = runs[0].Experiment;
        Model model = _data[0].Model(_experiment.Model);
        if (runs.Any(run => LaunchOf(run.Data, run.Experiment) != LaunchOf(_data[0], _experiment)))
        {
            throw new ArgumentException("runs that share launches have the same model, updates a round, rounds, training and space", nameof(runs));
        }

        int n = _experiment.UpdatesPerRound;
        int samples = checked(_data.Sum(data => data.Dataset.Train.Count));
        _features = backend.AllocateMatrix(samples, model.Inputs);
        _labels = backend.Allocate<int>(samples);
        _updates = backend.AllocateMatrix(checked(runs.Count * n), model.Parameters);
        _globals = backend.AllocateMatrix(runs.Count, model.Parameters);
        _zeros = _experiment.Space == UpdateSpace.States ? backend.Upload(runs.Count, model.Parameters, new float[runs.Count * model.Parameters]) : null;
        _tests = backend.AllocateMatrix(runs.Count, 2);
        _one = backend.Upload(1, 1, [1]);
        _sameTest = _data.All(data => Same(data.Dataset.Test, _data[0].Dataset.Test));
        _federations = new Federation[runs.Count];
        var visitors = new Visitors[runs.Count];
        int first = 0;
        for (int run = 0; run < runs.Count; run++)
        {
            int count = _data[run].Dataset.Train.Count;
            var room = new SharedRoom(_features.SliceRows(first, count), _labels.Slice(first, count), _updates.SliceRows(run * n, n));
            _federations[run] = new(backend, _data[run], runs[run].Experiment, updatesAtOnce: null, room);
            visitors[run] = _federations[run].Visitors(first);
            first += count;
        }

        _visits = new(backend, visitors, n, _experiment.Sgd.Epochs);
        CopyGlobals();
    }

    /// <summary>The runs, in their order.</summary>
    public IReadOnlyList<Federation> Federations => _federations;

    /// <summary>Runs the rounds; of each it gives the results of all runs, in their order.</summary>
    public IEnumerable<IReadOnlyList<RoundResult>> Run()
    {
        for (int index = 1; index <= _experiment.Rounds; index++)
        {
            Turn[] turns = [.. _federations.Select(federation => federation.Begin(index))];
            Phase[] trains = Train(turns);
            Folded[] folded = [.. _federations.Select((federation, run) => federation.AggregateAtOnce(turns[run], trains[run]))];
            Func<(double, double, Phase)>[] tests = Tests();
            yield return [.. _federations.Select((federation, run) => federation.End(turns[run], folded[run], tests[run]))];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Federation? federation in _federations)
        {
            federation?.Dispose();
        }

        foreach (IDisposable? owned in (IDisposable?[])[_features, _labels, _updates, _globals, _zeros, _tests, _one, _visits])
        {
            owned?.Dispose();
        }
    }

    private Phase[] Train(Turn[] turns)
    {
        Model model = _federations[0].Model;
        LocalSgd sgd = _experiment.Sgd;
        Matrix origins = _zeros ?? _globals;
        int n = _experiment.UpdatesPerRound;
        var work = new Work[turns.Length];
        Phase together = _clock.Measure(() =>
        {
            for (int run = 0; run < turns.Length; run++)
            {
                Work before = _backend.Done;
                (Buffer<int> order, Buffer<int> start) = _visits.Draw(run, turns[run].Sampled, turns[run].Index);
                var alone = new TrainClients(
                    model, sgd, new(_features, _labels, order, start), _globals.SliceRows(run, 1), origins.SliceRows(run, 1), _updates.SliceRows(run * n, n));
                work[run] = _backend.Done - before + alone.Cost;
            }

            (Buffer<int> orders, Buffer<int> starts) = _visits.OfAll();
            _backend.Run(new TrainClients(model, sgd, new(_features, _labels, orders, starts), _globals, origins, _updates));
        });
        return [.. work.Select(ofRun => ShareOf(together, ofRun))];
    }

    /// <summary>What tests the new models: one launch for all where they have the same test samples.</summary>
    private Func<(double Accuracy, double Loss, Phase Phase)>[] Tests()
    {
        if (!_sameTest)
        {
            CopyGlobals();
            return [.. _federations.Select<Federation, Func<(double, double, Phase)>>(federation => federation.Test)];
        }

        FederatedData data = _data[0];
        var together = new Evaluate(_federations[0].Model, data.TestFeatures, data.TestLabels, _globals, _tests);
        Work alone = (together with { Parameters = _globals.SliceRows(0, 1), Result = _tests.SliceRows(0, 1) }).Cost;
        float[] results = [];
        Phase phase = _clock.Measure(() =>
        {
            CopyGlobals();
            _backend.Run(together);
            results = _tests.ToArray();
        });
        return
        [
            .. results.Chunk(2).Select<float[], Func<(double, double, Phase)>>(
                result => () => ((double)result[0] / data.TestFeatures.Rows, result[1], ShareOf(phase, alone))),
        ];
    }

    private void CopyGlobals()
    {
        for (int run = 0; run < _federations.Length; run++)
        {
            _backend.Run(new WeightedSum(_federations[run].Global, _one, _globals.SliceRows(run, 1)));
        }
    }

    private Phase ShareOf(Phase together, Work work) => new(together.WallMs / _federations.Length, work, together.GpuMs / _federations.Length);

    private static (string, int, int, LocalSgd, UpdateSpace) LaunchOf(FederatedData data, Experiment experiment) =>
        (data.Model(experiment.Model).Name, experiment.UpdatesPerRound, experiment.Rounds, experiment.Sgd, experiment.Space);

    private static bool Same(Samples a, Samples b) =>
        a.Inputs == b.Inputs && a.Labels.AsSpan().SequenceEqual(b.Labels) && a.Features.AsSpan().SequenceEqual(b.Features);
}
