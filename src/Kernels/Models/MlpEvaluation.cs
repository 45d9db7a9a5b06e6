// Testing multilayer perceptrons: many samples at once through tiles in shared memory, for their answers or their logits.
namespace FlGpu.Kernels;

/// <summary>A group takes 32 samples through a model's layers at a time.</summary>
internal static class MlpEvaluation
{
    private const int Samples = 32;

    /// <summary>Classifies all samples with all models.</summary>
    public static void Evaluate(Mlp model, in Evaluate evaluate, GpuBackend gpu)
    {
        long tests = (long)evaluate.Features.Rows * evaluate.Models;
        int groups = TiledMlp.Groups(gpu, (long)Tiles(evaluate.Features.Rows) * evaluate.Models);
        long activations = (long)Samples * model.Shape.ActivationWidth * groups;
        ArrayView<float> scratch = gpu.Scratch(activations + (2 * tests));
        ArrayView<float> perTest = scratch.SubView(activations, 2 * tests);
        gpu.Runtime.Launch(
            ClassifyKernel, gpu.GroupEach(groups, TiledMlp.GroupSize), model.Shape, GpuBackend.View(evaluate.Parameters),
            GpuBackend.View(evaluate.Features), GpuBackend.View(evaluate.Labels), scratch.SubView(0, activations), perTest);
        evaluate.Average(gpu, perTest);
    }

    /// <summary>Outputs for the listed samples.</summary>
    public static void Logits(Mlp model, in Logits logits, GpuBackend gpu)
    {
        int groups = TiledMlp.Groups(gpu, Tiles(logits.Outputs.Rows));
        gpu.Runtime.Launch(
            LogitsKernel, gpu.GroupEach(groups, TiledMlp.GroupSize), model.Shape, GpuBackend.View(logits.Parameters),
            GpuBackend.View(logits.Features), GpuBackend.View(logits.Rows), gpu.Scratch((long)Samples * model.Shape.ActivationWidth * groups),
            GpuBackend.View(logits.Outputs));
    }

    private static int Tiles(int samples) => (samples + Samples - 1) / Samples;

    /// <summary>A group owns 32 samples for a model, and each of its threads whole samples when it compares the logits.</summary>
    private static void ClassifyKernel(
        MlpShape shape, ArrayView<float> parameters, ArrayView<float> features, ArrayView<int> labels, ArrayView<float> scratch, ArrayView<float> perTest)
    {
        var slabs = new Slabs(SharedMemory.Allocate<Float4>(TiledMlp.SlabQuads), SharedMemory.Allocate<Float4>(TiledMlp.SlabQuads));
        int width = shape.ActivationWidth;
        int classes = shape.Width(shape.Layers);
        ArrayView<float> activations = scratch.SubView((long)Grid.IdxX * Samples * width, (long)Samples * width);
        ArrayView<float> logits = activations.SubView((long)Samples * (width - classes), (long)Samples * classes);
        long models = perTest.Length / 2 / labels.Length;
        long modelLength = parameters.Length / models;
        long tiles = (labels.Length + Samples - 1) / Samples;
        for (long t = Grid.IdxX; t < tiles * models; t += Grid.DimX)
        {
            long model = t / tiles;
            long first = (t - (model * tiles)) * Samples;
            int count = (int)Math.Min(Samples, labels.Length - first);
            var samples = new StoredRows(features.SubView(first * shape.W0, (long)count * shape.W0), shape.W0);
            TiledMlp.Forward(shape, parameters.SubView(model * modelLength, modelLength), samples, activations, Samples, count, slabs);
            for (int b = Group.IdxX; b < count; b += Group.DimX)
            {
                long test = (model * labels.Length) + first + b;
                Classify(logits.SubView((long)b * classes, classes), labels[first + b], perTest.SubView(2 * test, 2));
            }

            GroupBarrier.Wait();
        }
    }

    /// <summary>Whether the first of the largest logits is the label's, 1 or 0, and the cross-entropy.</summary>
    private static void Classify(ArrayView<float> logits, int label, ArrayView<float> test)
    {
        float top = logits[0];
        int predicted = 0;
        for (int j = 1; j < logits.Length; j++)
        {
            float logit = logits[j];
            if (logit > top || (float.IsNaN(logit) && !float.IsNaN(top)))
            {
                top = logit;
                predicted = j;
            }
        }

        float total = 0;
        for (int j = 0; j < logits.Length; j++)
        {
            total += MathF.Exp(logits[j] - top);
        }

        test[0] = predicted == label ? 1f : 0f;
        test[1] = MathF.Log(total) - (logits[label] - top);
    }

    /// <summary>A group owns 32 of the listed samples.</summary>
    private static void LogitsKernel(
        MlpShape shape, ArrayView<float> parameters, ArrayView<float> features, ArrayView<int> rows, ArrayView<float> scratch, ArrayView<float> outputs)
    {
        var slabs = new Slabs(SharedMemory.Allocate<Float4>(TiledMlp.SlabQuads), SharedMemory.Allocate<Float4>(TiledMlp.SlabQuads));
        int width = shape.ActivationWidth;
        int classes = shape.Width(shape.Layers);
        ArrayView<float> activations = scratch.SubView((long)Grid.IdxX * Samples * width, (long)Samples * width);
        ArrayView<float> logits = activations.SubView((long)Samples * (width - classes), (long)Samples * classes);
        for (long first = (long)Grid.IdxX * Samples; first < rows.Length; first += (long)Grid.DimX * Samples)
        {
            int count = (int)Math.Min(Samples, rows.Length - first);
            TiledMlp.Forward(shape, parameters, new ListedRows(features, rows.SubView(first, count), shape.W0), activations, Samples, count, slabs);
            for (int e = Group.IdxX; e < count * classes; e += Group.DimX)
            {
                outputs[(first * classes) + e] = logits[e];
            }

            GroupBarrier.Wait();
        }
    }
}
