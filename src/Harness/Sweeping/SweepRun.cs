// Runs the cases of a sweep one after another and turns what they give into rows.
using System.Globalization;
using FlGpu.Harness.Recording;
using FlGpu.Harness.Timing;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Sweeping;

/// <summary>The rows of one finished case.</summary>
public sealed record CaseRows(SweepCase Case, IReadOnlyList<AccuracyRow> Accuracies, IReadOnlyList<TimingRow> Timings)
{
    /// <summary>How the case ended.</summary>
    public RowStatus Status => Accuracies.Count > 0 ? Accuracies[^1].Status : Timings[^1].Status;

    /// <summary>Why it did not end well, or a warning; empty otherwise.</summary>
    public string Reason => Accuracies.Count > 0 ? Accuracies[^1].Reason : Timings[^1].Reason;
}

/// <summary>One run of a sweep; it keeps the open backend and the data loaded last from case to case.</summary>
public sealed class SweepRun(int threads, Screen screen) : IDisposable
{
    private readonly List<DataFile> _files = [];
    private readonly HashSet<string> _whyOneByOne = [];
    private Backend? _backend;
    private string? _backendName;
    private readonly Dictionary<DataKey, FederatedData> _data = [];

    /// <summary>The data files that were read.</summary>
    public IReadOnlyList<DataFile> Files => _files;

    /// <summary>Runs a case. A case that breaks gives a row with the reason, not an exception.</summary>
    /// <exception cref="OperationCanceledException">It was interrupted; the case is abandoned.</exception>
    public CaseRows Run(SweepCase sweepCase, CancellationToken interruption) => sweepCase switch
    {
        TrainingCase training => Train(training, interruption),
        TimingCase timing => Time(timing, interruption),
        _ => throw new InvalidOperationException($"{sweepCase.GetType()} is no case that can be run"),
    };

    /// <summary>
    /// Runs cases that differ in nothing but their seeds, in launches that they share. The rows are those that each gives by itself, but for the
    /// times. Where they cannot share launches they run one by one, and standard error says why, once for each reason.
    /// </summary>
    /// <exception cref="OperationCanceledException">It was interrupted; the cases are abandoned.</exception>
    public IReadOnlyList<CaseRows> RunTogether(IReadOnlyList<SweepCase> cases, CancellationToken interruption)
    {
        TrainingCase[] trainings = [.. cases.OfType<TrainingCase>()];
        if (trainings.Length < 2)
        {
            return [.. cases.Select(sweepCase => Run(sweepCase, interruption))];
        }

        string whyOneByOne = "they do not fit in memory together";
        try
        {
            interruption.ThrowIfCancellationRequested();
            Backend backend = Open(trainings[0].Backend);
            IReadOnlyList<FederatedData> data = Load(backend, trainings);
            if (CaseMemory.FitTogether(trainings, backend, data))
            {
                using var batch = new FederationBatch(backend, [.. trainings.Select((training, i) => (data[i], training.Experiment))]);
                List<AccuracyRow>[] accuracies = [.. trainings.Select(_ => new List<AccuracyRow>())];
                List<TimingRow>[] timings = [.. trainings.Select(_ => new List<TimingRow>())];
                foreach (IReadOnlyList<RoundResult> round in batch.Run())
                {
                    interruption.ThrowIfCancellationRequested();
                    for (int i = 0; i < trainings.Length; i++)
                    {
                        Record(trainings[i], backend, batch.Federations[i], round[i], accuracies[i], timings[i]);
                    }
                }

                return [.. trainings.Select((training, i) => new CaseRows(training, accuracies[i], timings[i]))];
            }
        }
        catch (InputException unusable)
        {
            whyOneByOne = unusable.Message;
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            whyOneByOne = $"{failure.GetType().Name}: {failure.Message}";
        }

        if (_whyOneByOne.Add(whyOneByOne))
        {
            screen.Tell($"Seeds run one by one: {whyOneByOne}");
        }

        // By itself each case says what is wrong with it, if anything is.
        return [.. trainings.Select(training => Train(training, interruption))];
    }

