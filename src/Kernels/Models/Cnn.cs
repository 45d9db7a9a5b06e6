// A small convolutional network in the manner of LeNet, and where each of its weights lies in the row of parameters.
namespace FlGpu.Kernels;

/// <summary>
/// Two convolutions, each with ReLU and 2 x 2 max pooling behind it, a hidden layer with ReLU, and softmax cross-entropy (LeCun et al.,
/// Proceedings of the IEEE 86, 1998). Images of 16 x 16 and more are convolved with 5 x 5 windows that stay inside the image, smaller
/// ones with 3 x 3 windows and a border of zeros, so that they keep their size; pooling drops a last odd row and column. With the default
/// widths 28 x 28 gives the network of PyTorch's MNIST example without its dropout, 21,840 parameters, and 8 x 8 one of 6,480.
/// <para>
/// Its parameters are one row: the first convolution's weights as filters x channels x rows x columns, as in PyTorch, then its biases;
/// the second's; and the two fully connected layers as in <see cref="Mlp"/>, weights as inputs x outputs, then biases. What goes into the
/// first of these is filter after filter, row after row, as PyTorch flattens it. A sample is a square grey image, row after row.
/// </para>
/// </summary>
public sealed class Cnn : Model
{
    /// <summary>Filters of the first convolution where nothing else is said.</summary>
    public const int DefaultFirstFilters = 10;

    /// <summary>Filters of the second convolution where nothing else is said.</summary>
    public const int DefaultSecondFilters = 20;

    /// <summary>Width of the hidden layer where nothing else is said.</summary>
    public const int DefaultHidden = 50;

    private const int LeastSide = 4;
    private const int LeastSideOfLargeWindows = 16;

    /// <summary>A network for square grey images.</summary>
    /// <exception cref="InputException">The samples are no such images, or a width is below 1.</exception>
    public Cnn(
        int inputs, int classes, int firstFilters = DefaultFirstFilters, int secondFilters = DefaultSecondFilters, int hidden = DefaultHidden)
    {
        int side = (int)Math.Round(Math.Sqrt(inputs));
        if (side * side != inputs || side < LeastSide)
        {
            throw new InputException(
                $"--models: a cnn needs square grey images of {LeastSide} x {LeastSide} pixels and more, and these samples have {inputs} features, which is no such square");
        }

        if (firstFilters < 1 || secondFilters < 1 || hidden < 1 || classes < 1)
        {
            throw new InputException($"--models: cnn:{firstFilters}-{secondFilters}-{hidden} is no model; allowed are widths of 1 and more");
        }

        (int window, int border) = side >= LeastSideOfLargeWindows ? (5, 0) : (3, 1);
        var first = new Convolution(1, side, firstFilters, window, border);
        var second = new Convolution(firstFilters, first.PooledSide, secondFilters, window, border);
        Shape = new(first, second, hidden, classes);
        Int128 parameters = ((Int128)firstFilters * (first.Fields + 1)) + ((Int128)secondFilters * (((long)firstFilters * window * window) + 1))
            + ((Int128)hidden * (((long)secondFilters * second.Pooled) + 1)) + ((Int128)classes * (hidden + 1L));
        if (parameters > int.MaxValue)
        {
            throw new InputException($"--models: {Name} has {parameters} parameters; allowed are at most {int.MaxValue}");
        }

        Head = new(second.Filters * second.Pooled, hidden, classes);
        Parameters = (int)parameters;
        ForwardFlops = first.Flops + second.Flops + Head.ForwardFlops;
        // Of four pixels only the one that was pooled has a gradient: by the weights, and by the inputs but for the first layer.
        TrainingFlops = first.Flops + (first.Flops / 4) + second.Flops + (second.Flops / 2) + (3 * Head.ForwardFlops);
    }

    /// <inheritdoc/>
    public override int Inputs => Shape.First.Side * Shape.First.Side;

    /// <inheritdoc/>
    public override int Classes => Shape.Classes;

    /// <inheritdoc/>
    public override int Parameters { get; }

    /// <summary>As in CSVs: cnn:28x28-10-20-50-10 are image, filters of both convolutions, hidden width, classes.</summary>
    public override string Name =>
        $"cnn:{Shape.First.Side}x{Shape.First.Side}-{Shape.First.Filters}-{Shape.Second.Filters}-{Shape.Hidden}-{Shape.Classes}";

    /// <inheritdoc/>
    public override long TrainingFlops { get; }

    /// <inheritdoc/>
    public override long ForwardFlops { get; }

    /// <summary>What a kernel is told.</summary>
    internal CnnShape Shape { get; }

    /// <summary>The fully connected layers.</summary>
    internal Mlp Head { get; }

