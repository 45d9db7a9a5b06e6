// What a federation's model was after every round, and what it said of each test sample.
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Harness.Checking;

/// <summary>One run of an experiment on one backend.</summary>
/// <param name="Start">The parameters before the first round, d.</param>
/// <param name="Rounds">The rounds, the first one first.</param>
internal sealed record Trajectory(float[] Start, IReadOnlyList<TracedRound> Rounds)
{
    /// <summary>Runs the experiment and classifies the test samples anew after every round.</summary>
    public static Trajectory Of(Experiment experiment, Backend backend, FederatedData data)
    {
        using var federation = new Federation(backend, data, experiment);
        int samples = data.TestFeatures.Rows;
        float[] parameters = federation.Parameters();
        using Buffer<int> every = backend.Upload<int>([.. Enumerable.Range(0, samples)]);
        using Matrix model = backend.Upload(1, parameters.Length, parameters);
        using Matrix logits = backend.AllocateMatrix(samples, federation.Model.Classes);
        List<TracedRound> rounds = [];
        foreach (RoundResult round in federation.Run())
        {
            float[] after = federation.Parameters();
            model.CopyFrom(after);
            backend.Run(new Logits(federation.Model, data.TestFeatures, every, model, logits));
            rounds.Add(TracedRound.Of(round.TestAccuracy, after, logits.ToArray(), samples));
        }

        return new(parameters, rounds);
    }
}

/// <summary>The model after a round.</summary>
/// <param name="TestAccuracy">As the round reported it.</param>
/// <param name="Parameters">The global parameters, d.</param>
/// <param name="Classes">The class that each test sample gets: the first of the largest logits, where NaN counts as the largest.</param>
/// <param name="Margins">How far each sample's second logit is below its largest, over the largest magnitude of its logits; NaN where one of them is no number.</param>
internal sealed record TracedRound(double TestAccuracy, float[] Parameters, int[] Classes, double[] Margins)
{
    /// <summary>Reads classes and margins off the logits, samples x classes.</summary>
    public static TracedRound Of(double testAccuracy, float[] parameters, ReadOnlySpan<float> logits, int samples)
    {
        int width = logits.Length / samples;
        int[] classes = new int[samples];
        double[] margins = new double[samples];
        for (int s = 0; s < samples; s++)
        {
            ReadOnlySpan<float> ofSample = logits.Slice(s * width, width);
            int first = 0;
            double largest = 0;
            for (int j = 0; j < width; j++)
            {
                first = ofSample[j] > ofSample[first] || (float.IsNaN(ofSample[j]) && !float.IsNaN(ofSample[first])) ? j : first;
                largest = Math.Max(largest, Math.Abs(ofSample[j]));
            }

            double second = double.NegativeInfinity;
            for (int j = 0; j < width; j++)
            {
                second = j == first ? second : Math.Max(second, ofSample[j]);
            }

            (classes[s], margins[s]) = (first, largest == 0 ? 0 : (ofSample[first] - second) / largest);
        }

        return new(testAccuracy, parameters, classes, margins);
    }
}
