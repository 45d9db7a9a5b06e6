// FoolsGold: clients whose updates point the same way over time are taken for one attacker's sybils.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>What FoolsGold does with the weighted updates.</summary>
public enum FoolsGoldOutput
{
    /// <summary>Adds them up: the paper and its code.</summary>
    Sum,

    /// <summary>Divides the sum by the sum of the weights (BackFed, CRYPTO-KU).</summary>
    Mean,
}

/// <summary>Whose updates FoolsGold compares.</summary>
public enum FoolsGoldMemory
{
    /// <summary>The sum of a client's updates over all rounds in which it took part: the paper.</summary>
    All,

    /// <summary>This round's alone.</summary>
    None,
}

/// <summary>
/// Each update is cut to the norm <c>clip</c> and weighted by how unlike the others its client's history is (Fung et al., RAID 2020,
/// algorithm 1, with the constants of the authors' code; all features count). NaN and infinite updates count as zero: they
/// get no weight and are not remembered. Where every history points the same way no client is trusted, and the aggregate is zero.
/// </summary>
[About("weights clients by how unlike the others their past updates are", Name = "fools_gold", Paper = "Fung et al., RAID 2020")]
public sealed class FoolsGold : IDefense
{
    private const double Epsilon = 1e-5;

    private readonly Setting _setting;
    private readonly FoolsGoldOutput _output;
    private readonly FoolsGoldMemory _memory;
    private readonly double _clip;
    private readonly Matrix _norms;
    private readonly float[] _hostNorms;
    private readonly Remembered<FoolsGoldHistory> _history;
    private readonly Matrix _added;
    private readonly Buffer<int> _rowOf;
    private readonly Buffer<int> _clientOf;
    private readonly float[] _hostAdded;
    private readonly int[] _hostRowOf;
    private readonly int[] _hostClientOf;
    private readonly Cosines _cosines;
    private readonly double[,] _similarity;
    private readonly ClientWeights _weights;

    /// <summary>Remembers every client of the population.</summary>
    public FoolsGold(
        Setting setting,
        [About("the weighted updates are added up, or averaged; the paper adds")] FoolsGoldOutput output = FoolsGoldOutput.Sum,
        [About("a client is judged by the sum of all its updates, or by the last alone")] FoolsGoldMemory memory = FoolsGoldMemory.All,
        [About("largest Euclidean norm an update may have, as in the authors' code; Infinity: any")] double clip = 1)
    {
        if (!(clip > 0))
        {
            throw new InputException($"clip is {Catalogue.ValueText(clip)}; allowed is any number above 0");
        }

        int n = setting.Clients;
        int population = Math.Max(n, setting.Population ?? n);
        (_setting, _output, _memory, _clip) = (setting, output, memory, clip);
        _norms = setting.Backend.AllocateMatrix(1, n);
        _hostNorms = new float[n];
        _history = setting.Memory.Of(() => new FoolsGoldHistory(setting.Backend.AllocateMatrix(population, setting.Parameters)));
        _added = setting.Backend.AllocateMatrix(1, population);
        _rowOf = setting.Backend.Allocate<int>(population);
        _clientOf = setting.Backend.Allocate<int>(n);
        (_hostAdded, _hostRowOf, _hostClientOf) = (new float[population], new int[population], new int[n]);
        _cosines = new(setting.Backend, n, setting.Parameters);
        _similarity = new double[n, n];
        _weights = new(setting);
    }

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        Remember(round);
        _cosines.Of(_history.Value.Sums, _clientOf, _similarity);
        double[] trust = Trust(_similarity);
        double total = 0;
        for (int i = 0; i < trust.Length; i++)
        {
            trust[i] = float.IsFinite(_hostNorms[i]) ? trust[i] : 0;
            total += trust[i];
        }

        double scale = _output == FoolsGoldOutput.Sum || total == 0 ? 1 : 1 / total;
        for (int i = 0; i < trust.Length; i++)
        {
            _weights.Weights[i] = (float)(trust[i] * scale * ClipOf(i));
        }

        return _weights.Sum(round.Updates, aggregate);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable owned in (IDisposable[])[_norms, _history, _added, _rowOf, _clientOf, _cosines, _weights])
        {
            owned.Dispose();
        }
    }

    /// <summary>The authors' weights for cosines between n histories, which it overwrites: 0 for a sybil, 1 for a client like no other.</summary>
    internal static double[] Trust(double[,] cosines)
    {
        int n = cosines.GetLength(0);
        double[] nearest = new double[n];
        for (int i = 0; i < n; i++)
        {
            cosines[i, i] = 0;
            nearest[i] = Largest(cosines, i) + Epsilon;
        }

        // Pardoning: a client is not blamed for being like one that is even more like another.
        double[] trust = new double[n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < n; j++)
            {
                if (nearest[i] < nearest[j])
                {
                    cosines[i, j] *= nearest[i] / nearest[j];
                }
            }

            trust[i] = Math.Clamp(1 - Largest(cosines, i), 0, 1);
        }

        double largest = trust.Max();
        for (int i = 0; i < n; i++)
        {
            double share = largest == 0 ? 0 : trust[i] / largest;
            share = share == 1 ? 0.99 : share;
            trust[i] = Math.Clamp(Math.Log((share / (1 - share)) + Epsilon) + 0.5, 0, 1);
        }

        return trust;
    }

    private static double Largest(double[,] values, int row)
    {
        double largest = values[row, 0];
        for (int j = 1; j < values.GetLength(1); j++)
        {
            largest = Math.Max(largest, values[row, j]);
        }

        return largest;
    }

    private void Remember(Round round)
    {
        _setting.Backend.Run(new RowNorms(round.Updates, _norms));
        _norms.CopyTo(_hostNorms);
        _hostAdded.AsSpan().Clear();
        for (int i = 0; i < _hostNorms.Length; i++)
        {
            int client = round.ClientOf(i);
            _hostClientOf[i] = client;
            _hostRowOf[client] = i;
            _hostAdded[client] = (float)ClipOf(i);
        }

        _added.CopyFrom(_hostAdded);
        _rowOf.CopyFrom(_hostRowOf);
        _clientOf.CopyFrom(_hostClientOf);
        FoolsGoldHistory history = _history.Value;
        float keep = history.IsEmpty || _memory == FoolsGoldMemory.None ? 0 : 1;
        _setting.Backend.Run(new BlendRows(round.Updates, _rowOf, _added, history.Sums, keep));
        history.IsEmpty = false;
    }

    private double ClipOf(int i) =>
        !float.IsFinite(_hostNorms[i]) ? 0 : _hostNorms[i] > _clip ? _clip / _hostNorms[i] : 1;
}

/// <summary>The sum of each client's updates, population x d.</summary>
internal sealed class FoolsGoldHistory(Matrix sums) : IDisposable
{
    public Matrix Sums { get; } = sums;

    public bool IsEmpty { get; set; } = true;

    public void Dispose() => Sums.Dispose();
}
