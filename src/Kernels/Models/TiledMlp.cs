// A multilayer perceptron's passes where it does not fit in shared memory: products of matrices in device memory, tile by tile through shared memory.
namespace FlGpu.Kernels;

/// <summary>
/// A thread owns 4 x 4 elements of a product and adds the products of 32 rows or columns after each other from two slabs in shared memory, where what
/// it reads is one quad. Each sum is in the order of the depth, so any group size gives the same bits. Activations of layer l of sample b start at
/// batch * (the widths of the layers before) + b * width.
/// </summary>
internal static class TiledMlp
{
    /// <summary>Threads a group on a GPU: all the tiles of 32 samples and 128 outputs.</summary>
    public const int GroupSize = 256;

    /// <summary>Quads of each of the two slabs.</summary>
    public const int SlabQuads = SlabDepth * (MostSide + 1);

    private const int SlabDepth = 32;
    private const int MostSide = 32;

    // A group's scratch memory and its client's weights should stay in the caches: so few groups that they fill the device.
    private const int GroupsPerMultiprocessor = 4;

    /// <summary>How many of <paramref name="items"/> have a group of their own; the groups stride over the rest.</summary>
    public static int Groups(GpuBackend gpu, long items) => gpu.GroupsFor(Math.Min(items, (long)GroupsPerMultiprocessor * gpu.Threads));

    /// <summary>All layers for <paramref name="count"/> samples.</summary>
    public static void Forward<TSamples>(
        MlpShape shape, ArrayView<float> weights, TSamples samples, ArrayView<float> activations, int batch, int count, Slabs slabs)
        where TSamples : struct, ITiledMatrix
    {
        long weight = 0;
        long input = 0;
        long output = 0;
        for (int layer = 0; layer < shape.Layers; layer++)
        {
            int inputs = shape.Width(layer);
            int outputs = shape.Width(layer + 1);
            long bias = weight + ((long)inputs * outputs);
            var right = new StoredRows(weights.SubView(weight, bias - weight), outputs);
            var sums = new ForwardSums(activations.SubView(output, (long)count * outputs), outputs, weights.SubView(bias, outputs), layer < shape.Layers - 1);
            if (layer == 0)
            {
                Multiply(samples, depthInColumns: true, right, otherDepthInColumns: false, sums, count, outputs, inputs, slabs);
            }
            else
            {
                var left = new StoredRows(activations.SubView(input, (long)count * inputs), inputs);
                Multiply(left, depthInColumns: true, right, otherDepthInColumns: false, sums, count, outputs, inputs, slabs);
            }

            weight = bias + outputs;
            input = output;
            output += (long)batch * outputs;
        }
    }

    /// <summary>
    /// Adds the gradients to the weights, from the last layer to the first. In the place of the logits are their gradients, which carry the step.
    /// </summary>
    public static void Step<TSamples>(
        MlpShape shape, ArrayView<float> weights, TSamples samples, ArrayView<float> activations, ArrayView<float> gradients, int batch, int count, Slabs slabs)
        where TSamples : struct, ITiledMatrix
    {
        long weight = weights.Length;
        long output = (long)batch * shape.ActivationWidth;
        for (int layer = shape.Layers - 1; layer >= 0; layer--)
        {
            int inputs = shape.Width(layer);
            int outputs = shape.Width(layer + 1);
            weight -= ((long)inputs + 1) * outputs;
            output -= (long)batch * outputs;
            ArrayView<float> slopes = (layer == shape.Layers - 1 ? activations : gradients).SubView(output, (long)count * outputs);
            ArrayView<float> matrix = weights.SubView(weight, (long)inputs * outputs);
            var right = new StoredRows(slopes, outputs);
            var sums = new AddedSums(matrix, outputs);
            if (layer == 0)
            {
                Multiply(samples, depthInColumns: false, right, otherDepthInColumns: false, sums, inputs, outputs, count, slabs);
            }
            else
            {
                long input = output - ((long)batch * inputs);
                ArrayView<float> below = activations.SubView(input, (long)count * inputs);
                Multiply(
                    right, depthInColumns: true, new StoredRows(matrix, outputs), otherDepthInColumns: true,
                    new MaskedSums(gradients.SubView(input, (long)count * inputs), inputs, below), count, inputs, outputs, slabs);
                Multiply(new StoredRows(below, inputs), depthInColumns: false, right, otherDepthInColumns: false, sums, inputs, outputs, count, slabs);
            }

            AddToBiases(weights.SubView(weight + ((long)inputs * outputs), outputs), slopes, count);
        }

        GroupBarrier.Wait();
    }

