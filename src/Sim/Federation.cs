// The round loop: sample, train, attack, aggregate, evaluate.
using System.Diagnostics;
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// One run of federated learning. Everything it computes is a function of the experiment alone: the number of threads and
/// the order of other runs change no bit.
/// </summary>
public sealed class Federation : IDisposable
{
    private readonly Backend _backend;
    private readonly FederatedData _data;
    private readonly Experiment _experiment;
    private readonly RngKey _key;
    private readonly Model _model;
    private readonly IAttack _attack;
    private readonly Dictionary<int, IDefense> _defenses = [];
    private readonly Setting _setting;
    private readonly HonestMean _honestMean;
    private readonly TrainingData _training;
    private readonly Matrix _features;
    private readonly Buffer<int> _labels;
    private readonly Buffer<int> _order;
    private readonly Buffer<int> _start;
    private readonly int[] _hostOrder;
    private readonly int[] _hostStart;
    private readonly Matrix _updates;
    private readonly Matrix _server;
    private readonly Matrix _serverWeights;
    private readonly Matrix _zero;
    private readonly Matrix _evaluation;
    private readonly Matrix? _aimFeatures;
    private readonly Buffer<int>? _aimLabels;
    private ServerTraining? _serverTraining;

    /// <summary>Prepares a run: poisons the data, draws the first model, allocates everything.</summary>
    /// <exception cref="InputException">The experiment cannot be run.</exception>
    public Federation(Backend backend, FederatedData data, Experiment experiment)
    {
        experiment.Validate();
        (_backend, _data, _experiment, _key, _model) = (backend, data, experiment, RngKey.FromSeed(experiment.Seed), data.Model(experiment.Model));
        int n = experiment.UpdatesPerRound;
        int d = _model.Parameters;
        _setting = new Setting(backend, n, experiment.Malicious, d, experiment.Clients);
        _attack = experiment.Attack.Create(_setting, experiment.Defense);
        DefenseFor(experiment.Malicious);
        _honestMean = new(backend, n, d);

        _training = new(data.Dataset.Train);
        for (int client = experiment.Honest; client < experiment.Clients; client++)
        {
            _attack.Poison(_training, client - experiment.Honest, data.ClientRows[client], KeyOf(Purpose.Poisoning).Fold((ulong)client));
        }

        _features = _training.FeaturesChanged ? backend.Upload(data.Dataset.Train.Count, _model.Inputs, _training.Features) : data.TrainFeatures;
        _labels = backend.Upload<int>(_training.Labels);
        int mostVisits = data.ClientRows.Select(rows => rows.Length).OrderDescending().Take(n).Sum() * experiment.Sgd.Epochs;
        (_hostOrder, _hostStart) = (new int[mostVisits], new int[n + 1]);
        (_order, _start) = (backend.Allocate<int>(mostVisits), backend.Allocate<int>(n + 1));
        _updates = backend.AllocateMatrix(n, d);

        // The new model is a weighted sum of two rows: the old one and the aggregate. States replace it, updates add to it.
        _server = backend.AllocateMatrix(2, d);
        _server.CopyFrom(_model.Initialise(KeyOf(Purpose.Initialisation)));
        _serverWeights = backend.Upload(1, 2, [experiment.Space == UpdateSpace.Updates ? 1 : 0, 1]);
        _zero = backend.Upload(1, d, new float[d]);
        _evaluation = backend.AllocateMatrix(1, 2);
        if (_attack.Aim(data.Dataset.Test) is { Count: > 0 } aim)
        {
            _aimFeatures = backend.Upload(aim.Count, aim.Inputs, aim.Features);
            _aimLabels = backend.Upload<int>(aim.Labels);
        }
    }

    /// <summary>The model that is trained.</summary>
    public Model Model => _model;

    private Matrix Global => _server.SliceRows(0, 1);

    private Matrix Aggregate => _server.SliceRows(1, 1);

    /// <summary>Runs the rounds, evaluating after each.</summary>
    public IEnumerable<RoundResult> Run()
    {
        for (int index = 1; index <= _experiment.Rounds; index++)
        {
            yield return RunRound(index);
        }
    }

