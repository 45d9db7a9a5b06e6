// What the threads of a group do together in the kernels of several models: logits become gradients and losses.
namespace FlGpu.Kernels;

internal static class GroupModel
{
    /// <summary>x or zero, whichever is larger. A maximum would be zero for NaN on a device, and hide that a model has diverged.</summary>
    public static float Rectified(float x) => x < 0f ? 0f : x;

    /// <summary>
    /// Turns logits, <paramref name="pitch"/> elements from one sample to the next, into the gradients of their samples' losses times
    /// <paramref name="scale"/>, and writes the losses. A thread owns a sample.
    /// </summary>
    public static void SoftmaxGradient(
        ArrayView<float> logits, int pitch, int classes, ArrayView<int> labels, ArrayView<float> losses, int count, float scale)
    {
        for (int b = Group.IdxX; b < count; b += Group.DimX)
        {
            long at = (long)b * pitch;
            int label = labels[b];
            float top = logits[at];
            for (int j = 1; j < classes; j++)
            {
                top = MathF.Max(top, logits[at + j]);
            }

            float ofLabel = logits[at + label] - top;
            float total = 0;
            for (int j = 0; j < classes; j++)
            {
                float exponential = MathF.Exp(logits[at + j] - top);
                logits[at + j] = exponential;
                total += exponential;
            }

            for (int j = 0; j < classes; j++)
            {
                logits[at + j] = scale * ((logits[at + j] / total) - (j == label ? 1f : 0f));
            }

            losses[b] = MathF.Log(total) - ofLabel;
        }

        GroupBarrier.Wait();
    }

    /// <summary>The mean of a batch's losses, added in order.</summary>
    public static float MeanLoss(ArrayView<float> losses, int count)
    {
        float sum = 0;
        for (int b = 0; b < count; b++)
        {
            sum += losses[b];
        }

        return sum / count;
    }
}
