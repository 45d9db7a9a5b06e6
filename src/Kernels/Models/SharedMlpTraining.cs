// Local training of a multilayer perceptron that fits in a group's shared memory: weights, activations, gradients and the batch never leave it.
namespace FlGpu.Kernels;

/// <summary>
/// A group trains a client, all its epochs in one launch. Every matrix is kept in quads of four floats with an odd number of quads a row, so that
/// neighbouring threads that read neighbouring rows meet no bank twice; a thread owns 4 x 4 elements of a product and sums each in a fixed order, so
/// that any group size gives the same bits.
/// </summary>
internal static class SharedMlpTraining
{
    // The tutorial's 32-64-10 has as many tiles in its larger products.
    private const int GroupSize = 128;

    // What a group reserves decides how many of them a multiprocessor holds. On an H100, with 227 KiB: 17, 6 and 4.
    private const int SmallQuads = 12 * 1024 / 16;
    private const int MediumQuads = 36 * 1024 / 16;
    private const int LargeQuads = 48 * 1024 / 16;

    /// <summary>Whether the model and its batch fit.</summary>
    public static bool Fits(MlpShape shape, int batch) => SharedMlpPlaces.QuadsFor(shape, batch) <= LargeQuads;

    /// <summary>Trains all clients in one launch.</summary>
    public static void Launch(Mlp model, in TrainClients train, GpuBackend gpu)
    {
        long quads = SharedMlpPlaces.QuadsFor(model.Shape, train.Sgd.BatchSize);
        var settings = new TrainSettings(model.Shape, GroupTraining.Of(train, model.Parameters), ScratchPerGroup: 0);
        ArrayView<float> none = gpu.Scratch(1).SubView(0, 0);
        gpu.Runtime.Launch(
            quads <= SmallQuads ? SmallKernel : quads <= MediumQuads ? MediumKernel : LargeKernel, gpu.GroupEach(train.Updates.Rows, GroupSize), settings,
            GpuBackend.View(train.Initial), GpuBackend.View(train.Origin), GpuBackend.View(train.Updates), GpuBackend.View(train.Samples.Features),
            GpuBackend.View(train.Samples.Labels), GpuBackend.View(train.Samples.Order), GpuBackend.View(train.Samples.Start), none,
            train.StepLosses is null ? none : GpuBackend.View(train.StepLosses));
    }

    /// <summary>A group owns a client.</summary>
    private static void SmallKernel(
        TrainSettings settings, ArrayView<float> initial, ArrayView<float> origin, ArrayView<float> updates, ArrayView<float> features,
        ArrayView<int> labels, ArrayView<int> order, ArrayView<int> start, ArrayView<float> scratch, ArrayView<float> losses) =>
        Train(settings, initial, origin, updates, features, labels, order, start, losses, SharedMemory.Allocate<Float4>(SmallQuads));

    /// <summary>A group owns a client.</summary>
    private static void MediumKernel(
        TrainSettings settings, ArrayView<float> initial, ArrayView<float> origin, ArrayView<float> updates, ArrayView<float> features,
        ArrayView<int> labels, ArrayView<int> order, ArrayView<int> start, ArrayView<float> scratch, ArrayView<float> losses) =>
        Train(settings, initial, origin, updates, features, labels, order, start, losses, SharedMemory.Allocate<Float4>(MediumQuads));

    /// <summary>A group owns a client.</summary>
    private static void LargeKernel(
        TrainSettings settings, ArrayView<float> initial, ArrayView<float> origin, ArrayView<float> updates, ArrayView<float> features,
        ArrayView<int> labels, ArrayView<int> order, ArrayView<int> start, ArrayView<float> scratch, ArrayView<float> losses) =>
        Train(settings, initial, origin, updates, features, labels, order, start, losses, SharedMemory.Allocate<Float4>(LargeQuads));

    private static void Train(
        TrainSettings settings, ArrayView<float> initial, ArrayView<float> origin, ArrayView<float> updates, ArrayView<float> features,
        ArrayView<int> labels, ArrayView<int> order, ArrayView<int> start, ArrayView<float> losses, ArrayView<Float4> memory)
    {
        var network = new Network(settings.Shape, new(settings.Shape, settings.Training.BatchSize), settings.Training.BatchSize, features, memory);
        GroupModel.Train(network, settings.Training, initial, origin, updates, labels, order, start, losses);
    }

