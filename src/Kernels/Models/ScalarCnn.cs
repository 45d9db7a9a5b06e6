// A convolutional network's definition: one sample, one loop after another, in double precision.
namespace FlGpu.Kernels;

internal static class ScalarCnn
{
    /// <summary>The logits of one sample.</summary>
    public static double[] Forward(Cnn model, ReadOnlySpan<double> parameters, double[] input)
    {
        (double[] first, _) = ConvolveAndPool(model.Shape.First, parameters, input);
        (double[] second, _) = ConvolveAndPool(model.Shape.Second, parameters[model.Shape.SecondAt..], first);
        return ScalarMlp.Forward(model.Head, parameters[model.Shape.HeadAt..], second)[^1];
    }

    /// <summary>Adds the gradient of one sample's loss to <paramref name="gradient"/> and returns the loss.</summary>
    public static double AddGradient(Cnn model, ReadOnlySpan<double> parameters, double[] input, int label, Span<double> gradient)
    {
        CnnShape shape = model.Shape;
        ReadOnlySpan<double> secondParameters = parameters[shape.SecondAt..];
        (double[] first, int[] fromFirst) = ConvolveAndPool(shape.First, parameters, input);
        (double[] second, int[] fromSecond) = ConvolveAndPool(shape.Second, secondParameters, first);
        (double loss, double[] bySecond) = ScalarMlp.AddGradient(model.Head, parameters[shape.HeadAt..], second, label, gradient[shape.HeadAt..]);
        double[] byFirst = AddGradient(shape.Second, secondParameters, first, bySecond, fromSecond, gradient[shape.SecondAt..]);
        AddGradient(shape.First, parameters, input, byFirst, fromFirst, gradient);
        return loss;
    }

    /// <summary>
    /// Each filter's image, rectified, with the largest of every 2 x 2 pixels kept, and which of the four that was: 2 * row + column. The
    /// first of equal ones counts, and NaN as the largest, as in PyTorch.
    /// </summary>
    private static (double[] Outputs, int[] From) ConvolveAndPool(Convolution layer, ReadOnlySpan<double> parameters, double[] input)
    {
        double[] outputs = new double[layer.Filters * layer.Pooled];
        int[] from = new int[outputs.Length];
        for (int o = 0; o < outputs.Length; o++)
        {
            (int filter, int row, int column) = (o / layer.Pooled, o % layer.Pooled / layer.PooledSide, o % layer.PooledSide);
            double best = double.NegativeInfinity;
            for (int pixel = 0; pixel < 4; pixel++)
            {
                double sum = parameters[layer.Weights + filter];
                for (int field = 0; field < layer.Fields; field++)
                {
                    if (InputAt(layer, field, (2 * row) + (pixel / 2), (2 * column) + (pixel % 2)) is { } i)
                    {
                        sum += input[i] * parameters[(filter * layer.Fields) + field];
                    }
                }

                if (sum > best || double.IsNaN(sum))
                {
                    (best, from[o]) = (sum, pixel);
                }
            }

            outputs[o] = Math.Max(best, 0);
        }

        return (outputs, from);
    }

    /// <summary>
    /// Adds the gradient by a convolution's parameters, given that by its outputs (zero where they are not positive), and returns the gradient by
    /// the inputs that are positive.
    /// </summary>
    private static double[] AddGradient(
        Convolution layer, ReadOnlySpan<double> parameters, double[] input, double[] byOutputs, int[] from, Span<double> gradient)
    {
        double[] byInputs = new double[input.Length];
        for (int o = 0; o < byOutputs.Length; o++)
        {
            (int filter, int row, int column) = (o / layer.Pooled, o % layer.Pooled / layer.PooledSide, o % layer.PooledSide);
            gradient[layer.Weights + filter] += byOutputs[o];
            for (int field = 0; field < layer.Fields; field++)
            {
                if (InputAt(layer, field, (2 * row) + (from[o] / 2), (2 * column) + (from[o] % 2)) is { } i)
                {
                    gradient[(filter * layer.Fields) + field] += input[i] * byOutputs[o];
                    byInputs[i] += input[i] > 0 ? parameters[(filter * layer.Fields) + field] * byOutputs[o] : 0;
                }
            }
        }

        return byInputs;
    }

    /// <summary>The input that an output pixel's window holds at <paramref name="field"/>; null on the border of zeros.</summary>
    private static int? InputAt(Convolution layer, int field, int outputRow, int outputColumn)
    {
        int channel = field / (layer.Window * layer.Window);
        int row = outputRow - layer.Border + (field / layer.Window % layer.Window);
        int column = outputColumn - layer.Border + (field % layer.Window);
        return row >= 0 && row < layer.Side && column >= 0 && column < layer.Side ? (((channel * layer.Side) + row) * layer.Side) + column : null;
    }
}
