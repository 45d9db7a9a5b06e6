// A model's passes as phases of a kernel: the group's threads share out the elements of each, with a barrier in between.
namespace FlGpu.Kernels;

/// <summary>
/// Activations of layer l of sample b start at batch * (the widths of the layers before) + b * width. Each element is one
/// thread's, summed in order, so any group size gives the same bits.
/// </summary>
internal static class GroupMlp
{
    /// <summary>Waits for the group; a group of one waits for nobody.</summary>
    public static void Sync()
    {
        if (Group.DimX > 1)
        {
            Group.Barrier();
        }
    }

    /// <summary>All layers for the samples at <paramref name="rows"/>.</summary>
    public static void Forward(
        MlpShape shape, ArrayView<float> weights, ArrayView<float> features, ArrayView<int> rows, ArrayView<float> activations, int batch)
    {
        int count = (int)rows.Length;
        long weight = 0;
        long input = 0;
        long output = 0;
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            int inputs = shape.Width(layer);
            int outputs = shape.Width(layer + 1);
            long bias = weight + ((long)inputs * outputs);
            for (int e = Group.IdxX; e < count * outputs; e += Group.DimX)
            {
                int b = e / outputs;
                int j = e - (b * outputs);
                float sum = weights[bias + j];
                long w = weight + j;
                long x = layer == 0 ? (long)rows[b] * inputs : input + ((long)b * inputs);
                for (int i = 0; i < inputs; i++)
                {
                    float value = layer == 0 ? features[x + i] : activations[x + i];
                    sum += value * weights[w];
                    w += outputs;
                }

                activations[output + e] = layer < shape.Layers - 1 ? MathF.Max(sum, 0f) : sum;
            }

            Sync();
            weight = bias + outputs;
            input = output;
            output += (long)batch * outputs;
        }
    }

    /// <summary>All layers for the one sample <paramref name="input"/>; activations lie layer after layer.</summary>
    public static void ForwardOne(MlpShape shape, ArrayView<float> weights, ArrayView<float> input, ArrayView<float> activations)
    {
        long weight = 0;
        long previous = 0;
        long output = 0;
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            int inputs = shape.Width(layer);
            int outputs = shape.Width(layer + 1);
            long bias = weight + ((long)inputs * outputs);
            for (int j = Group.IdxX; j < outputs; j += Group.DimX)
            {
                float sum = weights[bias + j];
                long w = weight + j;
                for (int i = 0; i < inputs; i++)
                {
                    sum += (layer == 0 ? input[i] : activations[previous + i]) * weights[w];
                    w += outputs;
                }

                activations[output + j] = layer < shape.Layers - 1 ? MathF.Max(sum, 0f) : sum;
            }

            Sync();
            weight = bias + outputs;
            previous = output;
            output += outputs;
        }
    }

    /// <summary>
    /// The gradient of each sample's loss with respect to its logits, times <paramref name="scale"/>; and the loss. A thread
    /// owns a sample.
    /// </summary>
    public static void SoftmaxGradient(
        MlpShape shape, ArrayView<int> labels, ArrayView<int> rows, ArrayView<float> activations, ArrayView<float> gradients,
        ArrayView<float> losses, int batch, float scale)
    {
        int classes = shape.Width(shape.Layers);
        long logits = (long)batch * (shape.ActivationWidth - classes);
        for (int b = Group.IdxX; b < rows.Length; b += Group.DimX)
        {
            long at = logits + ((long)b * classes);
            int label = labels[rows[b]];
            float top = activations[at];
            for (int j = 1; j < classes; j++)
            {
                top = MathF.Max(top, activations[at + j]);
            }

            float total = 0;
            for (int j = 0; j < classes; j++)
            {
                float exponential = MathF.Exp(activations[at + j] - top);
                gradients[at + j] = exponential;
                total += exponential;
            }

            for (int j = 0; j < classes; j++)
            {
                gradients[at + j] = scale * ((gradients[at + j] / total) - (j == label ? 1f : 0f));
            }

            losses[b] = MathF.Log(total) - (activations[at + label] - top);
        }

        Sync();
    }

    /// <summary>Adds the gradients, which carry the step already, to the weights, from the last layer to the first.</summary>
    public static void Step(
        MlpShape shape, ArrayView<float> weights, ArrayView<float> features, ArrayView<int> rows, ArrayView<float> activations,
        ArrayView<float> gradients, int batch)
    {
        int count = (int)rows.Length;
        long weight = weights.Length;
        long output = (long)batch * shape.ActivationWidth;
        for (int layer = shape.Layers - 1; layer >= 0; layer--)
        {
            int inputs = shape.Width(layer);
            int outputs = shape.Width(layer + 1);
            weight -= ((long)inputs * outputs) + outputs;
            output -= (long)batch * outputs;
            long input = output - ((long)batch * inputs);
            if (layer > 0)
            {
                for (int e = Group.IdxX; e < count * inputs; e += Group.DimX)
                {
                    int b = e / inputs;
                    int i = e - (b * inputs);
                    float sum = 0;
                    for (int j = 0; j < outputs; j++)
                    {
                        sum += gradients[output + ((long)b * outputs) + j] * weights[weight + ((long)i * outputs) + j];
                    }

                    gradients[input + e] = activations[input + e] > 0 ? sum : 0;
                }

                Sync();
            }

            for (int e = Group.IdxX; e < (inputs + 1) * outputs; e += Group.DimX)
            {
                int i = e / outputs;
                int j = e - (i * outputs);
                float sum = 0;
                for (int b = 0; b < count; b++)
                {
                    // The row after the weights is the bias, whose input is always one.
                    float value = i == inputs ? 1f : layer == 0 ? features[((long)rows[b] * inputs) + i] : activations[input + ((long)b * inputs) + i];
                    sum += value * gradients[output + ((long)b * outputs) + j];
                }

                weights[weight + e] += sum;
            }

            Sync();
        }
    }
}