    private CaseRows Train(TrainingCase training, CancellationToken interruption)
    {
        if (training.Impossible is { } impossible)
        {
            return Ended(training, RowStatus.Skipped, impossible);
        }

        List<AccuracyRow> accuracies = [];
        List<TimingRow> timings = [];
        try
        {
            interruption.ThrowIfCancellationRequested();
            Backend backend = Open(training.Backend);
            FederatedData data = Load(backend, [training])[0];
            using var federation = new Federation(backend, data, training.Experiment, CaseMemory.UpdatesAtOnce(training, backend, data));
            foreach (RoundResult round in federation.Run())
            {
                interruption.ThrowIfCancellationRequested();
                Record(training, backend, federation, round, accuracies, timings);
            }

            return new(training, accuracies, timings);
        }
        catch (InputException unusable)
        {
            return Ended(training, RowStatus.Skipped, unusable.Message);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            CaseRows ended = Ended(training, RowStatus.Failed, $"{failure.GetType().Name}: {failure.Message}");
            return ended with { Accuracies = [.. accuracies, .. ended.Accuracies], Timings = [.. timings, .. ended.Timings] };
        }
    }

    private CaseRows Time(TimingCase timing, CancellationToken interruption)
    {
        try
        {
            interruption.ThrowIfCancellationRequested();
            if (timing.Impossible is { } impossible)
            {
                throw new InputException(impossible);
            }

            Backend backend = Open(timing.Backend);
            CaseMemory.Require(timing, backend);
            var plan = new TimingPlan(
                [], [], [], [], SkipWhatCannotRun: true, timing.Malicious.ToString(CultureInfo.InvariantCulture), [], threads, timing.Protocol);
            var run = new TimingRun(plan, timing.RunId, screen, interruption);
            return new(timing, [], timing.Operation is { } operation
                ? run.OperationRows(operation, backend, timing.Clients, timing.Parameters)
                : run.DefenseRows(timing.Defense!, backend, timing.Clients, timing.Parameters));
        }
        catch (InputException unusable)
        {
            return Ended(RowStatus.Skipped, unusable.Message);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            return Ended(RowStatus.Failed, $"{failure.GetType().Name}: {failure.Message}");
        }

        CaseRows Ended(RowStatus status, string reason) => new(timing, [],
        [
            new TimingRow(
                timing.RunId, timing.Defense is null ? RowKind.Operation : RowKind.Defense, timing.Name, "", timing.Backend, "", 0, timing.Clients, timing.Malicious,
                timing.Parameters, TimingScope.Compute, TimingPhase.Sample, 0, null, null, null, null, null, null, status, reason),
        ]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Unload(_data.Keys);
        _backend?.Dispose();
    }

    private static void Record(
        TrainingCase training, Backend backend, Federation federation, RoundResult round, List<AccuracyRow> accuracies, List<TimingRow> timings)
    {
        string slices = federation.Slices == 1 ? "" : $"updates in {federation.Slices} slices, for memory";
        accuracies.Add(Accuracy(training, backend, federation.Model, round, slices));
        timings.Add(Timing(training, backend, federation.Model, RowKind.Defense, round.Round, round.Aggregate, slices));
        timings.Add(Timing(training, backend, federation.Model, RowKind.Round, round.Round, round.Whole, slices));
    }

    private Backend Open(string name)
    {
        if (_backendName != name)
        {
            Dispose();
            (_backend, _backendName) = (null, null);
            _backend = Backends.Open(name, threads);
            _backendName = name;
        }

        return _backend!;
    }

    private IReadOnlyList<FederatedData> Load(Backend backend, IReadOnlyList<TrainingCase> cases)
    {
        DataKey[] wanted = [.. cases.Select(c => new DataKey(c.Data.Text, c.Partition.Text, c.Experiment.Clients, c.Experiment.Seed))];
        Unload(_data.Keys.Except(wanted));
        for (int i = 0; i < cases.Count; i++)
        {
            if (!_data.ContainsKey(wanted[i]))
            {
                TrainingCase of = cases[i];
                FederatedData loaded = FederatedData.Load(backend, of.Data, of.Partition, of.Experiment.Clients, of.Experiment.Seed);
                _data[wanted[i]] = loaded;
                _files.AddRange(loaded.Dataset.Files.Except(_files));
            }
        }

        return [.. wanted.Select(key => _data[key])];
    }

    private void Unload(IEnumerable<DataKey> keys)
    {
        foreach (DataKey key in keys.ToArray())
        {
            _data.Remove(key, out FederatedData? data);
            data!.Dispose();
        }
    }

    private static AccuracyRow Accuracy(TrainingCase sweepCase, Backend backend, Model model, RoundResult round, string warning)
    {
        Experiment e = sweepCase.Experiment;
        return new(
            sweepCase.RunId, sweepCase.Data.Text, sweepCase.Partition.Text, model.Name, model.Parameters, e.Clients, e.Malicious, e.Attack.Text, e.Defense.Text,
            backend.Name, e.Seed, round.Round, round.TestAccuracy, round.TestLoss, round.AttackSuccess,
            round.Selection?.KeptHonest, round.Selection?.KeptMalicious, round.Selection?.Precision, round.Selection?.Recall,
            round.Selection?.F1, round.Selection?.FalsePositiveRate, round.ReckonedF, round.Deviation?.Cosine, round.Deviation?.Distance,
            round.Train.WallMs, round.Attack.WallMs, round.Aggregate.WallMs, round.Evaluate.WallMs, RowStatus.Ok, warning,
            e.Sgd.Epochs, WrittenAs(e.Sgd.LearningRate));
    }

    // The first round compiles and loads code; it is kept apart.
    private static TimingRow Timing(TrainingCase sweepCase, Backend backend, Model model, RowKind kind, int round, Phase phase, string warning)
    {
        Experiment e = sweepCase.Experiment;
        return new(
            sweepCase.RunId, kind, e.Defense.Text, e.Attack.Text, backend.Name, backend.Device, backend.Threads, e.Clients, e.Malicious, model.Parameters,
            TimingScope.Compute, round == 1 ? TimingPhase.First : TimingPhase.Sample, round == 1 ? 0 : round - 2,
            phase.WallMs, phase.GpuMs, phase.Work.Flops, phase.Work.CompareExchanges, phase.Work.BytesRead, phase.Work.BytesWritten, RowStatus.Ok, warning,
            sweepCase.Data.Text, sweepCase.Partition.Text, model.Name, e.Sgd.Epochs, WrittenAs(e.Sgd.LearningRate));
    }

    private static CaseRows Ended(TrainingCase sweepCase, RowStatus status, string reason)
    {
        Experiment e = sweepCase.Experiment;
        var accuracy = new AccuracyRow(
            sweepCase.RunId, sweepCase.Data.Text, sweepCase.Partition.Text, "", 0, e.Clients, e.Malicious, e.Attack.Text, e.Defense.Text, sweepCase.Backend, e.Seed,
            null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, status, reason,
            e.Sgd.Epochs, WrittenAs(e.Sgd.LearningRate));
        var timing = new TimingRow(
            sweepCase.RunId, RowKind.Round, e.Defense.Text, e.Attack.Text, sweepCase.Backend, "", 0, e.Clients, e.Malicious, 0,
            TimingScope.Compute, TimingPhase.Sample, 0, null, null, null, null, null, null, status, reason,
            sweepCase.Data.Text, sweepCase.Partition.Text, "", e.Sgd.Epochs, WrittenAs(e.Sgd.LearningRate));
        return new(sweepCase, [accuracy], [timing]);
    }

    private sealed record DataKey(string Data, string Partition, int Clients, ulong Seed);

    // 0.3 and not 0.30000001192092896, which is what single precision makes of it.
    private static double WrittenAs(float value) =>
        double.Parse(value.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