    private static void AddToBiases(ArrayView<float> biases, ArrayView<float> slopes, int count)
    {
        for (int j = Group.IdxX; j < biases.Length; j += Group.DimX)
        {
            float sum = 0;
            for (int b = 0; b < count; b++)
            {
                sum += slopes[(b * biases.Length) + j];
            }

            biases[j] += sum;
        }
    }

    /// <summary>
    /// Element (i, j) of the product is the sum over k of left(k, i) * right(k, j), where k counts rows of the matrix, or columns. The sums are
    /// stored when the group leaves.
    /// </summary>
    private static void Multiply<TLeft, TRight, TSums>(
        TLeft left, bool depthInColumns, TRight right, bool otherDepthInColumns, TSums sums, int rows, int columns, int depth, Slabs slabs)
        where TLeft : struct, ITiledMatrix
        where TRight : struct, ITiledMatrix
        where TSums : struct, ITiledSums
    {
        int acrossBits = SideBits(columns, Group.DimX);
        int downBits = SideBits(rows, Group.DimX >> acrossBits);
        int across = 1 << acrossBits;
        int down = 1 << downBits;
        int column = Group.IdxX & (across - 1);
        int row = Group.IdxX >> acrossBits;
        int leftPitch = down + 1;
        int rightPitch = across + 1;
        for (int firstRow = 0; firstRow < rows; firstRow += 4 * down)
        {
            for (int firstColumn = 0; firstColumn < columns; firstColumn += 4 * across)
            {
                bool needed = row < down && firstRow + row < rows && firstColumn + column < columns;
                var sum0 = new Float4(0, 0, 0, 0);
                Float4 sum1 = sum0, sum2 = sum0, sum3 = sum0;
                for (int first = 0; first < depth; first += SlabDepth)
                {
                    // Zeros fill up what the depth lacks to a multiple of eight.
                    int slab = IntrinsicMath.Min(SlabDepth, (depth - first + 7) & ~7);
                    Load(left, depthInColumns, slabs.Left.Cast<float>(), downBits, firstRow, rows, first, slab, depth);
                    Load(right, otherDepthInColumns, slabs.Right.Cast<float>(), acrossBits, firstColumn, columns, first, slab, depth);
                    GroupBarrier.Wait();
                    if (needed)
                    {
                        int l = row;
                        int r = column;
                        for (int k = 0; k < slab; k += 2)
                        {
                            Float4 a = slabs.Left[l];
                            Float4 b = slabs.Right[r];
                            Float4 nextA = slabs.Left[l + leftPitch];
                            Float4 nextB = slabs.Right[r + rightPitch];
                            sum0 = sum0.Plus(a.X, b).Plus(nextA.X, nextB);
                            sum1 = sum1.Plus(a.Y, b).Plus(nextA.Y, nextB);
                            sum2 = sum2.Plus(a.Z, b).Plus(nextA.Z, nextB);
                            sum3 = sum3.Plus(a.W, b).Plus(nextA.W, nextB);
                            l += 2 * leftPitch;
                            r += 2 * rightPitch;
                        }
                    }

                    GroupBarrier.Wait();
                }

                if (needed)
                {
                    int i = firstRow + row;
                    int j = firstColumn + column;
                    StoreRow(sums, i, j, across, rows, columns, sum0);
                    StoreRow(sums, i + down, j, across, rows, columns, sum1);
                    StoreRow(sums, i + (2 * down), j, across, rows, columns, sum2);
                    StoreRow(sums, i + (3 * down), j, across, rows, columns, sum3);
                }
            }
        }

        GroupBarrier.Wait();
    }

    /// <summary>How many times two threads stand side by side to own <paramref name="elements"/>, four each.</summary>
    private static int SideBits(int elements, int threads)
    {
        int bits = 0;
        while ((4 << bits) < elements && (1 << bits) < MostSide && (2 << bits) <= threads)
        {
            bits++;
        }

        return bits;
    }

    /// <summary>
    /// Fills a slab: at k's place the four elements of a thread, which are as far apart as there are threads, lie side by side. Four elements are
    /// on their way at once; one past the last is the last once more.
    /// </summary>
    private static void Load<TMatrix>(
        TMatrix matrix, bool depthInColumns, ArrayView<float> slab, int sideBits, int firstElement, int elements, int first, int slabDepth, int depth)
        where TMatrix : struct, ITiledMatrix
    {
        int last = (slabDepth << (sideBits + 2)) - 1;
        for (int e = Group.IdxX; e <= last; e += 4 * Group.DimX)
        {
            var place0 = new SlabPlace(e, depthInColumns, sideBits);
            var place1 = new SlabPlace(IntrinsicMath.Min(e + Group.DimX, last), depthInColumns, sideBits);
            var place2 = new SlabPlace(IntrinsicMath.Min(e + (2 * Group.DimX), last), depthInColumns, sideBits);
            var place3 = new SlabPlace(IntrinsicMath.Min(e + (3 * Group.DimX), last), depthInColumns, sideBits);
            float value0 = At(matrix, depthInColumns, place0, firstElement, elements, first, depth);
            float value1 = At(matrix, depthInColumns, place1, firstElement, elements, first, depth);
            float value2 = At(matrix, depthInColumns, place2, firstElement, elements, first, depth);
            float value3 = At(matrix, depthInColumns, place3, firstElement, elements, first, depth);
            slab[place0.At] = value0;
            slab[place1.At] = value1;
            slab[place2.At] = value2;
            slab[place3.At] = value3;
        }
    }

