// Runs the cases of a sweep one after another and turns what they give into rows.
using FlGpu.Harness.Recording;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Sweeping;

/// <summary>The rows of one finished case.</summary>
public sealed record CaseRows(SweepCase Case, IReadOnlyList<AccuracyRow> Accuracies, IReadOnlyList<TimingRow> Timings)
{
    /// <summary>How the case ended.</summary>
    public RowStatus Status => Accuracies[^1].Status;
}

/// <summary>One run of a sweep; it keeps the open backend and the loaded data from case to case.</summary>
public sealed class SweepRun(string runId, int threads) : IDisposable
{
    private readonly List<DataFile> _files = [];
    private Backend? _backend;
    private string? _backendName;
    private FederatedData? _data;
    private (string Backend, int Clients, ulong Seed) _dataOf;

    /// <summary>The data files that were read.</summary>
    public IReadOnlyList<DataFile> Files => _files;

    /// <summary>Runs a case. A case that breaks gives a row with the reason, not an exception.</summary>
    public CaseRows Run(SweepCase sweepCase)
    {
        if (sweepCase.Impossible is { } impossible)
        {
            return Ended(sweepCase, RowStatus.Skipped, impossible);
        }

        List<AccuracyRow> accuracies = [];
        List<TimingRow> timings = [];
        try
        {
            Backend backend = Open(sweepCase.Backend);
            FederatedData data = Load(backend, sweepCase);
            using var federation = new Federation(backend, data, sweepCase.Experiment);
            foreach (RoundResult round in federation.Run())
            {
                accuracies.Add(Accuracy(sweepCase, backend, federation.Model, round));
                timings.Add(Timing(sweepCase, backend, federation.Model, RowKind.Defense, round.Round, round.Aggregate));
                timings.Add(Timing(sweepCase, backend, federation.Model, RowKind.Round, round.Round, round.Whole));
            }

            return new(sweepCase, accuracies, timings);
        }
        catch (InputException unusable)
        {
            return Ended(sweepCase, RowStatus.Skipped, unusable.Message);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            CaseRows ended = Ended(sweepCase, RowStatus.Failed, $"{failure.GetType().Name}: {failure.Message}");
            return ended with { Accuracies = [.. accuracies, .. ended.Accuracies], Timings = [.. timings, .. ended.Timings] };
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _data?.Dispose();
        _backend?.Dispose();
    }

    private Backend Open(string name)
    {
        if (_backendName != name)
        {
            Dispose();
            (_data, _backend, _backendName) = (null, null, null);
            _backend = Backends.Open(name, threads);
            _backendName = name;
        }

        return _backend!;
    }

    private FederatedData Load(Backend backend, SweepCase sweepCase)
    {
        (string, int, ulong) wanted = (sweepCase.Backend, sweepCase.Experiment.Clients, sweepCase.Experiment.Seed);
        if (_data is null || _dataOf != wanted)
        {
            _data?.Dispose();
            _data = null;
            _data = FederatedData.Load(backend, sweepCase.Data, sweepCase.Partition, sweepCase.Experiment.Clients, sweepCase.Experiment.Seed);
            _dataOf = wanted;
            _files.AddRange(_data.Dataset.Files.Except(_files));
        }

        return _data;
    }

    private AccuracyRow Accuracy(SweepCase sweepCase, Backend backend, Mlp model, RoundResult round)
    {
        Experiment e = sweepCase.Experiment;
        return new(
            runId, sweepCase.Data.Text, sweepCase.Partition.Text, model.Name, model.Parameters, e.Clients, e.Malicious, e.Attack.Text, e.Defense.Text,
            backend.Name, e.Seed, round.Round, round.TestAccuracy, round.TestLoss, round.AttackSuccess,
            round.Selection?.KeptHonest, round.Selection?.KeptMalicious, round.Selection?.Precision, round.Selection?.Recall,
            round.Selection?.F1, round.Selection?.FalsePositiveRate, round.ReckonedF, round.Deviation?.Cosine, round.Deviation?.Distance,
            round.Train.WallMs, round.Attack.WallMs, round.Aggregate.WallMs, round.Evaluate.WallMs, RowStatus.Ok, "");
    }

    // The first round compiles and loads code; it is kept apart.
    private TimingRow Timing(SweepCase sweepCase, Backend backend, Mlp model, RowKind kind, int round, Phase phase)
    {
        Experiment e = sweepCase.Experiment;
        return new(
            runId, kind, e.Defense.Text, e.Attack.Text, backend.Name, backend.Device, backend.Threads, e.Clients, e.Malicious, model.Parameters,
            TimingScope.Compute, round == 1 ? TimingPhase.First : TimingPhase.Sample, round == 1 ? 0 : round - 2,
            phase.WallMs, GpuMs: null, phase.Work.Flops, phase.Work.CompareExchanges, phase.Work.BytesRead, phase.Work.BytesWritten, RowStatus.Ok, "");
    }

    private CaseRows Ended(SweepCase sweepCase, RowStatus status, string reason)
    {
        Experiment e = sweepCase.Experiment;
        var accuracy = new AccuracyRow(
            runId, sweepCase.Data.Text, sweepCase.Partition.Text, "", 0, e.Clients, e.Malicious, e.Attack.Text, e.Defense.Text, sweepCase.Backend, e.Seed,
            null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, status, reason);
        var timing = new TimingRow(
            runId, RowKind.Round, e.Defense.Text, e.Attack.Text, sweepCase.Backend, "", 0, e.Clients, e.Malicious, 0,
            TimingScope.Compute, TimingPhase.Sample, 0, null, null, null, null, null, null, status, reason);
        return new(sweepCase, [accuracy], [timing]);
    }
}