    /// <summary>The global parameters as they are now.</summary>
    public float[] Parameters() => Global.ToArray();

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDefense defense in _defenses.Values)
        {
            defense.Dispose();
        }

        _attack.Dispose();
        _honestMean.Dispose();
        _serverTraining?.Dispose();
        if (_features != _data.TrainFeatures)
        {
            _features.Dispose();
        }

        foreach (IDisposable? owned in (IDisposable?[])[_labels, _order, _start, _updates, _server, _serverWeights, _zero, _evaluation, _aimFeatures, _aimLabels])
        {
            owned?.Dispose();
        }
    }

    private RoundResult RunRound(int index)
    {
        int[] sampled = Sample(index);
        int malicious = sampled.Count(client => client >= _experiment.Honest);
        Matrix global = Global;
        Phase poison = Measure(() => PoisonAgain(sampled));
        Phase train = Measure(() =>
        {
            int visits = OrderSamples(sampled, index);
            var samples = new LocalSamples(_features, _labels, _order.Slice(0, visits), _start);
            Matrix origin = _experiment.Space == UpdateSpace.Updates ? global : _zero;
            _backend.Run(new TrainClients(_model, _experiment.Sgd, samples, global, origin, _updates));
        });

        var round = new Round(
            index, _updates, global, [.. sampled.Select(client => _data.ClientRows[client].Length)], malicious,
            KeyOf(Purpose.Round).Fold((ulong)index), sampled, () => TrainServer(index));
        Phase attack = Measure(() =>
        {
            if (malicious > 0)
            {
                _attack.Corrupt(round);
            }
        });

        attack = new(poison.WallMs + attack.WallMs, poison.Work + attack.Work);
        int reckonedF = _experiment.ReckonedF == ReckonedF.Config ? _experiment.Malicious : malicious;
        IDefense defense = DefenseFor(reckonedF);
        Selection? selection = null;
        Phase aggregate = Measure(() =>
        {
            selection = Selection.Of(defense.Aggregate(round, Aggregate), malicious);
            _backend.Run(new WeightedSum(_server, _serverWeights, global));
        });

        Deviation? deviation = malicious < sampled.Length ? _honestMean.DeviationOf(Aggregate, round.HonestUpdates) : null;
        (double Accuracy, double Loss) test = default;
        double? attackSuccess = null;
        Phase evaluate = Measure(() =>
        {
            test = Test(_data.TestFeatures, _data.TestLabels);
            attackSuccess = _aimFeatures is null ? null : Test(_aimFeatures, _aimLabels!).Accuracy;
        });

        return new(index, test.Accuracy, test.Loss, attackSuccess, selection, reckonedF, deviation, train, attack, aggregate, evaluate);
    }

    private (double Accuracy, double Loss) Test(Matrix features, Buffer<int> labels)
    {
        float[] correctAndLoss = new float[2];
        _backend.Run(new Evaluate(_model, features, labels, Global, _evaluation));
        _evaluation.CopyTo(correctAndLoss);
        return ((double)correctAndLoss[0] / features.Rows, correctAndLoss[1]);
    }

    private void PoisonAgain(int[] sampled)
    {
        bool changed = false;
        foreach (int client in sampled.Where(client => client >= _experiment.Honest))
        {
            changed |= _attack.PoisonAgain(_training, client - _experiment.Honest, LogitsOf);
        }

        if (changed)
        {
            _labels.CopyFrom(_training.Labels);
        }
    }

    private float[] LogitsOf(IReadOnlyList<int> rows)
    {
        using Buffer<int> listed = _backend.Upload<int>([.. rows]);
        using Matrix outputs = _backend.AllocateMatrix(rows.Count, _model.Classes);
        _backend.Run(new Logits(_model, _features, listed, Global, outputs));
        return outputs.ToArray();
    }

    /// <summary>The clients of a round, in ascending order, so that malicious ones are the last rows.</summary>
    private int[] Sample(int round)
    {
        int[] clients = [.. Enumerable.Range(0, _experiment.Clients)];
        if (_experiment.UpdatesPerRound < clients.Length)
        {
            RngStream stream = KeyOf(Purpose.Sampling).Fold((ulong)round).Stream();
            stream.Shuffle<int>(clients);
            Array.Resize(ref clients, _experiment.UpdatesPerRound);
            Array.Sort(clients);
        }

        return clients;
    }

    /// <summary>Shuffles each sampled client's samples for every epoch and uploads the order; returns its length.</summary>
    private int OrderSamples(int[] sampled, int round)
    {
        int visits = 0;
        for (int i = 0; i < sampled.Length; i++)
        {
            int[] rows = _data.ClientRows[sampled[i]];
            RngStream stream = KeyOf(Purpose.Shuffle).Fold((ulong)sampled[i]).Fold((ulong)round).Stream();
            for (int epoch = 0; epoch < _experiment.Sgd.Epochs; epoch++)
            {
                Span<int> order = _hostOrder.AsSpan(visits, rows.Length);
                rows.CopyTo(order);
                stream.Shuffle(order);
                visits += rows.Length;
            }

            _hostStart[i + 1] = visits;
        }

        _order.CopyFrom(_hostOrder.AsSpan(0, visits));
        _start.CopyFrom(_hostStart);
        return visits;
    }

    private IDefense DefenseFor(int reckonedF)
    {
        if (!_defenses.TryGetValue(reckonedF, out IDefense? defense))
        {
            _defenses[reckonedF] = defense = _experiment.Defense.Create(_setting with { Malicious = reckonedF });
        }

        return defense;
    }

    // Made when a defense first asks: most never do.
    private Matrix TrainServer(int round)
    {
        _serverTraining ??= new(_backend, _data, _model, _experiment.Sgd, KeyOf(Purpose.ServerSamples));
        return _serverTraining.Train(Global, _experiment.Space == UpdateSpace.Updates ? Global : _zero, round);
    }

    private Phase Measure(Action phase)
    {
        Work before = _backend.Done;
        long start = Stopwatch.GetTimestamp();
        phase();
        _backend.Synchronize();
        return new(Stopwatch.GetElapsedTime(start).TotalMilliseconds, _backend.Done - before);
    }

    private RngKey KeyOf(Purpose purpose) => _key.Fold((ulong)purpose);
}
