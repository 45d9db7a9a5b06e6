// Holds this program's rules and training against what other systems computed.
using System.Globalization;
using System.Text.Json;
using FlGpu.Kernels;
using FlGpu.Sim;
using Spectre.Console;

namespace FlGpu.Harness.Checking;

/// <summary>A line for each kind of case and backend: passed, failed, not supported.</summary>
internal static class VectorCheck
{
    // Relative to the expected number, and to the largest input of its column for the digits that cancel.
    private const double Relative = 1e-4;
    private const double OfMagnitude = 1e-6;

    /// <summary>How each kind of case is written here, with the case's parameters in braces.</summary>
    private static readonly Dictionary<string, string> s_rules = new()
    {
        ["fedavg"] = "none",
        ["median_lower"] = "median:even=lower",
        ["trimmed_mean_ratio"] = "trimmed_mean:trim={ratio}",
        ["krum_euclidean"] = "krum:f={f},distance=euclidean",
        ["multi_krum_euclidean"] = "multi_krum:f={f},keep={m},distance=euclidean",
        ["norm_clip_mean"] = "norm_clip:clip={clip}",
        ["mean"] = "none:weighting=uniform",
        ["median"] = "median:even={even}",
        ["trimmed_mean"] = "trimmed_mean:f={f}",
        ["krum"] = "krum:f={f},neighbours=n-f-1",
        ["multi_krum"] = "multi_krum:f={f},keep={m},neighbours=n-f-1",
    };

    private enum Verdict
    {
        Passed,
        Failed,
        NotSupported,
    }

    /// <returns>0, or 1 when a case failed.</returns>
    public static int Run(IReadOnlyList<string> files, IReadOnlyList<string> backends, int threads, Screen screen)
    {
        IReadOnlyList<(string Kind, object Vector)> cases =
            [.. files.SelectMany(VectorFile.Read).Select(vector => (vector is AggregatorVector a ? a.Op : "training", vector))];
        Table table = Screen.Table("case", "backend", "passed", "failed", "not supported");
        Dictionary<Verdict, int> total = [];
        foreach (string name in backends)
        {
            using Backend backend = Backends.Open(name, threads);
            foreach (IGrouping<string, (string Kind, object Vector)> kind in cases.GroupBy(c => c.Kind))
            {
                Dictionary<Verdict, int> counts = kind.GroupBy(c => Check(c.Vector, backend)).ToDictionary(group => group.Key, group => group.Count());
                table.AddRow([kind.Key, backend.Name, .. Enum.GetValues<Verdict>().Select(verdict => counts.GetValueOrDefault(verdict).ToString(CultureInfo.InvariantCulture))]);
                foreach ((Verdict verdict, int count) in counts)
                {
                    total[verdict] = total.GetValueOrDefault(verdict) + count;
                }
            }
        }

        screen.Console.Write(table);
        int failed = total.GetValueOrDefault(Verdict.Failed);
        screen.Out.WriteLine($"{total.GetValueOrDefault(Verdict.Passed)} passed, {failed} failed, {total.GetValueOrDefault(Verdict.NotSupported)} not supported.");
        return failed == 0 ? 0 : 1;
    }

    private static Verdict Check(object vector, Backend backend) =>
        vector is AggregatorVector aggregator ? CheckRule(aggregator, backend)
        : CheckTraining((TrainingVector)vector, backend) ? Verdict.Passed : Verdict.Failed;

    private static Verdict CheckRule(AggregatorVector vector, Backend backend)
    {
        if (!s_rules.TryGetValue(vector.Op, out string? rule))
        {
            return Verdict.NotSupported;
        }

        foreach ((string name, JsonElement value) in vector.Params)
        {
            rule = rule.Replace($"{{{name}}}", value.ToString(), StringComparison.Ordinal);
        }

        Choice<IDefense> choice = Catalogue.Parse<IDefense>("--vectors", rule);
        int[] samples = vector.NumSamples ?? [.. Enumerable.Repeat(1, vector.N)];
        IDefense defense;
        try
        {
            defense = choice.Create(new Setting(backend, vector.N, Malicious: 0, vector.D));
        }
        catch (InputException)
        {
            // Others define a result where the rule's condition on n and f does not hold; here that is an error.
            return Verdict.NotSupported;
        }

        using (defense)
        using (Matrix updates = backend.Upload(vector.N, vector.D, vector.Input))
        using (Matrix global = backend.Upload(1, vector.D, new float[vector.D]))
        using (Matrix aggregate = backend.AllocateMatrix(1, vector.D))
        {
            defense.Aggregate(new Round(1, updates, global, samples, 0, RngKey.FromSeed(0)), aggregate);
            float[] output = aggregate.ToArray();
            for (int k = 0; k < vector.D; k++)
            {
                double largest = Enumerable.Range(0, vector.N).Max(i => Math.Abs((double)vector.Input[(i * vector.D) + k]));
                if (!Close(output[k], vector.Output[k], largest))
                {
                    return Verdict.Failed;
                }
            }

            return Verdict.Passed;
        }
    }

    private static bool CheckTraining(TrainingVector vector, Backend backend)
    {
        var model = new Mlp(vector.Layers);
        var sgd = new LocalSgd(vector.Epochs, vector.Batch, (float)vector.LearningRate);
        int[] order = [.. vector.EpochOrder.SelectMany(epoch => epoch)];
        using Matrix features = backend.Upload(vector.Samples, model.Inputs, vector.Features);
        using Buffer<int> labels = backend.Upload<int>(vector.Labels);
        using Buffer<int> visits = backend.Upload<int>(order);
        using Buffer<int> start = backend.Upload<int>([0, order.Length]);
        using Matrix initial = backend.Upload(1, model.Parameters, FromPyTorch(model, vector.Initial));
        using Matrix zero = backend.Upload(1, model.Parameters, new float[model.Parameters]);
        using Matrix final = backend.AllocateMatrix(1, model.Parameters);
        using Matrix losses = backend.AllocateMatrix(1, vector.StepLosses.Length);
        backend.Run(new TrainClients(model, sgd, new(features, labels, visits, start), initial, zero, final, losses));
        return AllClose(final.ToArray(), [.. FromPyTorch(model, vector.Final).Select(w => (double)w)]) && AllClose(losses.ToArray(), vector.StepLosses);
    }

    /// <summary>PyTorch keeps weights as outputs x inputs; here they are inputs x outputs.</summary>
    private static float[] FromPyTorch(Mlp model, Dictionary<string, JsonElement> state)
    {
        List<float> parameters = [];
        for (int layer = 0; layer < model.Layers; layer++)
        {
            float[] weights = VectorFile.Numbers(state[VectorFile.WeightOf(layer)]);
            int inputs = model.Widths[layer];
            int outputs = model.Widths[layer + 1];
            for (int i = 0; i < inputs; i++)
            {
                for (int j = 0; j < outputs; j++)
                {
                    parameters.Add(weights[(j * inputs) + i]);
                }
            }

            parameters.AddRange(VectorFile.Numbers(state[VectorFile.BiasOf(layer)]));
        }

        return [.. parameters];
    }

    private static bool AllClose(float[] actual, double[] expected) =>
        actual.Length == expected.Length && actual.Zip(expected).All(pair => Close(pair.First, pair.Second, magnitude: 1));

    private static bool Close(float actual, double expected, double magnitude) =>
        Math.Abs(actual - expected) <= (Relative * Math.Abs(expected)) + (OfMagnitude * magnitude);
}
