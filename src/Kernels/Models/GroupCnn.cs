// A convolutional network's passes as phases of kernels: a group's threads share out the elements of each, with a barrier in between.
using System.Runtime.InteropServices;

namespace FlGpu.Kernels;

/// <summary>
/// A thread owns whole elements and sums each in a fixed order, so any group size gives the same bits. Activations, gradients and which pixel
/// was pooled are in the group's part of a scratch buffer, where <see cref="CnnPlaces"/> says.
/// </summary>
internal static class GroupCnn
{
    // A group's scratch memory is hundreds of kilobytes; more groups than this fill no GPU better.
    private const int GroupsPerMultiprocessor = 8;
    private const int Pixels = 4;

    /// <summary>Trains all clients in one launch, a group a client.</summary>
    public static void Train(Cnn model, in TrainClients train, GpuBackend gpu)
    {
        long groups = MostGroups(gpu, train.Updates.Rows);
        var places = new CnnPlaces(model.Shape, train.Sgd.BatchSize);
        ArrayView<float> scratch = gpu.Scratch(places.Length * gpu.GroupsFor(groups));
        var settings = new CnnTrainSettings(places, GroupTraining.Of(train, model.Parameters));
        gpu.Runtime.Launch(
            TrainKernel, gpu.GroupEach(groups), settings, GpuBackend.View(train.Initial), GpuBackend.View(train.Origin),
            GpuBackend.View(train.Updates), GpuBackend.View(train.Samples.Features), GpuBackend.View(train.Samples.Labels),
            GpuBackend.View(train.Samples.Order), GpuBackend.View(train.Samples.Start), scratch,
            train.StepLosses is null ? scratch.SubView(0, 0) : GpuBackend.View(train.StepLosses));
    }

    /// <summary>Classifies all samples with all models, a group a sample and a model.</summary>
    public static void Evaluate(Cnn model, in Evaluate evaluate, GpuBackend gpu)
    {
        long tests = (long)evaluate.Features.Rows * evaluate.Models;
        long groups = MostGroups(gpu, tests);
        var places = new CnnPlaces(model.Shape, 1);
        long activations = places.Length * gpu.GroupsFor(groups);
        ArrayView<float> scratch = gpu.Scratch(activations + (2 * tests));
        ArrayView<float> perTest = scratch.SubView(activations, 2 * tests);
        gpu.Runtime.Launch(
            ClassifyKernel, gpu.GroupEach(groups), places, GpuBackend.View(evaluate.Parameters), GpuBackend.View(evaluate.Features),
            GpuBackend.View(evaluate.Labels), scratch.SubView(0, activations), perTest);
        evaluate.Average(gpu, perTest);
    }

    /// <summary>Outputs for the listed samples, a group a sample.</summary>
    public static void Logits(Cnn model, in Logits logits, GpuBackend gpu)
    {
        long groups = MostGroups(gpu, logits.Outputs.Rows);
        var places = new CnnPlaces(model.Shape, 1);
        gpu.Runtime.Launch(
            LogitsKernel, gpu.GroupEach(groups), places, GpuBackend.View(logits.Parameters), GpuBackend.View(logits.Features),
            GpuBackend.View(logits.Rows), gpu.Scratch(places.Length * gpu.GroupsFor(groups)), GpuBackend.View(logits.Outputs));
    }

    private static long MostGroups(GpuBackend gpu, long items) => Math.Min(items, (long)GroupsPerMultiprocessor * gpu.Threads);

    /// <summary>A group owns a client, whose weights live in its row of the updates.</summary>
    private static void TrainKernel(
        CnnTrainSettings settings, ArrayView<float> initial, ArrayView<float> origin, ArrayView<float> updates, ArrayView<float> features,
        ArrayView<int> labels, ArrayView<int> order, ArrayView<int> start, ArrayView<float> scratch, ArrayView<float> losses)
    {
        CnnPlaces places = settings.Places;
        var network = new Network(places, features, scratch.SubView(Grid.IdxX * places.Length, places.Length));
        GroupModel.Train(network, settings.Training, initial, origin, updates, labels, order, start, losses);
    }

