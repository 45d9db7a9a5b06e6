// A multilayer perceptron's definition: one sample, one loop after another, in double precision.
namespace FlGpu.Kernels;

internal static class ScalarMlp
{
    /// <summary>The activations of every layer for one sample; the first are its features, the last the logits.</summary>
    public static double[][] Forward(Mlp model, ReadOnlySpan<double> parameters, double[] input)
    {
        double[][] activations = new double[model.Layers + 1][];
        activations[0] = input;
        for (int layer = 0; layer < model.Layers; layer++)
        {
            int outputs = model.Widths[layer + 1];
            activations[layer + 1] = new double[outputs];
            for (int j = 0; j < outputs; j++)
            {
                double sum = parameters[model.BiasOffsets[layer] + j];
                for (int i = 0; i < model.Widths[layer]; i++)
                {
                    sum += activations[layer][i] * parameters[model.WeightOffsets[layer] + (i * outputs) + j];
                }

                activations[layer + 1][j] = layer < model.Layers - 1 ? Math.Max(sum, 0) : sum;
            }
        }

        return activations;
    }

    /// <summary>Adds the gradient of one sample's loss to <paramref name="gradient"/>; the loss, and its gradient by the inputs that are positive.</summary>
    public static (double Loss, double[] ByPositiveInput) AddGradient(
        Mlp model, ReadOnlySpan<double> parameters, double[] input, int label, Span<double> gradient)
    {
        double[][] activations = Forward(model, parameters, input);
        double[] delta = CrossEntropy.Gradient(activations[^1], label);
        for (int layer = model.Layers - 1; layer >= 0; layer--)
        {
            int inputs = model.Widths[layer];
            int outputs = model.Widths[layer + 1];
            double[] previous = new double[inputs];
            for (int i = 0; i < inputs; i++)
            {
                for (int j = 0; j < outputs; j++)
                {
                    int weight = model.WeightOffsets[layer] + (i * outputs) + j;
                    gradient[weight] += activations[layer][i] * delta[j];
                    previous[i] += activations[layer][i] > 0 ? parameters[weight] * delta[j] : 0;
                }
            }

            for (int j = 0; j < outputs; j++)
            {
                gradient[model.BiasOffsets[layer] + j] += delta[j];
            }

            delta = previous;
        }

        return (CrossEntropy.Loss(activations[^1], label), delta);
    }
}
