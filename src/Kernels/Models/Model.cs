// What clients train, whatever its layers are: a function of one row of parameters, with a definition, vector code and kernels.
namespace FlGpu.Kernels;

/// <summary>
/// A classifier whose parameters are one row. The operations on models (training, evaluation, logits) leave their passes to it, so
/// that none of them knows which models there are.
/// </summary>
public abstract class Model
{
    /// <summary>As in CSVs: kind and sizes, mlp:32-64-10.</summary>
    public abstract string Name { get; }

    /// <summary>Features a sample.</summary>
    public abstract int Inputs { get; }

    /// <summary>Classes told apart.</summary>
    public abstract int Classes { get; }

    /// <summary>Number of parameters, d.</summary>
    public abstract int Parameters { get; }

    /// <summary>Floating-point operations to train on one sample: forward, weight gradients, and input gradients but for the first layer.</summary>
    public abstract long TrainingFlops { get; }

    /// <summary>Floating-point operations to classify one sample.</summary>
    public abstract long ForwardFlops { get; }

    /// <summary>Initial parameters as PyTorch draws them: weights and biases uniform in +-1 / sqrt(inputs of an output).</summary>
    public abstract float[] Initialise(RngKey key);

    /// <summary>The definition: the logits of the sample <paramref name="input"/>.</summary>
    internal abstract double[] Forward(double[] parameters, double[] input);

    /// <summary>The definition: adds the gradient of one sample's cross-entropy to <paramref name="gradient"/> and returns the loss.</summary>
    internal abstract double AddGradient(double[] parameters, double[] input, int label, double[] gradient);

    /// <summary>Vector code: runs <paramref name="train"/> with this model.</summary>
    internal abstract void Train(in TrainClients train, SimdBackend simd);

    /// <summary>Vector code: runs <paramref name="evaluate"/> with this model.</summary>
    internal abstract void Evaluate(in Evaluate evaluate, SimdBackend simd);

    /// <summary>Vector code: runs <paramref name="logits"/> with this model.</summary>
    internal abstract void Logits(in Logits logits, SimdBackend simd);

    /// <summary>Kernels: runs <paramref name="train"/> with this model.</summary>
    internal abstract void Train(in TrainClients train, GpuBackend gpu);

    /// <summary>Kernels: runs <paramref name="evaluate"/> with this model.</summary>
    internal abstract void Evaluate(in Evaluate evaluate, GpuBackend gpu);

    /// <summary>Kernels: runs <paramref name="logits"/> with this model.</summary>
    internal abstract void Logits(in Logits logits, GpuBackend gpu);
}

/// <summary>
/// A model's weights and one batch in one thread's memory, laid out for vector code. A struct, so that code over any model is
/// compiled for each.
/// </summary>
internal unsafe interface IBatchModel<TSelf> where TSelf : struct, IBatchModel<TSelf>
{
    /// <summary>Bytes that a model takes with a batch of <paramref name="batch"/> samples.</summary>
    static abstract nuint Bytes(Model model, int batch);

    /// <summary>Uses <paramref name="memory"/>, aligned to 64 bytes, of which it needs <see cref="Bytes"/>.</summary>
    static abstract TSelf In(Model model, int batch, byte* memory);

    /// <summary>Takes the parameters from their row.</summary>
    void Load(float* parameters);

    /// <summary>Writes the parameters less <paramref name="origin"/> to a row.</summary>
    void StoreRelative(float* origin, float* row);

    /// <summary>
    /// Makes sample <paramref name="sample"/> of the batch the one with these <paramref name="features"/>, which stay where they are, and this
    /// <paramref name="label"/>.
    /// </summary>
    void Take(int sample, float* features, int label);

    /// <summary>Computes all layers for the first <paramref name="samples"/> of the batch.</summary>
    void Forward(int samples);

    /// <summary>After <see cref="Forward"/>: the logits, samples x classes.</summary>
    void CopyLogits(int samples, float* target);

    /// <summary>After <see cref="Forward"/>: for how many samples the first of the largest logits is the label's; NaN counts as the largest.</summary>
    int RightAnswers(int samples);

    /// <summary>
    /// Turns the logits into the gradient of the mean cross-entropy times <paramref name="step"/> and returns the loss.
    /// </summary>
    /// <param name="samples">Samples that <see cref="Forward"/> has run for.</param>
    /// <param name="step">What the gradient is multiplied with: minus the learning rate.</param>
    /// <param name="wantLoss">Whether to compute the loss at all; otherwise 0 is returned.</param>
    double SoftmaxGradient(int samples, float step, bool wantLoss);

    /// <summary>Adds the gradients, which carry the step already, to the weights.</summary>
    void Step(int samples);
}
