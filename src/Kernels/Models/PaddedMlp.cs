// A multilayer perceptron laid out for vector code: every layer's outputs padded to whole vectors, and the matrix product it all comes down to.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Weights, activations and gradients of one model and one batch in one thread's memory. Rows are padded to a multiple of
/// sixteen; the padding holds zeros and stays zero.
/// </summary>
internal readonly unsafe struct PaddedMlp : IBatchModel<PaddedMlp>
{
    private const int Lanes = 16;
    private const int PlaceBytes = 128 * sizeof(int);
    private readonly Mlp _model;
    private readonly Place* _places;
    private readonly bool _wantsInputGradient;

    /// <summary>Uses <paramref name="memory"/>, aligned to 64 bytes, of which it needs <see cref="Bytes"/>.</summary>
    public PaddedMlp(Mlp model, int batch, byte* memory, bool wantsInputGradient = false)
    {
        (_model, _wantsInputGradient) = (model, wantsInputGradient);
        _places = (Place*)memory;
        float* at = (float*)(memory + PlaceBytes);
        Lay(model, batch, _places, ref at);
    }

    private int Layers => _model.Layers;

    /// <inheritdoc/>
    public static nuint Bytes(Model model, int batch)
    {
        Place* places = stackalloc Place[Mlp.MaxLayers + 1];
        float* end = null;
        Lay((Mlp)model, batch, places, ref end);
        return (nuint)end + PlaceBytes;
    }

    /// <inheritdoc/>
    public static PaddedMlp In(Model model, int batch, byte* memory) => new((Mlp)model, batch, memory);

    /// <inheritdoc/>
    public void Load(float* parameters)
    {
        for (int layer = 0; layer < Layers; layer++)
        {
            int width = _places[layer + 1].Width;
            int rows = _places[layer].Width + 1; // the biases follow the weights as one more row
            float* target = Weights(layer);
            float* source = parameters + _model.WeightOffsets[layer];
            for (int i = 0; i < rows; i++, target += Padded(width), source += width)
            {
                new Span<float>(source, width).CopyTo(new(target, width));
                new Span<float>(target + width, Padded(width) - width).Clear();
            }
        }
    }

    /// <inheritdoc/>
    public void StoreRelative(float* origin, float* row)
    {
        for (int layer = 0; layer < Layers; layer++)
        {
            int width = _places[layer + 1].Width;
            int rows = _places[layer].Width + 1;
            float* source = Weights(layer);
            int k = _model.WeightOffsets[layer];
            for (int i = 0; i < rows; i++, source += Padded(width), k += width)
            {
                int j = 0;
                for (; j + Lanes <= width; j += Lanes)
                {
                    (Vector512.Load(source + j) - Vector512.Load(origin + k + j)).Store(row + k + j);
                }

                for (; j < width; j++)
                {
                    row[k + j] = source[j] - origin[k + j];
                }
            }
        }
    }

    /// <inheritdoc/>
    public Span<float> Input(int sample) => new(Activations(0) + (sample * Padded(_model.Inputs)), _model.Inputs);

    /// <inheritdoc/>
    public Span<float> Logits(int sample) => new(Activations(Layers) + (sample * Padded(_model.Classes)), _model.Classes);

    /// <inheritdoc/>
    public void Forward(int samples) => Forward(Activations(0), Padded(_model.Inputs), samples);

    /// <inheritdoc/>
    public void Forward(float* inputs, int stride, int samples)
    {
        for (int layer = 0; layer < Layers; layer++)
        {
            int depth = _places[layer].Width;
            int width = Padded(_places[layer + 1].Width);
            float* weights = Weights(layer);
            float* bias = weights + (depth * width);
            float* output = Activations(layer + 1);
            if (layer < Layers - 1)
            {
                Product.Run<WithBiasRectified>(output, width, inputs, stride, 1, weights, width, samples, depth, bias, 0);
            }
            else
            {
                Product.Run<WithBias>(output, width, inputs, stride, 1, weights, width, samples, depth, bias, 0);
            }

            inputs = output;
            stride = width;
        }
    }

    /// <inheritdoc/>
    public double SoftmaxGradient(ReadOnlySpan<int> labels, float step, bool wantLoss)
    {
        int classes = _places[Layers].Width;
        int width = Padded(classes);
        float scale = step / labels.Length;
        double loss = 0;
        // Lanes of the last vector that are no class take no part.
        Vector512<float> isClass = Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(classes - (width - Lanes))).AsSingle();
        var nothing = Vector512.Create(float.NegativeInfinity);
        for (int b = 0; b < labels.Length; b++)
        {
            float* logits = Activations(Layers) + (b * width);
            float* gradient = Gradients(Layers) + (b * width);
            Vector512<float> last = Vector512.ConditionalSelect(isClass, Vector512.Load(logits + width - Lanes), nothing);
            Vector512<float> highest = last;
            for (int j = 0; j < width - Lanes; j += Lanes)
            {
                highest = Vector512.MaxNative(highest, Vector512.Load(logits + j));
            }

            Vector512<float> top = Highest(highest);
            Vector512<float> lastExponential = Exponential.OfNonPositive(last - top);
            Vector512<float> total = lastExponential;
            for (int j = 0; j < width - Lanes; j += Lanes)
            {
                Vector512<float> exponential = Exponential.OfNonPositive(Vector512.Load(logits + j) - top);
                exponential.Store(gradient + j);
                total += exponential;
            }

            float sum = Vector512.Sum(total);
            var factor = Vector512.Create(scale / sum);
            if (wantLoss)
            {
                loss += Math.Log(sum) - ((double)logits[labels[b]] - top[0]);
            }

            var label = Vector512.Create(labels[b]);
            for (int j = 0; j < width; j += Lanes)
            {
                Vector512<float> exponential = j == width - Lanes ? lastExponential : Vector512.Load(gradient + j);
                Vector512<float> right = Vector512.Equals(Vector512<int>.Indices + Vector512.Create(j), label).AsSingle();
                ((exponential * factor) - (right & Vector512.Create(scale))).Store(gradient + j);
            }
        }

        return loss / labels.Length;
    }

    /// <inheritdoc/>
    public void Step(int samples)
    {
        for (int layer = Layers - 1; layer >= 0; layer--)
        {
            int inputs = _places[layer].Width;
            int inputWidth = Padded(inputs);
            int outputs = _places[layer + 1].Width;
            int width = Padded(outputs);
            float* weights = Weights(layer);
            float* gradient = Gradients(layer + 1);
            if (layer > 0 || _wantsInputGradient)
            {
                float* transposed = Transposed(layer);
                for (int i = 0; i < inputWidth; i += Lanes)
                {
                    // Past the last row and column there is something else; nobody looks at what becomes of it.
                    for (int j = 0; j < width; j += Lanes)
                    {
                        Transpose.Square(weights + (i * width) + j, width, transposed + (j * inputWidth) + i, inputWidth);
                    }
                }

                Product.Run<WhereActive>(
                    Gradients(layer), inputWidth, gradient, width, 1, transposed, inputWidth, samples, outputs, Activations(layer), inputWidth);
            }

            Product.Run<Accumulate>(weights, width, Activations(layer), 1, inputWidth, gradient, width, inputs, samples, weights, 0);
            float* bias = weights + (inputs * width);
            for (int j = 0; j < width; j += Lanes)
            {
                Vector512<float> sum = Vector512.Load(bias + j);
                for (int b = 0; b < samples; b++)
                {
                    sum += Vector512.Load(gradient + (b * width) + j);
                }

                sum.Store(bias + j);
            }
        }
    }

    /// <summary>The features of a sample of the batch, for layers that come before.</summary>
    public float* Inputs(int sample) => Activations(0) + (sample * Padded(_model.Inputs));

    /// <summary>After a step, where it was asked for: the gradient by those features that are positive.</summary>
    public float* InputGradients(int sample) => Gradients(0) + (sample * Padded(_model.Inputs));

    private static int Padded(int width) => (width + Lanes - 1) & ~(Lanes - 1);

    private static void Lay(Mlp model, int batch, Place* places, ref float* at)
    {
        for (int i = 0; i <= model.Layers; i++)
        {
            int width = Padded(model.Widths[i]);
            places[i].Width = model.Widths[i];
            places[i].Activations = Take(ref at, (long)batch * width);
            places[i].Gradients = Take(ref at, (long)batch * width);
        }

        for (int layer = 0; layer < model.Layers; layer++)
        {
            // Behind the last row there is room for the rest of a square that is transposed.
            int width = Padded(model.Widths[layer + 1]);
            places[layer].Transposed = Take(ref at, (long)Padded(model.Widths[layer]) * width);
            places[layer].Weights = Take(ref at, (long)(Padded(model.Widths[layer]) + 1) * width);
        }
    }

    private static float* Take(ref float* at, long length)
    {
        float* taken = at;
        at += length;
        return taken;
    }

    /// <summary>The largest lane in all lanes. A NaN may be lost here; its own lane keeps it and spoils the sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Highest(Vector512<float> values)
    {
        Vector256<float> eight = Vector256.MaxNative(values.GetLower(), values.GetUpper());
        Vector128<float> four = Vector128.MaxNative(eight.GetLower(), eight.GetUpper());
        Vector128<float> two = Vector128.MaxNative(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector512.Create(Vector128.MaxNative(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar());
    }

    private float* Weights(int layer) => _places[layer].Weights;

    private float* Activations(int i) => _places[i].Activations;

    private float* Gradients(int i) => _places[i].Gradients;

    private float* Transposed(int layer) => _places[layer].Transposed;

    /// <summary>Where what belongs to a layer is: its width, what it gives for a batch, and its weights to the next.</summary>
    private struct Place
    {
        public int Width;
        public float* Activations;
        public float* Gradients;
        public float* Weights;
        public float* Transposed;
    }
}
