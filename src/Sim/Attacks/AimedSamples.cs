// The test samples on which a targeted attack is measured.
namespace FlGpu.Sim;

/// <summary>Copies of test samples with the label that the attack wants them to get.</summary>
internal static class AimedSamples
{
    /// <summary>The samples whose true label is one of those asked for, labelled <paramref name="target"/>.</summary>
    public static Samples Of(Samples test, Func<int, bool> wanted, int target) =>
        Rows(test, [.. Enumerable.Range(0, test.Count).Where(row => wanted(test.Labels[row]))], target);

    /// <summary>The samples of the rows given, labelled <paramref name="target"/>.</summary>
    public static Samples Rows(Samples test, IReadOnlyList<int> rows, int target)
    {
        float[] features = new float[rows.Count * test.Inputs];
        int[] labels = new int[rows.Count];
        for (int i = 0; i < rows.Count; i++)
        {
            test.Features.AsSpan(rows[i] * test.Inputs, test.Inputs).CopyTo(features.AsSpan(i * test.Inputs));
            labels[i] = target;
        }

        return test with { Features = features, Labels = labels };
    }
}
