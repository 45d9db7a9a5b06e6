// A multilayer perceptron laid out for vector code: every hidden layer's outputs padded to whole vectors, and a last layer of its own kind.
namespace FlGpu.Kernels;

/// <summary>
/// Weights, activations and gradients of one model and one batch in one thread's memory. Rows are padded to a multiple of
/// sixteen; the padding holds zeros and stays zero. Features are read where they are: the first layer has a list of rows.
/// </summary>
internal readonly unsafe struct PaddedMlp : IBatchModel<PaddedMlp>
{
    private const int Lanes = 16;
    private const int PlaceBytes = Mlp.MaxLayers * 64;
    private readonly Mlp _model;
    private readonly Place* _places;
    private readonly OutputLayer _output;
    private readonly bool _wantsInputGradient;
    private readonly int _hidden; // layers before the last

    /// <summary>Uses <paramref name="memory"/>, aligned to 64 bytes, of which it needs <see cref="Bytes"/>.</summary>
    public PaddedMlp(Mlp model, int batch, byte* memory, bool wantsInputGradient = false)
    {
        (_model, _hidden, _wantsInputGradient) = (model, model.Layers - 1, wantsInputGradient);
        _places = (Place*)memory;
        float* at = (float*)(memory + PlaceBytes);
        _output = Lay(model, batch, _places, ref at);
        for (int i = 0; i < _hidden; i++)
        {
            for (int sample = 0; sample < batch; sample++)
            {
                _places[i].Rows[sample] = Row(i, sample);
            }
        }
    }

    /// <inheritdoc/>
    public static nuint Bytes(Model model, int batch)
    {
        Place* places = stackalloc Place[Mlp.MaxLayers];
        float* end = null;
        Lay((Mlp)model, batch, places, ref end);
        return (nuint)end + PlaceBytes;
    }

    /// <inheritdoc/>
    public static PaddedMlp In(Model model, int batch, byte* memory) => new((Mlp)model, batch, memory);

    /// <inheritdoc/>
    public void Load(float* parameters)
    {
        for (int layer = 0; layer < _hidden; layer++)
        {
            int width = _places[layer + 1].Width;
            int rows = _places[layer].Width + 1; // the biases follow the weights as one more row
            float* target = _places[layer].Weights;
            float* source = parameters + _model.WeightOffsets[layer];
            if (width == Padded(width))
            {
                new Span<float>(source, rows * width).CopyTo(new(target, rows * width));
                continue;
            }

            for (int i = 0; i < rows; i++, target += Padded(width), source += width)
            {
                new Span<float>(source, width).CopyTo(new(target, width));
                new Span<float>(target + width, Padded(width) - width).Clear();
            }
        }

        _output.Load(parameters + _model.WeightOffsets[_hidden]);
    }

    /// <inheritdoc/>
    public void StoreRelative(float* origin, float* row)
    {
        for (int layer = 0; layer < _hidden; layer++)
        {
            int width = _places[layer + 1].Width;
            int rows = _places[layer].Width + 1;
            float* source = _places[layer].Weights;
            int k = _model.WeightOffsets[layer];
            if (width == Padded(width))
            {
                Difference.Store(source, origin + k, row + k, rows * width);
                continue;
            }

            for (int i = 0; i < rows; i++, source += Padded(width), k += width)
            {
                Difference.Store(source, origin + k, row + k, width);
            }
        }

        int last = _model.WeightOffsets[_hidden];
        _output.StoreRelative(origin + last, row + last);
    }

    /// <inheritdoc/>
    public void Take(int sample, float* features, int label)
    {
        _output.Label(sample, label);
        if (_hidden > 0)
        {
            _places[0].Rows[sample] = features;
            return;
        }

        // The only layer turns its inputs over and needs them in whole vectors.
        int width = _model.Inputs;
        new Span<float>(features, width).CopyTo(new(Row(0, sample), width));
        new Span<float>(Row(0, sample) + width, Padded(width) - width).Clear();
    }

    /// <inheritdoc/>
    public void Forward(int samples)
    {
        for (int layer = 0; layer < _hidden; layer++)
        {
            int depth = _places[layer].Width;
            int width = Padded(_places[layer + 1].Width);
            float* weights = _places[layer].Weights;
            Product.Run<WithBiasRectified, RowList>(
                _places[layer + 1].Activations, width, new(_places[layer].Rows), weights, width, samples, depth, weights + ((long)depth * width), 0);
        }

        _output.Forward(_places[_hidden].Activations, samples);
    }

    /// <inheritdoc/>
    public void CopyLogits(int samples, float* target) => _output.CopyLogits(samples, target);

    /// <inheritdoc/>
    public int RightAnswers(int samples) => _output.RightAnswers(samples);

    /// <inheritdoc/>
    public double SoftmaxGradient(int samples, float step, bool wantLoss) => _output.SoftmaxGradient(samples, step, wantLoss);

    /// <inheritdoc/>
    public void Step(int samples)
    {
        if (_hidden > 0 || _wantsInputGradient)
        {
            _output.GradientByPositiveInputs(_places[_hidden].Activations, _places[_hidden].Gradients, samples);
        }

        _output.Step(_places[_hidden].Activations, samples);
        for (int layer = _hidden - 1; layer >= 0; layer--)
        {
            if (layer > 0 || _wantsInputGradient)
            {
                GradientByPositiveInputs(layer, samples);
            }

            int inputs = _places[layer].Width;
            int width = Padded(_places[layer + 1].Width);
            float* weights = _places[layer].Weights;
            float* gradient = _places[layer + 1].Gradients;
            Product.Run<Accumulate, ColumnList>(weights, width, new(_places[layer].Rows), gradient, width, inputs, samples, weights, 0);
            Product.AddRows(weights + ((long)inputs * width), gradient, width, samples);
        }
    }

    /// <summary>A layer's own memory for the features of a sample of the batch: <see cref="Take"/> may be given it.</summary>
    public float* Inputs(int sample) => Row(0, sample);

    /// <summary>After a step, where it was asked for: the gradient by those features that are positive.</summary>
    public float* InputGradients(int sample) => _places[0].Gradients + ((long)sample * Padded(_model.Inputs));

    private static int Padded(int width) => (width + Lanes - 1) & ~(Lanes - 1);

    private static OutputLayer Lay(Mlp model, int batch, Place* places, ref float* at)
    {
        for (int i = 0; i < model.Layers; i++)
        {
            int width = Padded(model.Widths[i]);
            places[i].Width = model.Widths[i];
            places[i].Rows = (float**)Room(ref at, 2L * Padded(batch));
            // The last layer turns over whole squares.
            places[i].Activations = Room(ref at, (long)Padded(batch) * width);
            places[i].Gradients = Room(ref at, (long)batch * width);
        }

        for (int layer = 0; layer < model.Layers - 1; layer++)
        {
            // Behind the last row there is room for the rest of a square that is transposed.
            int width = Padded(model.Widths[layer + 1]);
            places[layer].Transposed = Room(ref at, (long)Padded(model.Widths[layer]) * width);
            places[layer].Weights = Room(ref at, (long)(Padded(model.Widths[layer]) + 1) * width);
        }

        return new(model.Widths[^2], model.Classes, batch, ref at);
    }

    private static float* Room(ref float* at, long length)
    {
        float* room = at;
        at += length;
        return room;
    }

    private float* Row(int i, int sample) => _places[i].Activations + ((long)sample * Padded(_places[i].Width));

    private void GradientByPositiveInputs(int layer, int samples)
    {
        int inputWidth = Padded(_places[layer].Width);
        int outputs = _places[layer + 1].Width;
        int width = Padded(outputs);
        float* transposed = _places[layer].Transposed;
        // Past the last row and column there is something else; nobody looks at what becomes of it.
        Transpose.Rectangle(_places[layer].Weights, width, transposed, inputWidth, inputWidth, width);
        Product.Run<WhereActive, EvenRows>(
            _places[layer].Gradients, inputWidth, new(_places[layer + 1].Gradients, width), transposed, inputWidth, samples, outputs,
            _places[layer].Activations, inputWidth);
    }

    /// <summary>Where what belongs to a layer's inputs is: their width, what they are for a batch, row by row, and the weights behind them.</summary>
    private struct Place
    {
        public int Width;
        public float** Rows;
        public float* Activations;
        public float* Gradients;
        public float* Weights;
        public float* Transposed;
    }
}