    private readonly struct Network(CnnPlaces places, ArrayView<float> features, ArrayView<float> mine) : IGroupNetwork
    {
        public GroupBatch Batch
        {
            get
            {
                int classes = places.Shape.Classes;
                return new(
                    mine.SubView(places.Logits, (long)places.Batch * classes), classes, classes, mine.SubView(places.Labels, places.Batch).Cast<int>(),
                    mine.SubView(places.Losses, places.Batch));
            }
        }

        public void Load(ArrayView<float> initial, ArrayView<float> update) => GroupModel.Copy(initial, update);

        public void Forward(ArrayView<float> update, ArrayView<int> rows)
        {
            ForwardFirst(places, update, features, rows, mine);
            ForwardRest(places, update, mine, (int)rows.Length);
        }

        public void Step(ArrayView<float> update, ArrayView<int> rows) => GroupCnn.Step(places, update, features, rows, mine);

        public void Store(ArrayView<float> origin, ArrayView<float> update) => GroupModel.Subtract(origin, update);
    }

    /// <summary>A group owns a sample for a model; its first thread compares the logits.</summary>
    private static void ClassifyKernel(
        CnnPlaces places, ArrayView<float> parameters, ArrayView<float> features, ArrayView<int> labels, ArrayView<float> scratch,
        ArrayView<float> perTest)
    {
        int classes = places.Shape.Classes;
        ArrayView<float> mine = scratch.SubView(Grid.IdxX * places.Length, places.Length);
        long models = perTest.Length / 2 / labels.Length;
        long modelLength = parameters.Length / models;
        for (long test = Grid.IdxX; test < labels.Length * models; test += Grid.DimX)
        {
            long model = test / labels.Length;
            long sample = test - (model * labels.Length);
            ForwardOne(places, parameters.SubView(model * modelLength, modelLength), features, sample, mine);
            if (Group.IdxX == 0)
            {
                int label = labels[sample];
                float top = mine[places.Logits];
                int predicted = 0;
                for (int j = 1; j < classes; j++)
                {
                    float logit = mine[places.Logits + j];
                    if (logit > top || (float.IsNaN(logit) && !float.IsNaN(top)))
                    {
                        top = logit;
                        predicted = j;
                    }
                }

                float total = 0;
                for (int j = 0; j < classes; j++)
                {
                    total += MathF.Exp(mine[places.Logits + j] - top);
                }

                perTest[2 * test] = predicted == label ? 1f : 0f;
                perTest[(2 * test) + 1] = MathF.Log(total) - (mine[places.Logits + label] - top);
            }

            GroupBarrier.Wait();
        }
    }

    /// <summary>A group owns a sample.</summary>
    private static void LogitsKernel(
        CnnPlaces places, ArrayView<float> parameters, ArrayView<float> features, ArrayView<int> rows, ArrayView<float> scratch,
        ArrayView<float> outputs)
    {
        int classes = places.Shape.Classes;
        ArrayView<float> mine = scratch.SubView(Grid.IdxX * places.Length, places.Length);
        for (long r = Grid.IdxX; r < rows.Length; r += Grid.DimX)
        {
            ForwardOne(places, parameters, features, rows[r], mine);
            for (int j = Group.IdxX; j < classes; j += Group.DimX)
            {
                outputs[(r * classes) + j] = mine[places.Logits + j];
            }

            GroupBarrier.Wait();
        }
    }

    /// <summary>All layers for one sample.</summary>
    private static void ForwardOne(CnnPlaces places, ArrayView<float> weights, ArrayView<float> features, long row, ArrayView<float> mine)
    {
        Convolution layer = places.Shape.First;
        long image = row * layer.Side * layer.Side;
        for (int o = Group.IdxX; o < places.Shape.FirstWidth; o += Group.DimX)
        {
            PooledPixel pooled = Pool(layer, weights, 0, features, image, o);
            mine[places.First + o] = pooled.Value;
            mine[places.FirstFrom + o] = pooled.From;
        }

        GroupBarrier.Wait();
        ForwardRest(places, weights, mine, 1);
    }