    private readonly struct Network(MlpShape shape, SharedMlpPlaces places, int batchSize, ArrayView<float> features, ArrayView<Float4> memory) : IGroupNetwork
    {
        public GroupBatch Batch
        {
            get
            {
                int classes = shape.Width(shape.Layers);
                return new(
                    Floats.SubView(4L * places.Logits, 4L * places.Rows * SharedMlpPlaces.Pitch(classes)), 4 * SharedMlpPlaces.Pitch(classes), classes,
                    memory.Cast<int>().SubView(4L * places.Labels, batchSize), Floats.SubView(4L * places.Losses, batchSize));
            }
        }

        private ArrayView<float> Floats => memory.Cast<float>();

        public void Load(ArrayView<float> initial, ArrayView<float> update)
        {
            Clear(memory, places.Length);
            GroupBarrier.Wait();
            SharedMlpTraining.Load(shape, Floats, initial);
        }

        public void Forward(ArrayView<float> update, ArrayView<int> rows)
        {
            if (shape.W0 % 4 == 0)
            {
                StageQuads(features.Cast<Float4>(), rows, memory, places.Input, shape.W0 / 4);
            }
            else
            {
                Stage(features, rows, Floats, 4 * places.Input, shape.W0);
            }

            GroupBarrier.Wait();
            SharedMlpTraining.Forward(shape, places, memory, (int)rows.Length);
        }

        public void Step(ArrayView<float> update, ArrayView<int> rows)
        {
            Backward(shape, places, memory, (int)rows.Length);
            SharedMlpTraining.Step(shape, places, memory, (int)rows.Length);
        }

        public void Store(ArrayView<float> origin, ArrayView<float> update) => SharedMlpTraining.Store(shape, Floats, origin, update);
    }

    /// <summary>Zeros: what no parameter and no feature is written to stays zero and adds nothing.</summary>
    private static void Clear(ArrayView<Float4> memory, int length)
    {
        var zero = new Float4(0, 0, 0, 0);
        for (int q = Group.IdxX; q < length; q += Group.DimX)
        {
            memory[q] = zero;
        }
    }

