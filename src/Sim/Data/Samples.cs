// Labelled samples in memory, as models train on them and are tested on them.
namespace FlGpu.Sim;

/// <summary>
/// Samples with labels. <paramref name="Features"/> is row-major, Count x <paramref name="Inputs"/>;
/// <paramref name="Labels"/> has Count values in [0, <paramref name="Classes"/>).
/// </summary>
public sealed record Samples(float[] Features, int[] Labels, int Inputs, int Classes)
{
    /// <summary>How many samples there are.</summary>
    public int Count => Labels.Length;
}
