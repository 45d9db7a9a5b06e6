// Each coordinate's n - f values closest to a center: what MeaMed and Phocas have in common.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>Holds the center, which the rule computes first, and averages around it.</summary>
internal sealed class ValuesAroundCenter(Setting setting, int? f) : IDisposable
{
    private readonly Buffer<int> _all = setting.Backend.Upload<int>([.. Enumerable.Range(0, setting.Clients)]);

    /// <summary>How many values of each coordinate are left out, fewer than half.</summary>
    public int Malicious { get; } = FewerThanHalf.Of(setting, f);

    /// <summary>The center, 1 x d.</summary>
    public Matrix Center { get; } = setting.Backend.AllocateMatrix(1, setting.Parameters);

    /// <summary>Writes the mean of the closest values to <paramref name="aggregate"/> (1 x d).</summary>
    public void Average(Matrix updates, Matrix aggregate) =>
        setting.Backend.Run(new MeanAroundCenter(updates, _all, Center, setting.Clients - Malicious, aggregate));

    public void Dispose()
    {
        _all.Dispose();
        Center.Dispose();
    }
}
