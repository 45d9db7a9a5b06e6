// The tutorial's data: normal noise in which one coordinate, told by the label, is higher by 2.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>
/// Each client has n samples, n uniform in [80, 120); x ~ N(0, 1), y uniform, x[y % inputs] += 2. A client's samples
/// depend on the key and on its number only, the test samples on the key only.
/// </summary>
[About("the tutorial's normal noise with one coordinate raised by 2 for each class", Name = "synthetic")]
public sealed class SyntheticData : IDataSource
{
    private const int FewestSamples = 80;
    private const int MostSamples = 119;
    private const int MostInputs = 1 << 24;
    private const float Boost = 2;
    private const ulong ClientLabel = 0;
    private const ulong TestLabel = 1;

    // Fewer are drawn sooner than threads are woken and what runs them is loaded.
    private const int ValuesWorthThreads = 1_000_000;

    private readonly int _inputs;
    private readonly int _classes;
    private readonly int _test;

    /// <summary>Takes the sizes; throws <see cref="InputException"/> when one is out of its range.</summary>
    public SyntheticData(
        [About("values of a sample, 1 to 16777216")] int inputs = 32,
        [About("classes, 2 or more")] int classes = 10,
        [About("test samples, 1 or more")] int test = 500)
    {
        if (inputs is < 1 or > MostInputs)
        {
            throw new InputException($"data synthetic: inputs={inputs} must be from 1 to {MostInputs}");
        }

        if (classes < 2)
        {
            throw new InputException($"data synthetic: classes={classes} must be 2 or more");
        }

        if (test < 1 || test > Array.MaxLength / inputs)
        {
            throw new InputException(
                $"data synthetic: test={test} must be from 1 to {Array.MaxLength / inputs} with inputs={inputs}");
        }

        (_inputs, _classes, _test) = (inputs, classes, test);
    }

    /// <inheritdoc/>
    public Dataset Load(int clients, RngKey key)
    {
        int most = Array.MaxLength / _inputs / MostSamples;
        if (clients < 1 || clients > most)
        {
            throw new InputException($"--clients {clients} must be from 1 to {most} for data synthetic with inputs={_inputs}");
        }

        var streams = new RngStream[clients];
        var sizes = new int[clients];
        var starts = new int[clients];
        int count = 0;
        for (int client = 0; client < clients; client++)
        {
            streams[client] = key.Fold(ClientLabel).Fold((ulong)client).Stream();
            sizes[client] = FewestSamples + streams[client].NextInt32(MostSamples - FewestSamples + 1);
            starts[client] = count;
            count += sizes[client];
        }

        Samples train = Allocate(count);
        if (train.Features.Length < ValuesWorthThreads)
        {
            for (int client = 0; client < clients; client++)
            {
                Fill(train, starts[client], sizes[client], ref streams[client]);
            }
        }
        else
        {
            FillInParallel(train, starts, sizes, streams);
        }

        Samples test = Allocate(_test);
        RngStream testStream = key.Fold(TestLabel).Stream();
        Fill(test, 0, _test, ref testStream);
        return new(train, test, sizes, []);
    }

    // By itself: what it calls is loaded when it is entered.
    private void FillInParallel(Samples train, int[] starts, int[] sizes, RngStream[] streams) =>
        Parallel.For(0, sizes.Length, client => Fill(train, starts[client], sizes[client], ref streams[client]));

    private Samples Allocate(int count) => new(new float[count * _inputs], new int[count], _inputs, _classes);

    private void Fill(Samples samples, int start, int count, ref RngStream stream)
    {
        Span<float> features = samples.Features.AsSpan(start * _inputs, count * _inputs);
        foreach (ref float value in features)
        {
            value = (float)stream.NextNormal();
        }

        for (int i = 0; i < count; i++)
        {
            int label = stream.NextInt32(_classes);
            samples.Labels[start + i] = label;
            features[(i * _inputs) + (label % _inputs)] += Boost;
        }
    }
}
