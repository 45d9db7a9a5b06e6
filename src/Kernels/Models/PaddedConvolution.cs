// A convolution with its pooling as matrix products over a few samples at a time, in one thread's memory.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>
/// Filters x pixels = weights x patches: a column of the patches holds what one pixel's window sees, and a one for the bias. The columns are
/// sorted by their place among the four pixels that are pooled into one (a segment each), then by sample, row and column, so that pooling is
/// the largest of four vectors; what a segment lacks to whole vectors is zero. Images are kept with their border and with even and odd
/// columns apart, since a segment takes every other column.
/// </summary>
internal readonly unsafe struct PaddedConvolution
{
    private const int Lanes = 16;
    private const int Pixels = 4;
    private readonly Convolution _layer;
    private readonly int _samples;
    private readonly int _depth;
    private readonly int _half;
    private readonly int _imageSize;
    private readonly float* _weights;
    private readonly float* _gradient;
    private readonly float* _patches;
    private readonly float* _turned;
    private readonly float* _outputs;
    private readonly float* _images;
    private readonly float* _imageGradients;

    /// <summary>Takes its memory from <paramref name="at"/> on.</summary>
    /// <param name="layer">Its sizes.</param>
    /// <param name="samples">The most samples at a time.</param>
    /// <param name="at">Moves behind what was taken.</param>
    public PaddedConvolution(Convolution layer, int samples, ref float* at)
    {
        (_layer, _samples, _depth) = (layer, samples, Padded(layer.Fields + 1));
        int side = layer.Side + (2 * layer.Border);
        _half = (side + 1) / 2;
        _imageSize = side * 2 * _half;
        _weights = Take(ref at, (long)layer.Filters * _depth);
        _gradient = Take(ref at, (long)layer.Filters * _depth);
        _patches = Take(ref at, (long)_depth * Columns);
        _turned = Take(ref at, (long)Columns * _depth);
        _outputs = Take(ref at, (long)layer.Filters * Columns);
        _images = Take(ref at, (long)samples * layer.Channels * _imageSize);
        _imageGradients = Take(ref at, (long)samples * layer.Channels * _imageSize);
    }

    /// <summary>Floats from one filter's pooled pixels to the next one's: the pixels of all samples side by side.</summary>
    public int Segment => Padded(_samples * _layer.Pooled);

    private int Columns => Pixels * Segment;

    /// <summary>Takes weights and biases from their place in the row of parameters, and clears what stays zero.</summary>
    public void Load(float* parameters)
    {
        new Span<float>(_patches, _depth * Columns).Clear();
        new Span<float>(_images, _samples * _layer.Channels * _imageSize).Clear();
        new Span<float>(_weights, _layer.Filters * _depth).Clear();
        for (int filter = 0; filter < _layer.Filters; filter++)
        {
            new Span<float>(parameters + (filter * _layer.Fields), _layer.Fields).CopyTo(new(_weights + (filter * _depth), _layer.Fields));
            _weights[(filter * _depth) + _layer.Fields] = parameters[_layer.Weights + filter];
        }
    }

    /// <summary>Writes them less <paramref name="origin"/>.</summary>
    public void StoreRelative(float* origin, float* row)
    {
        for (int filter = 0; filter < _layer.Filters; filter++)
        {
            float* weights = _weights + (filter * _depth);
            int first = filter * _layer.Fields;
            for (int field = 0; field < _layer.Fields; field++)
            {
                row[first + field] = weights[field] - origin[first + field];
            }

            row[_layer.Weights + filter] = weights[_layer.Fields] - origin[_layer.Weights + filter];
        }
    }

    /// <summary>Reads the images of <paramref name="count"/> samples, a line each, a channel so many floats from the next.</summary>
    // Compiled when it first runs, here and where this attribute stands below: published as code for any CPU, a network takes a fifth longer.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Read<TLines>(TLines samples, int channelStride, int count)
        where TLines : struct, ILeftFactor
    {
        int side = _layer.Side;
        int border = _layer.Border;
        float* target = _images;
        for (int s = 0; s < count; s++)
        {
            for (int c = 0; c < _layer.Channels; c++, target += _imageSize)
            {
                float* source = samples.Line(s) + ((long)c * channelStride);
                for (int y = 0; y < side; y++, source += side)
                {
                    float* row = target + ((y + border) * 2 * _half);
                    for (int x = 0; x < side; x++)
                    {
                        row[(((x + border) & 1) * _half) + ((x + border) >> 1)] = source[x];
                    }
                }
            }
        }

        float* patch = _patches;
        for (int field = 0; field < _layer.Fields; field++)
        {
            for (int pixel = 0; pixel < Pixels; pixel++, patch += Segment)
            {
                CopyOut(_images + PlaceOf(field, pixel), patch, count);
            }
        }

        for (int pixel = 0; pixel < Pixels; pixel++, patch += Segment)
        {
            new Span<float>(patch, count * _layer.Pooled).Fill(1);
            new Span<float>(patch + (count * _layer.Pooled), Segment - (count * _layer.Pooled)).Clear();
        }
    }

    /// <summary>
    /// What was read, convolved, pooled and rectified: filters x <see cref="Segment"/>. <paramref name="from"/> says which of the four pixels
    /// was kept. The first of equal ones counts, and NaN as the largest.
    /// </summary>
    public void Forward(float* pooled, int* from)
    {
        Product.Run<FromZero, EvenRows>(_outputs, Columns, new(_weights, _depth), _patches, Columns, _layer.Filters, _layer.Fields + 1, _outputs, 0);
        int segment = Segment;
        for (int filter = 0; filter < _layer.Filters; filter++)
        {
            float* four = _outputs + (filter * Columns);
            for (int j = 0; j < segment; j += Lanes, four += Lanes, pooled += Lanes, from += Lanes)
            {
                Vector512<float> best = Vector512.Load(four);
                Vector512<int> kept = Vector512<int>.Zero;
                for (int pixel = 1; pixel < Pixels; pixel++)
                {
                    Vector512<float> other = Vector512.Load(four + (pixel * segment));
                    Vector512<float> wins = Vector512.GreaterThan(other, best) | ~Vector512.Equals(other, other);
                    best = Vector512.ConditionalSelect(wins, other, best);
                    kept = Vector512.ConditionalSelect(wins.AsInt32(), Vector512.Create(pixel), kept);
                }

                Vector512.Max(best, Vector512<float>.Zero).Store(pooled);
                kept.Store(from);
            }
        }
    }

    /// <summary>Forgets the gradients of earlier samples.</summary>
    public void ClearGradient() => new Span<float>(_gradient, _layer.Filters * _depth).Clear();

    /// <summary>
    /// Adds to the gradient by weights and biases, given that by the pooled pixels (filters x <see cref="Segment"/>; zero where they are not
    /// positive or no sample's) of the samples that were read last.
    /// </summary>
    public void AddGradient(float* byPooled, int* from)
    {
        int segment = Segment;
        for (int filter = 0; filter < _layer.Filters; filter++)
        {
            float* four = _outputs + (filter * Columns);
            for (int j = 0; j < segment; j += Lanes, four += Lanes, byPooled += Lanes, from += Lanes)
            {
                Vector512<float> gradient = Vector512.Load(byPooled);
                Vector512<int> kept = Vector512.Load(from);
                for (int pixel = 0; pixel < Pixels; pixel++)
                {
                    (gradient & Vector512.Equals(kept, Vector512.Create(pixel)).AsSingle()).Store(four + (pixel * segment));
                }
            }
        }

        Transpose.Rectangle(_patches, Columns, _turned, _depth, _depth, Columns);
        Product.Run<Accumulate, EvenRows>(_gradient, _depth, new(_outputs, Columns), _turned, _depth, _layer.Filters, Columns, _gradient, 0);
    }

    /// <summary>
    /// After <see cref="AddGradient"/>: the gradient by those inputs that are positive, laid out as the inputs were for <see cref="Read"/>.
    /// Overwrites the patches.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void GradientByPositiveInputs(float* inputs, float* gradients, int channelStride, int sampleStride, int count)
    {
        Product.Run<FromZero, EvenColumns>(_patches, Columns, new(_weights, _depth), _outputs, Columns, _layer.Fields, _layer.Filters, _patches, 0);
        new Span<float>(_imageGradients, count * _layer.Channels * _imageSize).Clear();
        float* patch = _patches;
        for (int field = 0; field < _layer.Fields; field++)
        {
            for (int pixel = 0; pixel < Pixels; pixel++, patch += Segment)
            {
                AddIn(patch, _imageGradients + PlaceOf(field, pixel), count);
            }
        }

        int side = _layer.Side;
        int border = _layer.Border;
        float* source = _imageGradients;
        for (int s = 0; s < count; s++)
        {
            for (int c = 0; c < _layer.Channels; c++, source += _imageSize)
            {
                long start = ((long)s * sampleStride) + ((long)c * channelStride);
                for (int y = 0; y < side; y++, start += side)
                {
                    float* row = source + ((y + border) * 2 * _half);
                    for (int x = 0; x < side; x++)
                    {
                        float gradient = row[(((x + border) & 1) * _half) + ((x + border) >> 1)];
                        gradients[start + x] = inputs[start + x] > 0 ? gradient : 0;
                    }
                }
            }
        }
    }

    /// <summary>Adds the gradient, which carries the step already, to weights and biases.</summary>
    public void Step()
    {
        for (int k = 0; k < _layer.Filters * _depth; k += Lanes)
        {
            (Vector512.Load(_weights + k) + Vector512.Load(_gradient + k)).Store(_weights + k);
        }
    }

    private static int Padded(int width) => (width + Lanes - 1) & ~(Lanes - 1);

    // One vector more than asked for, since rows are copied in whole vectors; what is too much is overwritten or never looked at.
    private static float* Take(ref float* at, long length)
    {
        float* taken = at;
        at += ((length + Lanes - 1) & ~(Lanes - 1L)) + Lanes;
        return taken;
    }

    /// <summary>Where in a sample's images the first pooled pixel's window holds <paramref name="field"/>, seen from one of its four pixels.</summary>
    private int PlaceOf(int field, int pixel)
    {
        int window = _layer.Window;
        int channel = field / (window * window);
        int row = (pixel >> 1) + (field / window % window);
        int column = (pixel & 1) + (field % window);
        return (channel * _imageSize) + (row * 2 * _half) + ((column & 1) * _half) + (column >> 1);
    }

    /// <summary>Every other row of each sample, its pixels side by side, to a segment of a patch.</summary>
    private void CopyOut(float* source, float* segment, int count)
    {
        int side = _layer.PooledSide;
        int rowStride = 4 * _half;
        float* target = segment;
        for (int s = 0; s < count; s++, source += _layer.Channels * _imageSize)
        {
            float* row = source;
            for (int y = 0; y < side; y++, row += rowStride, target += side)
            {
                for (int x = 0; x < side; x += Lanes)
                {
                    Vector512.Load(row + x).Store(target + x);
                }
            }
        }

        new Span<float>(target, (int)(segment + Segment - target)).Clear();
    }

    /// <summary>The way back: adds a segment of a patch to every other row of each sample.</summary>
    private void AddIn(float* segment, float* target, int count)
    {
        int side = _layer.PooledSide;
        int rowStride = 4 * _half;
        for (int s = 0; s < count; s++, target += _layer.Channels * _imageSize)
        {
            float* row = target;
            for (int y = 0; y < side; y++, row += rowStride, segment += side)
            {
                int x = 0;
                for (; x + Vector256<float>.Count <= side; x += Vector256<float>.Count)
                {
                    (Vector256.Load(row + x) + Vector256.Load(segment + x)).Store(row + x);
                }

                for (; x + Vector128<float>.Count <= side; x += Vector128<float>.Count)
                {
                    (Vector128.Load(row + x) + Vector128.Load(segment + x)).Store(row + x);
                }

                for (; x < side; x++)
                {
                    row[x] += segment[x];
                }
            }
        }
    }
}