    private static void Load(MlpShape shape, ArrayView<float> floats, ArrayView<float> parameters)
    {
        int weight = 0;
        int parameter = 0;
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            int inputs = shape.Width(layer);
            int outputs = shape.Width(layer + 1);
            var cell = new StridedCell(outputs);
            for (int e = Group.IdxX; e < (inputs + 1) * outputs; e += Group.DimX)
            {
                floats[weight + SharedMlpPlaces.ParameterAt(cell.Row, cell.Column, inputs, outputs)] = parameters[parameter + e];
                cell = cell.Next();
            }

            weight += 4 * SharedMlpPlaces.WeightQuads(inputs, outputs);
            parameter += (inputs + 1) * outputs;
        }
    }

    /// <summary>Writes the parameters less <paramref name="origin"/>.</summary>
    private static void Store(MlpShape shape, ArrayView<float> floats, ArrayView<float> origin, ArrayView<float> update)
    {
        int weight = 0;
        int parameter = 0;
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            int inputs = shape.Width(layer);
            int outputs = shape.Width(layer + 1);
            var cell = new StridedCell(outputs);
            for (int e = Group.IdxX; e < (inputs + 1) * outputs; e += Group.DimX)
            {
                update[parameter + e] = floats[weight + SharedMlpPlaces.ParameterAt(cell.Row, cell.Column, inputs, outputs)] - origin[parameter + e];
                cell = cell.Next();
            }

            weight += 4 * SharedMlpPlaces.WeightQuads(inputs, outputs);
            parameter += (inputs + 1) * outputs;
        }
    }

    /// <summary>Fetches the batch's features; two quads are on their way at once, and one past the last is the last once more.</summary>
    private static void StageQuads(ArrayView<Float4> features, ArrayView<int> rows, ArrayView<Float4> memory, int input, int quads)
    {
        int pitch = SharedMlpPlaces.Pitch(4 * quads);
        int last = ((int)rows.Length * quads) - 1;
        for (int e = Group.IdxX; e <= last; e += 2 * Group.DimX)
        {
            int other = IntrinsicMath.Min(e + Group.DimX, last);
            int row = e / quads;
            int otherRow = other / quads;
            int column = e - (row * quads);
            int otherColumn = other - (otherRow * quads);
            Float4 value = features[((long)rows[row] * quads) + column];
            Float4 otherValue = features[((long)rows[otherRow] * quads) + otherColumn];
            memory[input + (row * pitch) + column] = value;
            memory[input + (otherRow * pitch) + otherColumn] = otherValue;
        }
    }

    private static void Stage(ArrayView<float> features, ArrayView<int> rows, ArrayView<float> floats, int input, int inputs)
    {
        int pitch = 4 * SharedMlpPlaces.Pitch(inputs);
        var cell = new StridedCell(inputs);
        for (int e = Group.IdxX; e < rows.Length * inputs; e += Group.DimX)
        {
            floats[input + (cell.Row * pitch) + cell.Column] = features[((long)rows[cell.Row] * inputs) + cell.Column];
            cell = cell.Next();
        }
    }

    /// <summary>A thread owns four samples' outputs, a quarter of the batch apart, in four columns; or one sample's where that leaves fewer threads idle.</summary>
    private static void Forward(MlpShape shape, SharedMlpPlaces places, ArrayView<Float4> memory, int count)
    {
        int weight = 0;
        int input = places.Input;
        int output = places.Activations;
        int tilesDown = (count + 3) / 4;
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            int depth = SharedMlpPlaces.Quads(shape.Width(layer));
            int inputPitch = SharedMlpPlaces.Pitch(shape.Width(layer));
            int across = SharedMlpPlaces.Quads(shape.Width(layer + 1));
            int pitch = SharedMlpPlaces.Pitch(shape.Width(layer + 1));
            int bias = weight + (4 * depth * pitch);
            bool rectify = layer < shape.Layers - 1;
            if (2 * tilesDown * across >= Group.DimX)
            {
                for (int tile = Group.IdxX; tile < tilesDown * across; tile += Group.DimX)
                {
                    int b = tile / across;
                    int j = tile - (b * across);
                    int x = input + (b * inputPitch);
                    int step = tilesDown * inputPitch;
                    int w = weight + j;
                    Float4 sum0 = memory[bias + j];
                    Float4 sum1 = sum0, sum2 = sum0, sum3 = sum0;
                    for (int k = 0; k < depth; k++)
                    {
                        Float4 w0 = memory[w];
                        Float4 w1 = memory[w + pitch];
                        Float4 w2 = memory[w + (2 * pitch)];
                        Float4 w3 = memory[w + (3 * pitch)];
                        sum0 = sum0.PlusProduct(memory[x + k], w0, w1, w2, w3);
                        sum1 = sum1.PlusProduct(memory[x + step + k], w0, w1, w2, w3);
                        sum2 = sum2.PlusProduct(memory[x + (2 * step) + k], w0, w1, w2, w3);
                        sum3 = sum3.PlusProduct(memory[x + (3 * step) + k], w0, w1, w2, w3);
                        w += 4 * pitch;
                    }

                    int at = output + (b * pitch) + j;
                    step = tilesDown * pitch;
                    memory[at] = Rectified(sum0, rectify);
                    memory[at + step] = Rectified(sum1, rectify);
                    memory[at + (2 * step)] = Rectified(sum2, rectify);
                    memory[at + (3 * step)] = Rectified(sum3, rectify);
                }
            }
            else
            {
                for (int tile = Group.IdxX; tile < count * across; tile += Group.DimX)
                {
                    int b = tile / across;
                    int j = tile - (b * across);
                    int x = input + (b * inputPitch);
                    int w = weight + j;
                    Float4 sum = memory[bias + j];
                    for (int k = 0; k < depth; k++)
                    {
                        sum = sum.PlusProduct(memory[x + k], memory[w], memory[w + pitch], memory[w + (2 * pitch)], memory[w + (3 * pitch)]);
                        w += 4 * pitch;
                    }

                    memory[output + (b * pitch) + j] = Rectified(sum, rectify);
                }
            }

            GroupBarrier.Wait();
            weight = bias + pitch;
            input = output;
            output += places.Rows * pitch;
        }
    }

    private static Float4 Rectified(Float4 x, bool rectify) =>
        rectify ? new(GroupModel.Rectified(x.X), GroupModel.Rectified(x.Y), GroupModel.Rectified(x.Z), GroupModel.Rectified(x.W)) : x;

    /// <summary>
    /// The gradients of the hidden layers' outputs, from the last to the first. A thread owns four samples and four outputs, each a quarter of
    /// them apart: neighbouring threads read neighbouring rows of the weights.
    /// </summary>
    private static void Backward(MlpShape shape, SharedMlpPlaces places, ArrayView<Float4> memory, int count)
    {
        ArrayView<float> floats = memory.Cast<float>();
        int weight = places.Input;
        int activation = places.Logits;
        int gradient = places.Logits;
        int below = places.Labels;
        int tilesDown = (count + 3) / 4;
        for (int layer = shape.Layers - 1; layer > 0; layer--)
        {
            int across = SharedMlpPlaces.Quads(shape.Width(layer));
            int belowPitch = SharedMlpPlaces.Pitch(shape.Width(layer));
            int depth = SharedMlpPlaces.Quads(shape.Width(layer + 1));
            int pitch = SharedMlpPlaces.Pitch(shape.Width(layer + 1));
            weight -= SharedMlpPlaces.WeightQuads(shape.Width(layer), shape.Width(layer + 1));
            activation -= places.Rows * belowPitch;
            below -= places.Rows * belowPitch;
            for (int tile = Group.IdxX; tile < tilesDown * across; tile += Group.DimX)
            {
                int b = tile / across;
                int i = tile - (b * across);
                int g = gradient + (b * pitch);
                int step = tilesDown * pitch;
                int w = weight + (i * pitch);
                int wStep = across * pitch;
                var sum0 = new Float4(0, 0, 0, 0);
                Float4 sum1 = sum0, sum2 = sum0, sum3 = sum0;
                for (int k = 0; k < depth; k++)
                {
                    Float4 w0 = memory[w + k];
                    Float4 w1 = memory[w + wStep + k];
                    Float4 w2 = memory[w + (2 * wStep) + k];
                    Float4 w3 = memory[w + (3 * wStep) + k];
                    sum0 = sum0.PlusDots(memory[g + k], w0, w1, w2, w3);
                    sum1 = sum1.PlusDots(memory[g + step + k], w0, w1, w2, w3);
                    sum2 = sum2.PlusDots(memory[g + (2 * step) + k], w0, w1, w2, w3);
                    sum3 = sum3.PlusDots(memory[g + (3 * step) + k], w0, w1, w2, w3);
                }

                int at = (4 * b * belowPitch) + i;
                int rowStep = 4 * tilesDown * belowPitch;
                StoreWherePositive(floats, 4 * activation, 4 * below, at, across, sum0);
                StoreWherePositive(floats, 4 * activation, 4 * below, at + rowStep, across, sum1);
                StoreWherePositive(floats, 4 * activation, 4 * below, at + (2 * rowStep), across, sum2);
                StoreWherePositive(floats, 4 * activation, 4 * below, at + (3 * rowStep), across, sum3);
            }

            GroupBarrier.Wait();
            gradient = below;
        }
    }

    private static void StoreWherePositive(ArrayView<float> floats, int activation, int gradient, int at, int step, Float4 sum)
    {
        floats[gradient + at] = floats[activation + at] > 0 ? sum.X : 0;
        floats[gradient + at + step] = floats[activation + at + step] > 0 ? sum.Y : 0;
        floats[gradient + at + (2 * step)] = floats[activation + at + (2 * step)] > 0 ? sum.Z : 0;
        floats[gradient + at + (3 * step)] = floats[activation + at + (3 * step)] > 0 ? sum.W : 0;
    }

    /// <summary>
    /// Adds the gradients, which carry the step already, to the weights. A thread owns 4 x 4 weights of a layer or four of its biases; where a
    /// layer's tiles end the next layer's begin, without a barrier.
    /// </summary>
    private static void Step(MlpShape shape, SharedMlpPlaces places, ArrayView<Float4> memory, int count)
    {
        int weight = 0;
        int input = places.Input;
        int output = places.Activations;
        int gradient = places.Gradients;
        int next = Group.IdxX;
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            int down = SharedMlpPlaces.Quads(shape.Width(layer));
            int inputPitch = SharedMlpPlaces.Pitch(shape.Width(layer));
            int across = SharedMlpPlaces.Quads(shape.Width(layer + 1));
            int pitch = SharedMlpPlaces.Pitch(shape.Width(layer + 1));
            int of = layer == shape.Layers - 1 ? places.Logits : gradient;
            int tiles = (down + 1) * across;
            while (next < tiles)
            {
                int i = next / across;
                int j = next - (i * across);
                int w = weight + (4 * i * pitch) + j;
                int g = of + j;
                var sum0 = new Float4(0, 0, 0, 0);
                if (i == down)
                {
                    for (int b = 0; b < count; b++)
                    {
                        sum0 += memory[g];
                        g += pitch;
                    }

                    memory[w] += sum0;
                }
                else
                {
                    Float4 sum1 = sum0, sum2 = sum0, sum3 = sum0;
                    int x = input + i;
                    for (int b = 0; b < count; b++)
                    {
                        Float4 value = memory[x];
                        Float4 slope = memory[g];
                        sum0 = sum0.Plus(value.X, slope);
                        sum1 = sum1.Plus(value.Y, slope);
                        sum2 = sum2.Plus(value.Z, slope);
                        sum3 = sum3.Plus(value.W, slope);
                        x += inputPitch;
                        g += pitch;
                    }

                    memory[w] += sum0;
                    memory[w + pitch] += sum1;
                    memory[w + (2 * pitch)] += sum2;
                    memory[w + (3 * pitch)] += sum3;
                }

                next += Group.DimX;
            }

            next -= tiles;
            weight += ((4 * down) + 1) * pitch;
            input = output;
            output += places.Rows * pitch;
            gradient += places.Rows * pitch;
        }

        GroupBarrier.Wait();
    }
}

