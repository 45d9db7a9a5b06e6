// The loss that every model ends with, as its definition: softmax cross-entropy in double precision.
namespace FlGpu.Kernels;

/// <summary>Cross-entropy of the softmax of some logits.</summary>
internal static class CrossEntropy
{
    /// <summary>The loss where <paramref name="label"/> is right.</summary>
    public static double Loss(double[] logits, int label)
    {
        double top = logits.Max();
        return Math.Log(logits.Sum(z => Math.Exp(z - top))) - (logits[label] - top);
    }

    /// <summary>Its derivative by each logit.</summary>
    public static double[] Gradient(double[] logits, int label)
    {
        double top = logits.Max();
        double total = logits.Sum(z => Math.Exp(z - top));
        return [.. logits.Select((z, j) => (Math.Exp(z - top) / total) - (j == label ? 1 : 0))];
    }
}