    /// <summary>The first convolution for the samples at <paramref name="rows"/>.</summary>
    private static void ForwardFirst(
        CnnPlaces places, ArrayView<float> weights, ArrayView<float> features, ArrayView<int> rows, ArrayView<float> mine)
    {
        Convolution layer = places.Shape.First;
        int width = places.Shape.FirstWidth;
        for (int e = Group.IdxX; e < (int)rows.Length * width; e += Group.DimX)
        {
            int b = e / width;
            PooledPixel pooled = Pool(layer, weights, 0, features, (long)rows[b] * layer.Side * layer.Side, e - (b * width));
            mine[places.First + e] = pooled.Value;
            mine[places.FirstFrom + e] = pooled.From;
        }

        GroupBarrier.Wait();
    }

    /// <summary>The layers after the first convolution.</summary>
    private static void ForwardRest(CnnPlaces places, ArrayView<float> weights, ArrayView<float> mine, int count)
    {
        CnnShape shape = places.Shape;
        int width = shape.SecondWidth;
        for (int e = Group.IdxX; e < count * width; e += Group.DimX)
        {
            int b = e / width;
            PooledPixel pooled = Pool(shape.Second, weights, shape.SecondAt, mine, places.First + ((long)b * shape.FirstWidth), e - (b * width));
            mine[places.Second + e] = pooled.Value;
            mine[places.SecondFrom + e] = pooled.From;
        }

        GroupBarrier.Wait();
        for (int e = Group.IdxX; e < count * shape.Hidden; e += Group.DimX)
        {
            float sum = Dense(weights, shape.HeadAt, width, shape.Hidden, mine, places.Second, e);
            mine[places.Hidden + e] = sum < 0 ? 0 : sum;
        }

        GroupBarrier.Wait();
        for (int e = Group.IdxX; e < count * shape.Classes; e += Group.DimX)
        {
            mine[places.Logits + e] = Dense(weights, shape.OutputAt, shape.Hidden, shape.Classes, mine, places.Hidden, e);
        }

        GroupBarrier.Wait();
    }

    /// <summary>
    /// Adds the gradients, which carry the step already, to the weights, from the last layer to the first. A layer's weights change only after
    /// the gradient by its inputs is there.
    /// </summary>
    private static void Step(CnnPlaces places, ArrayView<float> weights, ArrayView<float> features, ArrayView<int> rows, ArrayView<float> mine)
    {
        CnnShape shape = places.Shape;
        int count = (int)rows.Length;
        DenseByInputs(weights, shape.OutputAt, shape.Hidden, shape.Classes, mine, places.Logits, places.Hidden, places.ByHidden, count);
        GroupBarrier.Wait();
        DenseStep(weights, shape.OutputAt, shape.Hidden, shape.Classes, mine, places.Logits, places.Hidden, count);
        DenseByInputs(weights, shape.HeadAt, shape.SecondWidth, shape.Hidden, mine, places.ByHidden, places.Second, places.BySecond, count);
        GroupBarrier.Wait();
        DenseStep(weights, shape.HeadAt, shape.SecondWidth, shape.Hidden, mine, places.ByHidden, places.Second, count);
        for (int e = Group.IdxX; e < count * shape.FirstWidth; e += Group.DimX)
        {
            int b = e / shape.FirstWidth;
            float sum = ByInput(shape, places, weights, mine, b, e - (b * shape.FirstWidth));
            mine[places.ByFirst + e] = mine[places.First + e] > 0 ? sum : 0;
        }

        GroupBarrier.Wait();
        for (int e = Group.IdxX; e < shape.Second.Weights + shape.Second.Filters; e += Group.DimX)
        {
            float sum = 0;
            for (int b = 0; b < count; b++)
            {
                sum += ByParameter(
                    shape.Second, e, mine, places.First + ((long)b * shape.FirstWidth), mine, places.BySecond + ((long)b * shape.SecondWidth),
                    places.SecondFrom + ((long)b * shape.SecondWidth));
            }

            weights[shape.SecondAt + e] += sum;
        }

        for (int e = Group.IdxX; e < shape.First.Weights + shape.First.Filters; e += Group.DimX)
        {
            float sum = 0;
            for (int b = 0; b < count; b++)
            {
                sum += ByParameter(
                    shape.First, e, features, (long)rows[b] * shape.First.Side * shape.First.Side, mine,
                    places.ByFirst + ((long)b * shape.FirstWidth), places.FirstFrom + ((long)b * shape.FirstWidth));
            }

            weights[e] += sum;
        }

        GroupBarrier.Wait();
    }

