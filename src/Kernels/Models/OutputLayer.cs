// A network's last layer laid out for vector code: sixteen samples side by side, so that ten classes are ten rows and not sixteen columns.
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Weights, logits and their gradients, each classes x something: no lane is spent on classes that there are not, softmax needs no sums
/// across lanes, and the weights lie as the gradient by the inputs needs them. In return the inputs are turned over once a batch. Lanes past
/// the last sample hold anything until the softmax makes them zero.
/// </summary>
internal readonly unsafe struct OutputLayer
{
    private const int Lanes = 16;
    private readonly int _inputs;
    private readonly int _classes;
    private readonly int _inputWidth;
    private readonly int* _labels;
    private readonly float* _turnedInputs;
    private readonly float* _logits;
    private readonly float* _weights;
    private readonly float* _bias;
    private readonly float* _rows; // the weights as they lie among the parameters, in whole vectors

    /// <summary>Takes its memory from <paramref name="at"/>, aligned to 64 bytes.</summary>
    public OutputLayer(int inputs, int classes, int batch, ref float* at)
    {
        (_inputs, _classes, _inputWidth) = (inputs, classes, Padded(inputs));
        int width = Padded(batch);
        _labels = (int*)Room(ref at, width);
        _turnedInputs = Room(ref at, (long)_inputWidth * width);
        _logits = Room(ref at, (long)classes * width);
        _weights = Room(ref at, (long)Padded(classes) * _inputWidth);
        _bias = Room(ref at, Padded(classes));
        _rows = Room(ref at, (long)_inputWidth * Padded(classes));
    }

    /// <summary>Takes the weights, inputs x classes, and the biases behind them.</summary>
    public void Load(float* parameters)
    {
        int rowWidth = Padded(_classes);
        long end = (_inputs + 1L) * _classes;
        for (int i = 0; i < _inputs; i++)
        {
            for (int c = 0; c < _classes; c += Lanes)
            {
                long k = ((long)i * _classes) + c;
                float* target = _rows + ((long)i * rowWidth) + c;
                if (k + Lanes <= end)
                {
                    Vector512.Load(parameters + k).Store(target);
                }
                else
                {
                    new Span<float>(parameters + k, _classes - c).CopyTo(new(target, _classes - c));
                }
            }
        }

        new Span<float>(_rows + ((long)_inputs * rowWidth), (_inputWidth - _inputs) * rowWidth).Clear();
        Transpose.Rectangle(_rows, rowWidth, _weights, _inputWidth, _inputWidth, rowWidth);
        new Span<float>(parameters + ((long)_inputs * _classes), _classes).CopyTo(new(_bias, _classes));
    }

    /// <summary>Writes them less <paramref name="origin"/>.</summary>
    public void StoreRelative(float* origin, float* target)
    {
        int rowWidth = Padded(_classes);
        long end = (_inputs + 1L) * _classes;
        Transpose.Rectangle(_weights, _inputWidth, _rows, rowWidth, rowWidth, _inputWidth);
        for (int i = 0; i < _inputs; i++)
        {
            for (int c = 0; c < _classes; c += Lanes)
            {
                // What a whole vector writes past its row is overwritten by the rows behind it.
                long k = ((long)i * _classes) + c;
                float* weights = _rows + ((long)i * rowWidth) + c;
                if (k + Lanes <= end)
                {
                    (Vector512.Load(weights) - Vector512.Load(origin + k)).Store(target + k);
                }
                else
                {
                    Difference.Store(weights, origin + k, target + k, _classes - c);
                }
            }
        }

        long biases = (long)_inputs * _classes;
        Difference.Store(_bias, origin + biases, target + biases, _classes);
    }

    /// <summary>Notes the class of sample <paramref name="sample"/>.</summary>
    public void Label(int sample, int label) => _labels[sample] = label;

    /// <summary>
    /// The logits of as many samples, whose <paramref name="inputs"/> are rows of whole vectors. There is memory up to a multiple of sixteen rows.
    /// </summary>
    public void Forward(float* inputs, int samples)
    {
        int width = Padded(samples);
        Transpose.Rectangle(inputs, _inputWidth, _turnedInputs, width, width, _inputWidth);
        Product.Run<WithRowBias, EvenRows>(_logits, width, new(_weights, _inputWidth), _turnedInputs, width, _classes, _inputs, _bias, 1);
    }

    /// <summary>After <see cref="Forward"/>: the logits, samples x classes.</summary>
    public void CopyLogits(int samples, float* target)
    {
        for (int b = 0; b < samples; b++)
        {
            for (int c = 0; c < _classes; c++, target++)
            {
                *target = _logits[((long)c * Padded(samples)) + b];
            }
        }
    }

    /// <summary>After <see cref="Forward"/>: how often the first of the largest logits is the label's; NaN counts as the largest.</summary>
    public int RightAnswers(int samples)
    {
        int width = Padded(samples);
        int right = 0;
        for (int b = 0; b < samples; b += Lanes)
        {
            Vector512<float> best = Vector512.Load(_logits + b);
            Vector512<int> predicted = Vector512<int>.Zero;
            for (int c = 1; c < _classes; c++)
            {
                Vector512<float> logits = Vector512.Load(_logits + ((long)c * width) + b);
                Vector512<float> wins = Vector512.GreaterThan(logits, best) | (Vector512.IsNaN(logits) & ~Vector512.IsNaN(best));
                best = Vector512.ConditionalSelect(wins, logits, best);
                predicted = Vector512.ConditionalSelect(wins.AsInt32(), Vector512.Create(c), predicted);
            }

            Vector512<int> isRight = Vector512.Equals(predicted, Vector512.Load(_labels + b)) & IsSample(b, samples);
            right -= Vector512.Sum(isRight);
        }

        return right;
    }

    /// <summary>
    /// Turns the logits into the gradient of the mean cross-entropy times <paramref name="step"/> and returns the loss where it is wanted.
    /// </summary>
    public double SoftmaxGradient(int samples, float step, bool wantLoss)
    {
        int width = Padded(samples);
        float scale = step / samples;
        Vector512<double> loss = Vector512<double>.Zero;
        for (int b = 0; b < samples; b += Lanes)
        {
            float* logits = _logits + b;
            Vector512<int> label = Vector512.Load(_labels + b);
            Vector512<float> isSample = IsSample(b, samples).AsSingle();
            Vector512<float> top = Vector512.Load(logits);
            for (int c = 1; c < _classes; c++)
            {
                // A NaN may be lost here; its own exponential keeps it and spoils the sum.
                top = Vector512.MaxNative(top, Vector512.Load(logits + ((long)c * width)));
            }

            Vector512<float> chosen = Vector512<float>.Zero;
            Vector512<float> sum = Vector512<float>.Zero;
            for (int c = 0; c < _classes; c++)
            {
                Vector512<float> below = Vector512.Load(logits + ((long)c * width)) - top;
                Vector512<float> exponential = Exponential.OfNonPositive(below);
                exponential.Store(logits + ((long)c * width));
                chosen = Vector512.ConditionalSelect(Vector512.Equals(Vector512.Create(c), label).AsSingle(), below, chosen);
                sum += exponential;
            }

            if (wantLoss)
            {
                loss += Loss(sum.GetLower(), chosen.GetLower(), isSample.GetLower()) + Loss(sum.GetUpper(), chosen.GetUpper(), isSample.GetUpper());
            }

            Vector512<float> factor = Vector512.Create(scale) / sum;
            for (int c = 0; c < _classes; c++)
            {
                Vector512<float> right = Vector512.Equals(Vector512.Create(c), label).AsSingle() & Vector512.Create(scale);
                Vector512<float> gradient = (Vector512.Load(logits + ((long)c * width)) * factor) - right;
                (gradient & isSample).Store(logits + ((long)c * width));
            }
        }

        return Vector512.Sum(loss) / samples;
    }

    /// <summary>After <see cref="SoftmaxGradient"/>: the gradient by those inputs that are positive.</summary>
    public void GradientByPositiveInputs(float* inputs, float* gradients, int samples) =>
        Product.Run<WhereActive, EvenColumns>(
            gradients, _inputWidth, new(_logits, Padded(samples)), _weights, _inputWidth, samples, _classes, inputs, _inputWidth);

    /// <summary>After <see cref="SoftmaxGradient"/>: adds the gradients, which carry the step already, to the weights.</summary>
    public void Step(float* inputs, int samples)
    {
        int width = Padded(samples);
        Product.Run<Accumulate, EvenRows>(_weights, _inputWidth, new(_logits, width), inputs, _inputWidth, _classes, samples, _weights, 0);
        for (int c = 0; c < _classes; c++)
        {
            float* gradient = _logits + ((long)c * width);
            Vector512<float> sum = Vector512.Load(gradient);
            for (int b = Lanes; b < width; b += Lanes)
            {
                sum += Vector512.Load(gradient + b);
            }

            _bias[c] += Vector512.Sum(sum);
        }
    }

    private static int Padded(int width) => (width + Lanes - 1) & ~(Lanes - 1);

    private static float* Room(ref float* at, long length)
    {
        float* room = at;
        at += length;
        return room;
    }

    /// <summary>The cross-entropy of eight samples, of which some are there: in double precision, since hundreds are added.</summary>
    private static Vector512<double> Loss(Vector256<float> sum, Vector256<float> chosen, Vector256<float> isSample) =>
        Vector512.Log(Widened(Vector256.ConditionalSelect(isSample, sum, Vector256<float>.One))) - Widened(chosen & isSample);

    private static Vector512<double> Widened(Vector256<float> values) =>
        Vector512.Create(Vector256.WidenLower(values), Vector256.WidenUpper(values));

    private static Vector512<int> IsSample(int first, int samples) => Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(samples - first));
}
