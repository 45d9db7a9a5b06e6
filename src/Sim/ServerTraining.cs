// What the server learns by itself from a few clean samples, for rules that have a root of trust.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Local training on 100 samples drawn from the training data, with their true classes (FLTrust: Cao et al., NDSS 2021).
/// </summary>
internal sealed class ServerTraining : IDisposable
{
    private const int MostSamples = 100;
    private readonly Backend _backend;
    private readonly Model _model;
    private readonly LocalSgd _sgd;
    private readonly RngKey _key;
    private readonly Matrix _features;
    private readonly int[] _rows;
    private readonly Buffer<int> _labels;
    private readonly Buffer<int> _order;
    private readonly Buffer<int> _start;
    private readonly Matrix _update;

    public ServerTraining(Backend backend, FederatedData data, Model model, LocalSgd sgd, RngKey key)
    {
        (_backend, _model, _sgd, _key, _features) = (backend, model, sgd, key, data.TrainFeatures);
        int[] shuffled = [.. Enumerable.Range(0, data.Dataset.Train.Count)];
        RngStream stream = key.Stream();
        stream.Shuffle<int>(shuffled);
        _rows = shuffled[..Math.Min(MostSamples, shuffled.Length)];
        _labels = backend.Upload<int>(data.Dataset.Train.Labels);
        _order = backend.Allocate<int>(_rows.Length * sgd.Epochs);
        _start = backend.Upload<int>([0, _rows.Length * sgd.Epochs]);
        _update = backend.AllocateMatrix(1, model.Parameters);
    }

    /// <summary>Trains from <paramref name="global"/> and returns what was learned relative to <paramref name="origin"/>, 1 x d.</summary>
    public Matrix Train(Matrix global, Matrix origin, int round)
    {
        int[] order = new int[_order.Length];
        RngStream stream = _key.Fold((ulong)round).Stream();
        for (int epoch = 0; epoch < _sgd.Epochs; epoch++)
        {
            Span<int> visits = order.AsSpan(epoch * _rows.Length, _rows.Length);
            _rows.CopyTo(visits);
            stream.Shuffle(visits);
        }

        _order.CopyFrom(order);
        _backend.Run(new TrainClients(_model, _sgd, new(_features, _labels, _order, _start), global, origin, _update));
        return _update;
    }

    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_labels, _order, _start, _update])
        {
            owned.Dispose();
        }
    }
}
