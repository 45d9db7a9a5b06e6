// A multilayer perceptron, and where each of its weights lies in the row of parameters.
namespace FlGpu.Kernels;

/// <summary>
/// Fully connected layers with ReLU between them and softmax cross-entropy at the end. Its parameters are one row: layer
/// after layer, the weights as inputs x outputs (the outputs of one input side by side), then the biases.
/// </summary>
public sealed class Mlp : Model
{
    /// <summary>The most layers a kernel is told of.</summary>
    public const int MaxLayers = 8;

    /// <summary>A model with these widths: inputs, any hidden layers, classes.</summary>
    /// <exception cref="InputException">A width is below 1, or there are too few or too many.</exception>
    public Mlp(params IReadOnlyList<int> widths)
    {
        if (widths.Count is < 2 or > MaxLayers + 1 || widths.Any(width => width < 1))
        {
            throw new InputException(
                $"--models: mlp:{string.Join('-', widths)} is no model; allowed are 0 to {MaxLayers - 1} hidden layers of width 1 and more");
        }

        Widths = widths;
        WeightOffsets = new int[Layers];
        BiasOffsets = new int[Layers];
        long offset = 0;
        for (int layer = 0; layer < Layers; layer++)
        {
            WeightOffsets[layer] = (int)offset;
            offset += (long)widths[layer] * widths[layer + 1];
            BiasOffsets[layer] = (int)offset;
            offset += widths[layer + 1];
            if (offset > int.MaxValue)
            {
                throw new InputException($"--models: mlp:{string.Join('-', widths)} has more than {int.MaxValue} parameters");
            }
        }

        Parameters = (int)offset;
        TrainingFlops = Enumerable.Range(0, Layers).Sum(l => (l == 0 ? 4L : 6L) * widths[l] * widths[l + 1]);
        ForwardFlops = Enumerable.Range(0, Layers).Sum(l => 2L * widths[l] * widths[l + 1]);
        Shape = new(Layers, Width(0), Width(1), Width(2), Width(3), Width(4), Width(5), Width(6), Width(7), Width(8));
        int Width(int i) => i < widths.Count ? widths[i] : 0;
    }

    /// <summary>Inputs, hidden widths, classes.</summary>
    public IReadOnlyList<int> Widths { get; }

    /// <summary>Number of weight matrices.</summary>
    public int Layers => Widths.Count - 1;

    /// <inheritdoc/>
    public override int Inputs => Widths[0];

    /// <inheritdoc/>
    public override int Classes => Widths[^1];

    /// <inheritdoc/>
    public override int Parameters { get; }

    /// <summary>As in CSVs: mlp:32-64-10.</summary>
    public override string Name => $"mlp:{string.Join('-', Widths)}";

    /// <inheritdoc/>
    public override long TrainingFlops { get; }

    /// <inheritdoc/>
    public override long ForwardFlops { get; }

    /// <summary>What a kernel is told.</summary>
    internal MlpShape Shape { get; }

    /// <summary>Where each layer's weights start.</summary>
    internal int[] WeightOffsets { get; }

    /// <summary>Where each layer's biases start.</summary>
    internal int[] BiasOffsets { get; }

    /// <summary>
    /// A model for timing with about <paramref name="parameters"/> parameters: 32-h-10 (the tutorial's shape), 784-h-10
    /// (MNIST's) when that fits exactly, or as few inputs and classes as a tiny number asks for.
    /// </summary>
    public static Mlp WithAbout(int parameters)
    {
        const int Classes = 10;
        foreach (int inputs in (ReadOnlySpan<int>)[784, 32])
        {
            if ((parameters - Classes) % (inputs + 1 + Classes) == 0 && parameters > inputs + 1 + (2 * Classes))
            {
                return new(inputs, (parameters - Classes) / (inputs + 1 + Classes), Classes);
            }
        }

        int hidden = (int)Math.Round((parameters - Classes) / (32.0 + 1 + Classes));
        return hidden >= 1 ? new(32, hidden, Classes) : new(Math.Max(1, (parameters / 2) - 1), 2);
    }

    /// <inheritdoc/>
    public override float[] Initialise(RngKey key)
    {
        float[] parameters = new float[Parameters];
        for (int layer = 0; layer < Layers; layer++)
        {
            RngStream stream = key.Fold((ulong)layer).Stream();
            double bound = 1 / Math.Sqrt(Widths[layer]);
            int end = BiasOffsets[layer] + Widths[layer + 1];
            for (int k = WeightOffsets[layer]; k < end; k++)
            {
                parameters[k] = (float)(((2 * stream.NextDouble()) - 1) * bound);
            }
        }

        return parameters;
    }

    /// <inheritdoc/>
    internal override double[] Forward(double[] parameters, double[] input) => ScalarMlp.Forward(this, parameters, input)[^1];

    /// <inheritdoc/>
    internal override double AddGradient(double[] parameters, double[] input, int label, double[] gradient) =>
        ScalarMlp.AddGradient(this, parameters, input, label, gradient).Loss;

    /// <inheritdoc/>
    internal override void Train(in TrainClients train, SimdBackend simd) => train.InTiles<PaddedMlp>(simd);

    /// <inheritdoc/>
    internal override void Evaluate(in Evaluate evaluate, SimdBackend simd) => evaluate.InTiles<PaddedMlp>(simd);

    /// <inheritdoc/>
    internal override void Logits(in Logits logits, SimdBackend simd) => logits.InTiles<PaddedMlp>(simd);

    /// <inheritdoc/>
    internal override void Train(in TrainClients train, GpuBackend gpu) => train.OnGpu(this, gpu);

    /// <inheritdoc/>
    internal override void Evaluate(in Evaluate evaluate, GpuBackend gpu) => evaluate.OnGpu(this, gpu);

    /// <inheritdoc/>
    internal override void Logits(in Logits logits, GpuBackend gpu) => logits.OnGpu(this, gpu);
}

/// <summary>The widths of a model as plain numbers, which is what a kernel can take.</summary>
internal readonly record struct MlpShape(int Layers, int W0, int W1, int W2, int W3, int W4, int W5, int W6, int W7, int W8)
{
    /// <summary>Width <paramref name="i"/>: 0 is the inputs.</summary>
    public int Width(int i) => i switch { 0 => W0, 1 => W1, 2 => W2, 3 => W3, 4 => W4, 5 => W5, 6 => W6, 7 => W7, _ => W8 };

    /// <summary>The widths after the inputs, added up: what a sample's activations take.</summary>
    public int ActivationWidth => W1 + W2 + W3 + W4 + W5 + W6 + W7 + W8;
}
