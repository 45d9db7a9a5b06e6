// A convolutional network laid out for vector code: two convolutions, a few samples at a time, and a perceptron for the batch.
using System.Runtime.CompilerServices;

namespace FlGpu.Kernels;

/// <summary>
/// Weights, pooled activations and gradients of one network and one batch in one thread's memory. The samples go through the convolutions in
/// chunks of so many that the smaller images fill vectors; chunks and samples are taken in order, so the sums are the same on any thread.
/// </summary>
internal readonly unsafe struct PaddedCnn : IBatchModel<PaddedCnn>
{
    private const int Lanes = 16;
    private readonly Cnn _model;
    private readonly PaddedMlp _head;
    private readonly PaddedConvolution _first;
    private readonly PaddedConvolution _second;
    private readonly int _chunk;
    private readonly float** _inputs;
    private readonly float* _firstPooled;
    private readonly float* _firstGradient;
    private readonly int* _firstFrom;
    private readonly float* _secondPooled;
    private readonly int* _secondFrom;

    private PaddedCnn(Cnn model, int batch, PaddedMlp head, ref float* at)
    {
        CnnShape shape = model.Shape;
        (_model, _head) = (model, head);
        _chunk = Math.Clamp(Lanes / shape.Second.Pooled, 1, batch);
        _first = new(shape.First, _chunk, ref at);
        _second = new(shape.Second, _chunk, ref at);
        int chunks = (batch + _chunk - 1) / _chunk;
        _inputs = (float**)Room(ref at, 2L * batch);
        _firstPooled = Room(ref at, (long)chunks * FirstLength);
        _firstFrom = (int*)Room(ref at, (long)chunks * FirstLength);
        _firstGradient = Room(ref at, FirstLength);
        _secondPooled = Room(ref at, SecondLength);
        _secondFrom = (int*)Room(ref at, (long)chunks * SecondLength);
    }

    private int FirstLength => _model.Shape.First.Filters * _first.Segment;

    private int SecondLength => _model.Shape.Second.Filters * _second.Segment;

    /// <inheritdoc/>
    public static nuint Bytes(Model model, int batch)
    {
        float* end = null;
        _ = new PaddedCnn((Cnn)model, batch, default, ref end);
        return PaddedMlp.Bytes(((Cnn)model).Head, batch) + (nuint)end;
    }

    /// <inheritdoc/>
    public static PaddedCnn In(Model model, int batch, byte* memory)
    {
        var cnn = (Cnn)model;
        float* at = (float*)(memory + PaddedMlp.Bytes(cnn.Head, batch));
        return new(cnn, batch, new PaddedMlp(cnn.Head, batch, memory, wantsInputGradient: true), ref at);
    }

    /// <inheritdoc/>
    public void Load(float* parameters)
    {
        _first.Load(parameters);
        _second.Load(parameters + _model.Shape.SecondAt);
        _head.Load(parameters + _model.Shape.HeadAt);
    }

    /// <inheritdoc/>
    public void StoreRelative(float* origin, float* row)
    {
        CnnShape shape = _model.Shape;
        _first.StoreRelative(origin, row);
        _second.StoreRelative(origin + shape.SecondAt, row + shape.SecondAt);
        _head.StoreRelative(origin + shape.HeadAt, row + shape.HeadAt);
    }

    /// <inheritdoc/>
    public void Take(int sample, float* features, int label)
    {
        _inputs[sample] = features;
        _head.Take(sample, _head.Inputs(sample), label);
    }

    /// <inheritdoc/>
    public void CopyLogits(int samples, float* target) => _head.CopyLogits(samples, target);

    /// <inheritdoc/>
    // Compiled when it first runs, as Step is: published as code for any CPU, every short copy is a call through a stub.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Forward(int samples)
    {
        CnnShape shape = _model.Shape;
        for (int chunk = 0, sample = 0; sample < samples; chunk++, sample += _chunk)
        {
            int count = Math.Min(_chunk, samples - sample);
            float* pooled = _firstPooled + ((long)chunk * FirstLength);
            _first.Read<RowList>(new(_inputs + sample), 0, count);
            _first.Forward(pooled, _firstFrom + ((long)chunk * FirstLength));
            _second.Read<EvenRows>(new(pooled, shape.First.Pooled), _first.Segment, count);
            _second.Forward(_secondPooled, _secondFrom + ((long)chunk * SecondLength));
            for (int s = 0; s < count; s++)
            {
                float* row = _head.Inputs(sample + s);
                for (int filter = 0; filter < shape.Second.Filters; filter++, row += shape.Second.Pooled)
                {
                    float* image = _secondPooled + (filter * _second.Segment) + (s * shape.Second.Pooled);
                    new Span<float>(image, shape.Second.Pooled).CopyTo(new(row, shape.Second.Pooled));
                }
            }
        }

        _head.Forward(samples);
    }

    /// <inheritdoc/>
    public int RightAnswers(int samples) => _head.RightAnswers(samples);

    /// <inheritdoc/>
    public double SoftmaxGradient(int samples, float step, bool wantLoss) => _head.SoftmaxGradient(samples, step, wantLoss);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Step(int samples)
    {
        CnnShape shape = _model.Shape;
        _head.Step(samples);
        _first.ClearGradient();
        _second.ClearGradient();
        for (int chunk = 0, sample = 0; sample < samples; chunk++, sample += _chunk)
        {
            int count = Math.Min(_chunk, samples - sample);
            float* pooled = _firstPooled + ((long)chunk * FirstLength);
            new Span<float>(_secondPooled, SecondLength).Clear();
            for (int s = 0; s < count; s++)
            {
                float* row = _head.InputGradients(sample + s);
                for (int filter = 0; filter < shape.Second.Filters; filter++, row += shape.Second.Pooled)
                {
                    float* image = _secondPooled + (filter * _second.Segment) + (s * shape.Second.Pooled);
                    new Span<float>(row, shape.Second.Pooled).CopyTo(new(image, shape.Second.Pooled));
                }
            }

            _second.Read<EvenRows>(new(pooled, shape.First.Pooled), _first.Segment, count);
            _second.AddGradient(_secondPooled, _secondFrom + ((long)chunk * SecondLength));
            new Span<float>(_firstGradient, FirstLength).Clear();
            _second.GradientByPositiveInputs(pooled, _firstGradient, _first.Segment, shape.First.Pooled, count);
            _first.Read<RowList>(new(_inputs + sample), 0, count);
            _first.AddGradient(_firstGradient, _firstFrom + ((long)chunk * FirstLength));
        }

        _first.Step();
        _second.Step();
    }

    private static float* Room(ref float* at, long length)
    {
        float* taken = at;
        at += (length + Lanes - 1) & ~(Lanes - 1L);
        return taken;
    }
}
