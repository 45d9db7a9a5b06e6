// FoolsGold: clients whose updates point the same way over time are taken for one attacker's sybils.
using System.Numerics;
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
public sealed class FoolsGold : IDefense, IJudge
{
    private const double Epsilon = 1e-5;

    private readonly Setting _setting;
    private readonly FoolsGoldOutput _output;
    private readonly FoolsGoldMemory _memory;
    private readonly double _clip;
    private readonly Matrix _norms;
    private readonly float[] _hostNorms;
    private readonly Remembered<FoolsGoldHistory> _history;
    private readonly Buffer<int> _clientOf;
    private readonly int[] _hostClientOf;
    private readonly Matrix? _present; // the histories of the round's clients, where there are more
    private readonly Matrix? _ones;
    private readonly Cosines _cosines;
    private readonly double[,] _similarity;
    private readonly double[,] _byClient;
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
        (_clientOf, _hostClientOf) = (setting.Backend.Allocate<int>(n), new int[n]);
        if (_history.Value.Sums.Rows > n)
        {
            _present = setting.Backend.AllocateMatrix(n, setting.Parameters);
            _ones = setting.Backend.Upload(1, n, [.. Enumerable.Repeat(1f, n)]);
        }

        _cosines = new(setting.Backend, n, setting.Parameters);
        (_similarity, _byClient) = (new double[n, n], new double[n, n]);
        _weights = new(setting);
    }

    /// <summary>The largest cosine between a client's history and another's, pardoned as <see cref="Trust"/> left it.</summary>
    public IReadOnlyList<Judgement> Judgements => [new("similarity", [.. Enumerable.Range(0, _hostNorms.Length).Select(i => Largest(_similarity.Row(i)))])];

    /// <inheritdoc/>
    public ReadOnlySpan<float> Aggregate(Round round, Matrix aggregate)
    {
        Remember(round);
        double[] trust = Trust(Similarity());
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
        foreach (IDisposable? owned in (IDisposable?[])[_norms, _history, _clientOf, _present, _ones, _cosines, _weights])
        {
            owned?.Dispose();
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
            nearest[i] = Largest(cosines.Row(i)) + Epsilon;
        }

        // Pardoning: a client is not blamed for being like one that is even more like another.
        double[] trust = new double[n];
        for (int i = 0; i < n; i++)
        {
            trust[i] = Math.Clamp(1 - LargestPardoned(cosines.Row(i), nearest[i], nearest), 0, 1);
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

    private static double Largest(ReadOnlySpan<double> values)
    {
        var largest = new Vector<double>(values[0]);
        int j = 0;
        for (; j <= values.Length - Vector<double>.Count; j += Vector<double>.Count)
        {
            largest = Vector.Max(largest, new(values[j..]));
        }

        double most = values[0];
        for (int lane = 0; lane < Vector<double>.Count; lane++)
        {
            most = Math.Max(most, largest[lane]);
        }

        for (; j < values.Length; j++)
        {
            most = Math.Max(most, values[j]);
        }

        return most;
    }

    /// <summary>The largest cosine of a client, each times own / nearest where the other's nearest is nearer than its <paramref name="own"/>.</summary>
    private static double LargestPardoned(Span<double> cosines, double own, ReadOnlySpan<double> nearest)
    {
        int j = 0;
        for (; j <= cosines.Length - Vector<double>.Count; j += Vector<double>.Count)
        {
            var cosine = new Vector<double>(cosines[j..]);
            var theirs = new Vector<double>(nearest[j..]);
            Vector.ConditionalSelect(Vector.LessThan(new(own), theirs), cosine * (new Vector<double>(own) / theirs), cosine).CopyTo(cosines[j..]);
        }

        for (; j < cosines.Length; j++)
        {
            cosines[j] *= own < nearest[j] ? own / nearest[j] : 1;
        }

        return Largest(cosines);
    }

    private void Remember(Round round)
    {
        for (int i = 0; i < _hostClientOf.Length; i++)
        {
            _hostClientOf[i] = round.ClientOf(i);
        }

        _clientOf.CopyFrom(_hostClientOf);
        FoolsGoldHistory history = _history.Value;
        if (history.IsEmpty)
        {
            _setting.Backend.Run(new Fill(history.Sums, 0));
        }

        float keep = history.IsEmpty || _memory == FoolsGoldMemory.None ? 0 : 1;
        _setting.Backend.Run(new AddClippedRows(round.Updates, _clientOf, history.Sums, _norms, keep, (float)_clip));
        _norms.CopyTo(_hostNorms);
        history.IsEmpty = false;
    }

    /// <summary>The cosines between the histories of the round's clients, in the order of their updates.</summary>
    private double[,] Similarity()
    {
        if (_present is not null)
        {
            _setting.Backend.Run(new BlendRows(_history.Value.Sums, _clientOf, _ones!, _present, Keep: 0));
            _cosines.Of(_present, _similarity);
            return _similarity;
        }

        _cosines.Of(_history.Value.Sums, _byClient);
        for (int i = 0; i < _hostClientOf.Length; i++)
        {
            Span<double> row = _similarity.Row(i);
            ReadOnlySpan<double> byClient = _byClient.Row(_hostClientOf[i]);
            for (int j = 0; j < row.Length; j++)
            {
                row[j] = byClient[_hostClientOf[j]];
            }
        }

        return _similarity;
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
