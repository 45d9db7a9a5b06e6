// Labels that malicious clients flip anew in every round, where the model and the samples are.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The samples that an attack flips anew, on the device, client by client.</summary>
internal sealed class LabelsFlippedAnew : IDisposable
{
    private readonly Backend _backend;
    private readonly Model _model;
    private readonly int[] _start;
    private readonly Buffer<int> _rows;
    private readonly Buffer<int> _classes;
    private readonly Matrix _logits;

    private LabelsFlippedAnew(Backend backend, Model model, int[] start, IReadOnlyList<(int Row, int Class)> samples)
    {
        (_backend, _model, _start) = (backend, model, start);
        _rows = backend.Upload<int>([.. samples.Select(sample => sample.Row)]);
        _classes = backend.Upload<int>([.. samples.Select(sample => sample.Class)]);
        _logits = backend.AllocateMatrix(samples.Count, model.Classes);
    }

    /// <summary>The samples of an attack of <paramref name="malicious"/> clients that have been poisoned; null where it flips none anew.</summary>
    public static LabelsFlippedAnew? Of(Backend backend, Model model, IAttack attack, int malicious)
    {
        int[] start = new int[malicious + 1];
        List<(int, int)> samples = [];
        for (int client = 0; client < malicious; client++)
        {
            samples.AddRange(attack.FlippedAnew(client));
            start[client + 1] = samples.Count;
        }

        return samples.Count == 0 ? null : new(backend, model, start, samples);
    }

    /// <summary>Flips the labels of some of the malicious clients.</summary>
    /// <param name="clients">Which of the malicious clients, counted from 0, in ascending order.</param>
    /// <param name="global">The model that they got, 1 x d.</param>
    /// <param name="features">The samples.</param>
    /// <param name="labels">Their labels.</param>
    public void Flip(IReadOnlyList<int> clients, Matrix global, Matrix features, Buffer<int> labels)
    {
        // The samples of clients that follow one another do so too: when all take part it is one run.
        for (int first = 0, end; first < clients.Count; first = end)
        {
            end = first + 1;
            while (end < clients.Count && clients[end] == clients[end - 1] + 1)
            {
                end++;
            }

            int begin = _start[clients[first]];
            int count = _start[clients[end - 1] + 1] - begin;
            if (count > 0)
            {
                Buffer<int> rows = _rows.Slice(begin, count);
                Matrix logits = _logits.SliceRows(0, count);
                _backend.Run(new Logits(_model, features, rows, global, logits));
                _backend.Run(new RelabelLeastLikely(logits, rows, _classes.Slice(begin, count), labels));
            }
        }
    }

    public void Dispose()
    {
        _rows.Dispose();
        _classes.Dispose();
        _logits.Dispose();
    }
}
