// The round loop: sample, train, attack, aggregate, evaluate.
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
    private readonly Matrix _features;
    private readonly Buffer<int> _labels;
    private readonly LabelsFlippedAnew? _flippedAnew;
    private readonly VisitOrder? _visits;
    private readonly Matrix _updates;
    private readonly FoldedSum? _fold;
    private readonly Matrix _server;
    private readonly Matrix _serverWeights;
    private readonly Matrix _zero;
    private readonly Matrix _evaluation;
    private readonly Matrix? _aimFeatures;
    private readonly Buffer<int>? _aimLabels;
    private readonly PhaseClock _clock;
    private readonly List<IDisposable> _owned = [];
    private ServerTraining? _serverTraining;

    /// <summary>Prepares a run: poisons the data, draws the first model, allocates everything.</summary>
    /// <param name="backend">Where it runs.</param>
    /// <param name="data">The samples of its clients.</param>
    /// <param name="experiment">What decides its numbers.</param>
    /// <param name="updatesAtOnce">
    /// The most updates that are in memory at once, 1 or more; null for all of a round. Where that is fewer than a round has, clients are trained
    /// and their updates folded in slices, which changes no more than the rounding of sums.
    /// </param>
    /// <exception cref="InputException">The experiment cannot be run, or not in slices.</exception>
    public Federation(Backend backend, FederatedData data, Experiment experiment, int? updatesAtOnce = null)
        : this(backend, data, experiment, updatesAtOnce, room: null)
    {
    }

    /// <summary>The same in memory that several runs share, whose clients are trained together; with null it trains its own.</summary>
    internal Federation(Backend backend, FederatedData data, Experiment experiment, int? updatesAtOnce, SharedRoom? room)
    {
        experiment.Validate();
        (_backend, _data, _experiment, _key, _model) = (backend, data, experiment, RngKey.FromSeed(experiment.Seed), data.Model(experiment.Model));
        int n = experiment.UpdatesPerRound;
        int d = _model.Parameters;
        int atOnce = Math.Min(n, updatesAtOnce ?? n);
        _clock = new(backend);
        _setting = new Setting(backend, n, experiment.Malicious, d, experiment.Clients);
        _attack = experiment.Attack.Create(_setting, experiment.Defense);
        IDefense defense = DefenseFor(experiment.Malicious);
        if (atOnce < n && experiment.WhyNotInSlices(defense, _attack) is { } reason)
        {
            throw new InputException($"{atOnce} of {n} updates at once: {reason}");
        }

        _honestMean = Own(new HonestMean(backend, atOnce, d));
        _fold = atOnce < n ? Own(new FoldedSum(backend, atOnce, d)) : null;
        var training = new TrainingData(data.Dataset.Train);
        for (int client = experiment.Honest; client < experiment.Clients; client++)
        {
            _attack.Poison(training, client - experiment.Honest, data.ClientRows[client], KeyOf(Purpose.Poisoning).Fold((ulong)client));
        }

        if (room is null)
        {
            _features = training.FeaturesChanged ? Own(backend.Upload(data.Dataset.Train.Count, _model.Inputs, training.Features)) : data.TrainFeatures;
            _labels = Own(backend.Upload<int>(training.Labels));
            _visits = Own(new VisitOrder(backend, [Visitors()], atOnce, experiment.Sgd.Epochs));
            _updates = Own(backend.AllocateMatrix(atOnce, d));
        }
        else
        {
            (_features, _labels, _updates) = (room.Features, room.Labels, room.Updates);
            _features.CopyFrom(training.Features);
            _labels.CopyFrom(training.Labels);
        }

        _flippedAnew = LabelsFlippedAnew.Of(backend, _model, _attack, experiment.Malicious);

        // The new model is a weighted sum of two rows: the old one and the aggregate. States replace it, updates add to it.
        _server = Own(backend.AllocateMatrix(2, d));
        _server.CopyFrom(_model.Initialise(KeyOf(Purpose.Initialisation)));
        _serverWeights = Own(backend.Upload(1, 2, [experiment.Space == UpdateSpace.Updates ? 1 : 0, 1]));
        _zero = Own(backend.Upload(1, d, new float[d]));
        _evaluation = Own(backend.AllocateMatrix(1, 2));
        if (_attack.Aim(data.Dataset.Test) is { Count: > 0 } aim)
        {
            _aimFeatures = Own(backend.Upload(aim.Count, aim.Inputs, aim.Features));
            _aimLabels = Own(backend.Upload<int>(aim.Labels));
        }
    }

    /// <summary>The model that is trained.</summary>
    public Model Model => _model;

    /// <summary>How many slices the updates of a round come in; 1 where they are all in memory at once.</summary>
    public int Slices => (_experiment.UpdatesPerRound + _updates.Rows - 1) / _updates.Rows;

    /// <summary>The global parameters, 1 x d.</summary>
    internal Matrix Global => _server.SliceRows(0, 1);

    private Matrix Aggregate => _server.SliceRows(1, 1);

    // What updates are relative to.
    private Matrix Origin => _experiment.Space == UpdateSpace.Updates ? Global : _zero;

    /// <summary>Runs the rounds, evaluating after each.</summary>
    public IEnumerable<RoundResult> Run()
    {
        for (int index = 1; index <= _experiment.Rounds; index++)
        {
            Turn turn = Begin(index);
            Folded folded = _fold is null
                ? AggregateAtOnce(turn, _clock.Measure(() => Train(turn, 0, turn.Sampled.Length)))
                : AggregateInSlices(turn, _fold);
            yield return End(turn, folded, Test);
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
        _serverTraining?.Dispose();
        _flippedAnew?.Dispose();
        _owned.ForEach(owned => owned.Dispose());
    }

    /// <summary>What the order of its clients' samples is drawn from, where they are the rows from <paramref name="firstRow"/> on.</summary>
    internal Visitors Visitors(int firstRow = 0) => new(_data, KeyOf(Purpose.Shuffle), firstRow);

    /// <summary>Begins a round: draws its clients, and the malicious ones poison their labels anew.</summary>
    internal Turn Begin(int index)
    {
        int[] sampled = Sample(index);
        int[] malicious = Array.ConvertAll(Array.FindAll(sampled, client => client >= _experiment.Honest), client => client - _experiment.Honest);
        // A measurement waits for the device: none where nothing is flipped.
        Phase poison = _flippedAnew is null || malicious.Length == 0
            ? _clock.Nothing
            : _clock.Measure(() => _flippedAnew.Flip(malicious, Global, _features, _labels));
        return new(index, sampled, malicious.Length, poison);
    }

    /// <summary>Attacks and aggregates the updates of a round, all of which have been trained.</summary>
    internal Folded AggregateAtOnce(Turn turn, Phase train)
    {
        Round round = RoundOf(turn, 0, turn.Sampled.Length);
        Phase attack = Corrupt(round);
        IDefense defense = DefenseFor(ReckonedFOf(turn));
        Selection? selection = null;
        Phase aggregate = _clock.Measure(() =>
        {
            selection = Selection.Of(defense.Aggregate(round, Aggregate), turn.Malicious);
            _backend.Run(new WeightedSum(_server, _serverWeights, Global));
        });
        _honestMean.Clear();
        _honestMean.Add(round.HonestUpdates, turn.Honest);
        return new(train, attack, aggregate, selection);
    }

    /// <summary>Ends a round: tests the new model.</summary>
    /// <param name="turn">The round.</param>
    /// <param name="folded">What has happened in it.</param>
    /// <param name="test">Gives accuracy and loss on the test samples, and what that took.</param>
    internal RoundResult End(Turn turn, Folded folded, Func<(double Accuracy, double Loss, Phase Phase)> test)
    {
        Deviation? deviation = turn.Honest > 0 ? _honestMean.DeviationOf(Aggregate) : null;
        (double accuracy, double loss, Phase evaluate) = test();
        double? attackSuccess = null;
        if (_aimFeatures is not null)
        {
            evaluate += _clock.Measure(() => attackSuccess = Test(_aimFeatures, _aimLabels!).Accuracy);
        }

        return new(
            turn.Index, accuracy, loss, attackSuccess, folded.Selection, ReckonedFOf(turn), deviation, folded.Train, turn.Poison + folded.Attack,
            folded.Aggregate, evaluate);
    }

    private Folded AggregateInSlices(Turn turn, FoldedSum fold)
    {
        var rule = (IFoldingDefense)DefenseFor(ReckonedFOf(turn));
        int n = turn.Sampled.Length;
        var totals = new RoundTotals(n, turn.Sampled.Sum(client => (long)_data.ClientRows[client].Length));
        float[] weights = new float[n];
        (Phase train, Phase attack, Phase aggregate) = (_clock.Nothing, _clock.Nothing, _clock.Nothing);
        fold.Clear();
        _honestMean.Clear();
        for (int first = 0; first < n; first += _updates.Rows)
        {
            int begin = first;
            int count = Math.Min(_updates.Rows, n - first);
            train += _clock.Measure(() => Train(turn, begin, count));
            Round slice = RoundOf(turn, first, count);
            attack += Corrupt(slice);
            aggregate += _clock.Measure(() =>
            {
                ReadOnlySpan<float> ofSlice = rule.Weigh(slice, totals);
                ofSlice.CopyTo(weights.AsSpan(begin));
                fold.Add(slice.Updates, ofSlice);
                if (begin + count == n)
                {
                    fold.CopyTo(Aggregate);
                    rule.Finish(slice, Aggregate);
                    _backend.Run(new WeightedSum(_server, _serverWeights, Global));
                }
            });
            _honestMean.Add(slice.HonestUpdates, turn.Honest);
        }

        return new(train, attack, aggregate, Selection.Of(weights, turn.Malicious));
    }

    private Phase Corrupt(Round round) => round.Malicious == 0 ? _clock.Nothing : _clock.Measure(() => _attack.Corrupt(round));

    private void Train(Turn turn, int first, int count)
    {
        (Buffer<int> order, Buffer<int> start) = _visits!.Draw(0, turn.Sampled.AsSpan(first, count), turn.Index);
        _backend.Run(new TrainClients(
            _model, _experiment.Sgd, new(_features, _labels, order, start), Global, Origin, _updates.SliceRows(0, count)));
    }

    /// <summary>The clients of a round from <paramref name="first"/> on, as an attack and a defense see them.</summary>
    private Round RoundOf(Turn turn, int first, int count)
    {
        int[] clients = turn.Sampled[first..(first + count)];
        int maliciousBefore = Math.Max(0, first - turn.Honest);
        return new(
            turn.Index, _updates.SliceRows(0, count), Global, Array.ConvertAll(clients, client => _data.ClientRows[client].Length),
            Math.Max(0, first + count - turn.Honest) - maliciousBefore, KeyOf(Purpose.Round).Fold((ulong)turn.Index), clients, () => TrainServer(turn.Index))
        {
            MaliciousBefore = maliciousBefore,
        };
    }

    /// <summary>Accuracy and loss of the model on the test samples, and what testing it took.</summary>
    internal (double Accuracy, double Loss, Phase Phase) Test()
    {
        (double Accuracy, double Loss) test = default;
        Phase phase = _clock.Measure(() => test = Test(_data.TestFeatures, _data.TestLabels));
        return (test.Accuracy, test.Loss, phase);
    }

    private (double Accuracy, double Loss) Test(Matrix features, Buffer<int> labels)
    {
        float[] correctAndLoss = new float[2];
        _backend.Run(new Evaluate(_model, features, labels, Global, _evaluation));
        _evaluation.CopyTo(correctAndLoss);
        return ((double)correctAndLoss[0] / features.Rows, correctAndLoss[1]);
    }

    /// <summary>The clients of a round, in ascending order, so that malicious ones are the last rows.</summary>
    private int[] Sample(int round)
    {
        int[] clients = new int[_experiment.Clients];
        for (int i = 0; i < clients.Length; i++)
        {
            clients[i] = i;
        }

        if (_experiment.UpdatesPerRound < clients.Length)
        {
            RngStream stream = KeyOf(Purpose.Sampling).Fold((ulong)round).Stream();
            stream.Shuffle<int>(clients);
            Array.Resize(ref clients, _experiment.UpdatesPerRound);
            Array.Sort(clients);
        }

        return clients;
    }

    private int ReckonedFOf(Turn turn) => _experiment.ReckonedF == ReckonedF.Config ? _experiment.Malicious : turn.Malicious;

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
        return _serverTraining.Train(Global, Origin, round);
    }

    private T Own<T>(T owned) where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    private RngKey KeyOf(Purpose purpose) => _key.Fold((ulong)purpose);
}

/// <summary>Memory that is one run's among several: its samples (N x inputs, N) and the updates of a round (n x d).</summary>
internal sealed record SharedRoom(Matrix Features, Buffer<int> Labels, Matrix Updates);

/// <summary>A round that has begun.</summary>
/// <param name="Index">Counted from 1.</param>
/// <param name="Sampled">Its clients; malicious ones are the last.</param>
/// <param name="Malicious">How many of them are malicious.</param>
/// <param name="Poison">What poisoning labels anew took.</param>
internal sealed record Turn(int Index, int[] Sampled, int Malicious, Phase Poison)
{
    public int Honest => Sampled.Length - Malicious;
}

/// <summary>A round whose updates have become the new model: what each phase took, and whom the rule kept.</summary>
internal sealed record Folded(Phase Train, Phase Attack, Phase Aggregate, Selection? Selection);