/// <summary>
/// Where a model and a batch lie in shared memory, in quads: the weights of all layers, the batch's features, the activations of the hidden
/// layers, the logits, the gradients of the hidden layers, labels and losses. Rows beyond a width's last and columns beyond it are zero.
/// </summary>
internal readonly struct SharedMlpPlaces
{
    /// <summary>Rows of a batch: a multiple of four.</summary>
    public readonly int Rows;

    public readonly int Input;
    public readonly int Activations;
    public readonly int Logits;
    public readonly int Gradients;
    public readonly int Labels;
    public readonly int Losses;
    public readonly int Length;

    public SharedMlpPlaces(MlpShape shape, int batch)
    {
        Rows = 4 * Quads(batch);
        int weights = 0;
        int hidden = 0;
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            weights += WeightQuads(shape.Width(layer), shape.Width(layer + 1));
            hidden += layer == 0 ? 0 : Rows * Pitch(shape.Width(layer));
        }

        Input = weights;
        Activations = Input + (Rows * Pitch(shape.W0));
        Logits = Activations + hidden;
        Gradients = Logits + (Rows * Pitch(shape.Width(shape.Layers)));
        Labels = Gradients + hidden;
        Losses = Labels + Quads(batch);
        Length = Losses + Quads(batch);
    }

    /// <summary>Quads that a row of <paramref name="width"/> fills.</summary>
    public static int Quads(int width) => (width + 3) / 4;

    /// <summary>Quads from one row to the next: odd.</summary>
    public static int Pitch(int width) => Quads(width) | 1;

    /// <summary>Quads of a layer's weights: its inputs rounded up to a multiple of four rows, then the biases.</summary>
    public static int WeightQuads(int inputs, int outputs) => ((4 * Quads(inputs)) + 1) * Pitch(outputs);

    /// <summary>The float at which a parameter lies from the start of its layer's; row <paramref name="inputs"/> are the biases.</summary>
    public static int ParameterAt(int row, int column, int inputs, int outputs) =>
        4 * (row == inputs ? 4 * Quads(inputs) : row) * Pitch(outputs) + column;

    /// <summary>Quads that a model and a batch take, for any sizes.</summary>
    public static long QuadsFor(MlpShape shape, int batch)
    {
        // Widths so large that the places overflow: nothing of them fits.
        const int MostWidth = 1 << 12;
        for (int i = 0; i <= shape.Layers; i++)
        {
            if (shape.Width(i) > MostWidth || batch > MostWidth)
            {
                return long.MaxValue;
            }
        }

        return new SharedMlpPlaces(shape, batch).Length;
    }
}

/// <summary>Row and column of the elements that a thread of a group visits in a matrix of some width, without a division each.</summary>
internal readonly struct StridedCell
{
    public readonly int Row;
    public readonly int Column;

    private readonly int _width;
    private readonly int _down;
    private readonly int _right;

    public StridedCell(int width) : this(Group.IdxX / width, Group.IdxX % width, width, Group.DimX / width, Group.DimX % width)
    {
    }

    private StridedCell(int row, int column, int width, int down, int right) =>
        (Row, Column, _width, _down, _right) = (row, column, width, down, right);

    /// <summary>The thread's next element.</summary>
    public StridedCell Next()
    {
        int column = Column + _right;
        int over = column < _width ? 0 : 1;
        return new(Row + _down + over, column - (over * _width), _width, _down, _right);
    }
}
