// What a backdoor puts into a sample.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>The kinds of backdoor.</summary>
public enum TriggerKind
{
    /// <summary>A few features get one value: a patch of pixels in the corner (Gu et al., BadNets, 2017).</summary>
    Pixel,

    /// <summary>A random pattern is blended into all features (Chen et al., 2017).</summary>
    Blended,

    /// <summary>The patch in four parts, of which each malicious client knows one; the aim has them all (Xie et al., DBA, ICLR 2020).</summary>
    Distributed,

    /// <summary>No trigger: the samples farthest from the mean of their class (Wang et al., Attack of the Tails, NeurIPS 2020).</summary>
    Edge,
}

/// <summary>Puts a trigger into features.</summary>
/// <param name="Kind">Which trigger.</param>
/// <param name="Size">Features of the patch.</param>
/// <param name="Value">What they are set to.</param>
/// <param name="Blend">Share of the pattern in a blended sample.</param>
internal sealed record Trigger(TriggerKind Kind, int Size, float Value, double Blend)
{
    /// <summary>Parts of a distributed trigger.</summary>
    public const int Parts = 4;

    private const ulong PatternSeed = 0xB1E4D;

    /// <summary>Changes one sample; with a part only that part of a distributed trigger.</summary>
    public void Apply(Span<float> features, int? part = null)
    {
        if (Kind == TriggerKind.Blended)
        {
            RngStream stream = RngKey.FromSeed(PatternSeed).Stream();
            foreach (ref float feature in features)
            {
                feature = (float)(((1 - Blend) * feature) + (Blend * Value * stream.NextDouble()));
            }
        }
        else if (Kind != TriggerKind.Edge)
        {
            int[] patch = Patch(features.Length);
            for (int i = 0; i < patch.Length; i++)
            {
                if (Kind == TriggerKind.Pixel || part is null || i % Parts == part)
                {
                    features[patch[i]] = Value;
                }
            }
        }
    }

    /// <summary>A square in the last corner of a square image, else the last features.</summary>
    private int[] Patch(int inputs)
    {
        int count = Math.Min(Size, inputs);
        int width = (int)Math.Round(Math.Sqrt(inputs));
        int side = (int)Math.Ceiling(Math.Sqrt(count));
        return width * width == inputs
            ? [.. Enumerable.Range(0, count).Select(i => inputs - 1 - ((i / side) * width) - (i % side))]
            : [.. Enumerable.Range(0, count).Select(i => inputs - 1 - i)];
    }
}