    private static float At<TMatrix>(
        TMatrix matrix, bool depthInColumns, SlabPlace place, int firstElement, int elements, int first, int depth) where TMatrix : struct, ITiledMatrix
    {
        int element = IntrinsicMath.Min(firstElement + place.Element, elements - 1);
        int k = IntrinsicMath.Min(first + place.Depth, depth - 1);
        float value = depthInColumns ? matrix.At(element, k) : matrix.At(k, element);
        return first + place.Depth < depth ? value : 0;
    }

    private static void StoreRow<TSums>(TSums sums, int i, int j, int step, int rows, int columns, Float4 sum) where TSums : struct, ITiledSums
    {
        if (i < rows)
        {
            sums.Store(i, j, sum.X);
            if (j + step < columns)
            {
                sums.Store(i, j + step, sum.Y);
            }

            if (j + (2 * step) < columns)
            {
                sums.Store(i, j + (2 * step), sum.Z);
            }

            if (j + (3 * step) < columns)
            {
                sums.Store(i, j + (3 * step), sum.W);
            }
        }
    }
}

/// <summary>A group's shared memory: what its threads multiply, the depth down and quads of elements across.</summary>
internal readonly struct Slabs(ArrayView<Float4> left, ArrayView<Float4> right)
{
    public readonly ArrayView<Float4> Left = left;
    public readonly ArrayView<Float4> Right = right;
}

/// <summary>
/// Which element of a slab a thread loads e-th, so that neighbours read neighbours of the matrix and write to different banks: along the elements
/// eight neighbours of each of a thread's four, along the depth eight neighbours of four elements.
/// </summary>
internal readonly struct SlabPlace
{
    public readonly int Depth;
    public readonly int Element;
    public readonly int At;

    public SlabPlace(int e, bool depthInColumns, int sideBits)
    {
        int width = 4 << sideBits;
        int position = depthInColumns ? (e >> 3) & (width - 1) : e & (width - 1);
        Depth = depthInColumns ? (e & 7) + (e >> (sideBits + 5) << 3) : e >> (sideBits + 2);
        Element = ((position & 3) << sideBits) + (position >> 2);
        At = (Depth * (width + 4)) + position;
    }
}

/// <summary>A factor of a product. The elements of a row lie side by side.</summary>
internal interface ITiledMatrix
{
    float At(int row, int column);
}

/// <summary>What becomes of the elements of a product.</summary>
internal interface ITiledSums
{
    void Store(int row, int column, float sum);
}

/// <summary>Rows one after another.</summary>
internal readonly struct StoredRows(ArrayView<float> elements, int width) : ITiledMatrix
{
    public float At(int row, int column) => elements[((long)row * width) + column];
}

/// <summary>Rows of a larger matrix in the order of a list.</summary>
internal readonly struct ListedRows(ArrayView<float> elements, ArrayView<int> rows, int width) : ITiledMatrix
{
    public float At(int row, int column) => elements[((long)rows[row] * width) + column];
}

/// <summary>A layer's outputs: with biases, and rectified but for the logits.</summary>
internal readonly struct ForwardSums(ArrayView<float> outputs, int width, ArrayView<float> biases, bool rectify) : ITiledSums
{
    public void Store(int row, int column, float sum)
    {
        float output = sum + biases[column];
        outputs[((long)row * width) + column] = rectify ? GroupModel.Rectified(output) : output;
    }
}

/// <summary>The gradients of a layer's inputs: zero where the activation is.</summary>
internal readonly struct MaskedSums(ArrayView<float> gradients, int width, ArrayView<float> activations) : ITiledSums
{
    public void Store(int row, int column, float sum)
    {
        long at = ((long)row * width) + column;
        gradients[at] = activations[at] > 0 ? sum : 0;
    }
}

/// <summary>What is added to weights.</summary>
internal readonly struct AddedSums(ArrayView<float> weights, int width) : ITiledSums
{
    public void Store(int row, int column, float sum) => weights[((long)row * width) + column] += sum;
}