    /// <summary>Output <paramref name="o"/> of a convolution, pooled and rectified. The first of equal pixels counts, and NaN as the largest.</summary>
    private static PooledPixel Pool(Convolution layer, ArrayView<float> weights, long at, ArrayView<float> input, long image, int o)
    {
        int filter = o / layer.Pooled;
        int place = o - (filter * layer.Pooled);
        int row = place / layer.PooledSide;
        int column = place - (row * layer.PooledSide);
        float bias = weights[at + layer.Weights + filter];
        float best = 0;
        int from = 0;
        for (int pixel = 0; pixel < Pixels; pixel++)
        {
            int top = (2 * row) + (pixel >> 1) - layer.Border;
            int left = (2 * column) + (pixel & 1) - layer.Border;
            long weight = at + ((long)filter * layer.Fields);
            float sum = bias;
            for (int channel = 0; channel < layer.Channels; channel++)
            {
                for (int y = top; y < top + layer.Window; y++)
                {
                    for (int x = left; x < left + layer.Window; x++)
                    {
                        if (y >= 0 && y < layer.Side && x >= 0 && x < layer.Side)
                        {
                            sum += input[image + ((((long)channel * layer.Side) + y) * layer.Side) + x] * weights[weight];
                        }

                        weight++;
                    }
                }
            }

            if (pixel == 0 || sum > best || float.IsNaN(sum))
            {
                best = sum;
                from = pixel;
            }
        }

        return new(best < 0 ? 0 : best, from);
    }

    /// <summary>The gradient by one output of the first convolution: from all pooled pixels of the second whose window holds it.</summary>
    private static float ByInput(CnnShape shape, CnnPlaces places, ArrayView<float> weights, ArrayView<float> mine, int b, int input)
    {
        Convolution layer = shape.Second;
        int size = layer.Side * layer.Side;
        int channel = input / size;
        int y = (input - (channel * size)) / layer.Side;
        int x = input - (channel * size) - (y * layer.Side);
        int window = layer.Window;
        int outputs = 2 * layer.PooledSide;
        float sum = 0;
        for (int filter = 0; filter < layer.Filters; filter++)
        {
            long pooled = ((long)b * shape.SecondWidth) + ((long)filter * layer.Pooled);
            long weight = shape.SecondAt + ((long)filter * layer.Fields) + ((long)channel * window * window);
            for (int i = 0; i < window; i++)
            {
                for (int j = 0; j < window; j++)
                {
                    int row = y + layer.Border - i;
                    int column = x + layer.Border - j;
                    if (row >= 0 && row < outputs && column >= 0 && column < outputs)
                    {
                        long at = pooled + ((row >> 1) * layer.PooledSide) + (column >> 1);
                        if (mine[places.SecondFrom + at] == (2 * (row & 1)) + (column & 1))
                        {
                            sum += mine[places.BySecond + at] * weights[weight + (i * window) + j];
                        }
                    }
                }
            }
        }

        return sum;
    }

    /// <summary>One sample's part of the gradient by a convolution's weight or, behind all weights, bias <paramref name="e"/>.</summary>
    private static float ByParameter(
        Convolution layer, int e, ArrayView<float> input, long image, ArrayView<float> mine, long byPooled, long from)
    {
        int filter = e < layer.Weights ? e / layer.Fields : e - layer.Weights;
        int field = e < layer.Weights ? e - (filter * layer.Fields) : 0;
        int channel = field / (layer.Window * layer.Window);
        int inWindow = field - (channel * layer.Window * layer.Window);
        int i = inWindow / layer.Window;
        int j = inWindow - (i * layer.Window);
        long first = (long)filter * layer.Pooled;
        float sum = 0;
        for (int row = 0; row < layer.PooledSide; row++)
        {
            for (int column = 0; column < layer.PooledSide; column++)
            {
                long at = first + (row * layer.PooledSide) + column;
                float gradient = mine[byPooled + at];
                if (e >= layer.Weights)
                {
                    sum += gradient;
                }
                else
                {
                    int pixel = (int)mine[from + at];
                    int y = (2 * row) + (pixel >> 1) - layer.Border + i;
                    int x = (2 * column) + (pixel & 1) - layer.Border + j;
                    if (y >= 0 && y < layer.Side && x >= 0 && x < layer.Side)
                    {
                        sum += gradient * input[image + ((((long)channel * layer.Side) + y) * layer.Side) + x];
                    }
                }
            }
        }

        return sum;
    }

