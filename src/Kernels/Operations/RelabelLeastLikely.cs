// labels[rows[i]] = the class other than classes[i] with the least of the outputs: a label flip that follows the model.
namespace FlGpu.Kernels;

/// <summary>
/// Gives the samples listed in <paramref name="Rows"/> (m, all different) new <paramref name="Labels"/> (N): each the class, other than its
/// element of <paramref name="Classes"/> (m), whose element in its row of <paramref name="Outputs"/> (m x classes, two or more) is the least, the
/// first of equal ones. An output that is NaN is never less than another.
/// </summary>
[About("gives samples the class that a model finds least likely")]
public readonly record struct RelabelLeastLikely(Matrix Outputs, Buffer<int> Rows, Buffer<int> Classes, Buffer<int> Labels) : IOperation
{
    /// <inheritdoc/>
    public Work Cost => new(Outputs.Length, Outputs.Bytes + (2 * Rows.Length * sizeof(int)), Rows.Length * sizeof(int));

    /// <inheritdoc/>
    public static Prepared Prepare(Backend backend, int clients, int parameters, RngKey key)
    {
        int classes = checked(parameters + 1);
        Matrix outputs = TestData.Normal(backend, clients, classes, key.Fold(0));
        Buffer<int> rows = backend.Upload<int>([.. Enumerable.Range(0, clients).Select(i => (2 * (clients - 1 - i)) + (i % 2))]);
        Buffer<int> known = TestData.Labels(backend, clients, classes, key.Fold(1));
        Buffer<int> labels = TestData.Labels(backend, 2 * clients, classes, key.Fold(2));
        var operation = new RelabelLeastLikely(outputs, rows, known, labels);
        return new(() => backend.Run(operation), Output: null, operation.Cost, parameters, Magnitude: 1, Restore: null, [outputs, rows, known, labels])
        {
            IntegerOutput = labels,
        };
    }

    /// <inheritdoc/>
    public void Reference()
    {
        for (int i = 0; i < Outputs.Rows; i++)
        {
            int known = ((HostBuffer<int>)Classes)[i];
            int least = known == 0 ? 1 : 0;
            for (int c = 0; c < Outputs.Columns; c++)
            {
                least = c != known && Outputs[i, c] < Outputs[i, least] ? c : least;
            }

            ((HostBuffer<int>)Labels)[((HostBuffer<int>)Rows)[i]] = least;
        }
    }

    /// <inheritdoc/>
    public unsafe void Simd(SimdBackend simd) =>
        simd.ForEachTile(
            (Outputs.Rows + Samples.PerTile - 1) / Samples.PerTile, Outputs.Length,
            new Samples(
                Outputs.Host, Outputs.Rows, Outputs.Columns, ((HostBuffer<int>)Rows).Pointer, ((HostBuffer<int>)Classes).Pointer,
                ((HostBuffer<int>)Labels).Pointer));

    /// <inheritdoc/>
    public void Gpu(GpuBackend gpu) =>
        gpu.Runtime.Launch(
            Kernel, gpu.ThreadEach(Rows.Length), GpuBackend.View(Outputs), GpuBackend.View(Rows), GpuBackend.View(Classes), GpuBackend.View(Labels));

    /// <summary>A thread owns a sample.</summary>
    private static void Kernel(ArrayView<float> outputs, ArrayView<int> rows, ArrayView<int> classes, ArrayView<int> labels)
    {
        long columns = outputs.Length / rows.Length;
        for (long i = ((long)Grid.IdxX * Group.DimX) + Group.IdxX; i < rows.Length; i += (long)Grid.DimX * Group.DimX)
        {
            int known = classes[i];
            int least = known == 0 ? 1 : 0;
            float lowest = outputs[(i * columns) + least];
            for (int c = least + 1; c < columns; c++)
            {
                float output = outputs[(i * columns) + c];
                if (c != known && output < lowest)
                {
                    least = c;
                    lowest = output;
                }
            }

            labels[rows[i]] = least;
        }
    }

    /// <summary>A tile is some samples.</summary>
    private readonly unsafe struct Samples(float* outputs, int count, int columns, int* rows, int* classes, int* labels) : ITiles
    {
        public const int PerTile = 1024;

        public void Run(int tile, byte* scratch)
        {
            for (int i = tile * PerTile; i < Math.Min(count, (tile + 1) * PerTile); i++)
            {
                float* ofSample = outputs + ((long)i * columns);
                int least = classes[i] == 0 ? 1 : 0;
                for (int c = least + 1; c < columns; c++)
                {
                    least = c != classes[i] && ofSample[c] < ofSample[least] ? c : least;
                }

                labels[rows[i]] = least;
            }
        }
    }
}