    /// <summary>
    /// A network for timing and checking with about <paramref name="parameters"/> parameters: f filters, 2 f filters and 5 f hidden units, as
    /// in the default, on 28 x 28 from half of its 21,840 parameters on and on 8 x 8 below; f is at least 1.
    /// </summary>
    public static Cnn WithAbout(int parameters)
    {
        const int Classes = 10;
        const int LeastOfLarge = 10_920;
        int inputs = parameters >= LeastOfLarge ? 28 * 28 : 8 * 8;
        int filters = Enumerable.Range(1, 10_000).TakeWhile(f => f == 1 || Of(f - 1) < parameters).MinBy(f => Math.Abs(Of(f) - parameters));
        return new(inputs, Classes, filters, 2 * filters, 5 * filters);

        long Of(int f) => inputs == 8 * 8 ? (58L * f * f) + (67L * f) + Classes : (210L * f * f) + (83L * f) + Classes;
    }

    /// <inheritdoc/>
    public override float[] Initialise(RngKey key)
    {
        float[] parameters = new float[Parameters];
        Draw(0, Shape.SecondAt, Shape.First.Fields);
        Draw(Shape.SecondAt, Shape.HeadAt, Shape.Second.Fields);
        Draw(Shape.HeadAt, Shape.OutputAt, Shape.SecondWidth);
        Draw(Shape.OutputAt, Parameters, Shape.Hidden);
        return parameters;

        void Draw(int from, int to, int inputsOfAnOutput)
        {
            RngStream stream = key.Fold((ulong)from).Stream();
            double bound = 1 / Math.Sqrt(inputsOfAnOutput);
            for (int k = from; k < to; k++)
            {
                parameters[k] = (float)(((2 * stream.NextDouble()) - 1) * bound);
            }
        }
    }

    /// <inheritdoc/>
    internal override double[] Forward(double[] parameters, double[] input) => ScalarCnn.Forward(this, parameters, input);

    /// <inheritdoc/>
    internal override double AddGradient(double[] parameters, double[] input, int label, double[] gradient) =>
        ScalarCnn.AddGradient(this, parameters, input, label, gradient);

    /// <inheritdoc/>
    internal override void Train(in TrainClients train, SimdBackend simd) => train.InTiles<PaddedCnn>(simd);

    /// <inheritdoc/>
    internal override void Evaluate(in Evaluate evaluate, SimdBackend simd) => evaluate.InTiles<PaddedCnn>(simd);

    /// <inheritdoc/>
    internal override void Logits(in Logits logits, SimdBackend simd) => logits.InTiles<PaddedCnn>(simd);

    /// <inheritdoc/>
    internal override void Train(in TrainClients train, GpuBackend gpu) => GroupCnn.Train(this, train, gpu);

    /// <inheritdoc/>
    internal override void Evaluate(in Evaluate evaluate, GpuBackend gpu) => GroupCnn.Evaluate(this, evaluate, gpu);

    /// <inheritdoc/>
    internal override void Logits(in Logits logits, GpuBackend gpu) => GroupCnn.Logits(this, logits, gpu);
}

/// <summary>
/// A convolution and the pooling behind it, as plain numbers, which is what a kernel can take: <paramref name="Filters"/> filters over
/// <paramref name="Channels"/> images of <paramref name="Side"/> x <paramref name="Side"/> with a border of so many zeros on each side.
/// </summary>
internal readonly record struct Convolution(int Channels, int Side, int Filters, int Window, int Border)
{
    /// <summary>Rows and columns of an output image after pooling.</summary>
    public int PooledSide => (Side + (2 * Border) - Window + 1) / 2;

    /// <summary>Pixels of an output image after pooling.</summary>
    public int Pooled => PooledSide * PooledSide;

    /// <summary>Inputs that one output sees, and so weights a filter.</summary>
    public int Fields => Channels * Window * Window;

    /// <summary>Weights; a bias for each filter follows them.</summary>
    public int Weights => Filters * Fields;

    /// <summary>Floating-point operations a sample: each of the pooled pixels is the best of four.</summary>
    public long Flops => 2L * 4 * Pooled * Weights;
}

/// <summary>A convolutional network as plain numbers.</summary>
internal readonly record struct CnnShape(Convolution First, Convolution Second, int Hidden, int Classes)
{
    /// <summary>Where the second convolution's weights start in the row of parameters.</summary>
    public int SecondAt => First.Weights + First.Filters;

    /// <summary>Where the fully connected layers' weights start.</summary>
    public int HeadAt => SecondAt + Second.Weights + Second.Filters;

    /// <summary>Where the last layer's weights start.</summary>
    public int OutputAt => HeadAt + ((SecondWidth + 1) * Hidden);

    /// <summary>Outputs of the first convolution after pooling.</summary>
    public int FirstWidth => First.Filters * First.Pooled;

    /// <summary>Outputs of the second convolution after pooling: inputs of the hidden layer.</summary>
    public int SecondWidth => Second.Filters * Second.Pooled;

    /// <summary>All of them with the hidden layer and the logits: what a sample's activations take.</summary>
    public int ActivationWidth => FirstWidth + SecondWidth + Hidden + Classes;
}