    /// <summary>Element <paramref name="e"/> of a fully connected layer's outputs for the batch.</summary>
    private static float Dense(ArrayView<float> weights, int at, int inputs, int outputs, ArrayView<float> mine, long input, int e)
    {
        int b = e / outputs;
        int j = e - (b * outputs);
        float sum = weights[at + ((long)inputs * outputs) + j];
        long weight = (long)at + j;
        long x = input + ((long)b * inputs);
        for (int i = 0; i < inputs; i++)
        {
            sum += mine[x + i] * weights[weight];
            weight += outputs;
        }

        return sum;
    }

    /// <summary>The gradient by a fully connected layer's inputs, where they are positive.</summary>
    private static void DenseByInputs(
        ArrayView<float> weights, int at, int inputs, int outputs, ArrayView<float> mine, long byOutputs, long input, long byInputs, int count)
    {
        for (int e = Group.IdxX; e < count * inputs; e += Group.DimX)
        {
            int b = e / inputs;
            long weight = at + ((long)(e - (b * inputs)) * outputs);
            long gradient = byOutputs + ((long)b * outputs);
            float sum = 0;
            for (int j = 0; j < outputs; j++)
            {
                sum += mine[gradient + j] * weights[weight + j];
            }

            mine[byInputs + e] = mine[input + e] > 0 ? sum : 0;
        }
    }

    /// <summary>Adds the gradient by a fully connected layer's weights and biases to them.</summary>
    private static void DenseStep(
        ArrayView<float> weights, int at, int inputs, int outputs, ArrayView<float> mine, long byOutputs, long input, int count)
    {
        for (int e = Group.IdxX; e < (inputs + 1) * outputs; e += Group.DimX)
        {
            int i = e / outputs;
            int j = e - (i * outputs);
            float sum = 0;
            for (int b = 0; b < count; b++)
            {
                // The row after the weights is the bias, whose input is always one.
                float value = i == inputs ? 1f : mine[input + ((long)b * inputs) + i];
                sum += value * mine[byOutputs + ((long)b * outputs) + j];
            }

            weights[at + (long)e] += sum;
        }
    }
}

/// <summary>A pixel after pooling, and which of the four it was.</summary>
internal readonly record struct PooledPixel(float Value, int From);

/// <summary>Where a group keeps what for a batch of <paramref name="Batch"/> samples; inside each place it is sample after sample.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct CnnPlaces(CnnShape Shape, int Batch)
{
    /// <summary>The first convolution's pooled pixels.</summary>
    public long First => 0;

    /// <summary>The second's.</summary>
    public long Second => (long)Batch * Shape.FirstWidth;

    /// <summary>The hidden layer's activations.</summary>
    public long Hidden => Second + ((long)Batch * Shape.SecondWidth);

    /// <summary>The logits, then the gradients by them.</summary>
    public long Logits => Hidden + ((long)Batch * Shape.Hidden);

    /// <summary>The gradients by what comes before the logits, in the same order.</summary>
    public long ByFirst => (long)Batch * Shape.ActivationWidth;

    public long BySecond => ByFirst + Second;

    public long ByHidden => ByFirst + Hidden;

    /// <summary>Which of four pixels each pooled one of the first convolution was.</summary>
    public long FirstFrom => (long)Batch * ((2 * Shape.ActivationWidth) - Shape.Classes);

    /// <summary>The same of the second.</summary>
    public long SecondFrom => FirstFrom + Second;

    /// <summary>The loss of each sample.</summary>
    public long Losses => FirstFrom + Hidden;

    /// <summary>The label of each sample, a number of as many bytes.</summary>
    public long Labels => Losses + Batch;

    /// <summary>Floats in all.</summary>
    public long Length => Labels + Batch;
}

/// <summary>The numbers that the training kernel needs.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct CnnTrainSettings(CnnPlaces Places, GroupTraining Training);
