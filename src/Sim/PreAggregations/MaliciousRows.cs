// The number of malicious rows that a stage reckons with, when stages in front of it may have removed some.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// The parameter f of a stage, by default that of the setting. It must be below half of the rows; rows that a filter in front has
/// removed are taken off it, as they are off the f of the rule behind.
/// </summary>
internal sealed class MaliciousRows
{
    private readonly int _rows;
    private readonly int _malicious;

    public MaliciousRows(Setting setting, int? f)
    {
        (_rows, _malicious) = (setting.Clients, f ?? setting.Malicious);
        if (_malicious < 0 || 2 * _malicious >= _rows)
        {
            throw new InputException($"f is {_malicious}; allowed is 0 to {(_rows - 1) / 2}, below half of {_rows} rows");
        }
    }

    /// <summary>How many of <paramref name="rows"/> rows.</summary>
    public int Of(int rows) => Math.Max(0, _malicious - (_rows - rows));
}
