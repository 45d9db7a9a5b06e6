// The global model's last change, for attacks that follow it.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Remembers, on the device, the global model of the last round in which it was asked.</summary>
internal sealed class LastGlobal(Setting setting) : IDisposable
{
    // Made when first asked.
    private Matrix? _two;
    private bool _known;

    /// <summary>
    /// Writes the global parameters less those of the round before to <paramref name="change"/> (m x d), to every row; false, and nothing written, in the
    /// first round.
    /// </summary>
    public bool Change(Round round, Matrix change)
    {
        Backend backend = setting.Backend;
        _two ??= backend.AllocateMatrix(2, round.Global.Columns);
        using Matrix one = backend.Upload(1, 1, [1]);
        backend.Run(new RowMix(round.Global, one, _two.SliceRows(1, 1)));
        bool known = _known;
        if (known)
        {
            using Matrix difference = backend.Upload(change.Rows, 2, [.. Enumerable.Repeat(new[] { -1f, 1f }, change.Rows).SelectMany(pair => pair)]);
            backend.Run(new RowMix(_two, difference, change));
        }

        backend.Run(new RowMix(round.Global, one, _two.SliceRows(0, 1)));
        _known = true;
        return known;
    }

    public void Dispose() => _two?.Dispose();
}
