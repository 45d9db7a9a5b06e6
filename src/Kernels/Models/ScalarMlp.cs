// A model's definition: one sample, one loop after another, in double precision.
namespace FlGpu.Kernels;

internal static class ScalarMlp
{
    /// <summary>The activations of every layer for one sample; the last are the logits.</summary>
    public static double[][] Forward(Mlp model, double[] parameters, Matrix features, int row)
    {
        double[][] activations = new double[model.Layers + 1][];
        activations[0] = new double[model.Inputs];
        for (int i = 0; i < model.Inputs; i++)
        {
            activations[0][i] = features[row, i];
        }

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

    /// <summary>Cross-entropy of the softmax of <paramref name="logits"/>.</summary>
    public static double Loss(double[] logits, int label)
    {
        double top = logits.Max();
        return Math.Log(logits.Sum(z => Math.Exp(z - top))) - (logits[label] - top);
    }

    /// <summary>Adds the gradient of one sample's loss to <paramref name="gradient"/> and returns the loss.</summary>
    public static double AddGradient(Mlp model, double[] parameters, Matrix features, int row, int label, double[] gradient)
    {
        double[][] activations = Forward(model, parameters, features, row);
        double[] logits = activations[^1];
        double top = logits.Max();
        double total = logits.Sum(z => Math.Exp(z - top));
        double[] delta = [.. logits.Select((z, j) => (Math.Exp(z - top) / total) - (j == label ? 1 : 0))];
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

        return Loss(logits, label);
    }
}
