// Which cases of a sweep run in launches that they share.
namespace FlGpu.Harness.Sweeping;

/// <summary>Puts cases that differ in nothing but their seeds next to each other.</summary>
internal static class SeedGroups
{
    /// <summary>All cases, in groups of at most <paramref name="seedsAtOnce"/>; a case that cannot share launches is a group of its own.</summary>
    public static IReadOnlyList<IReadOnlyList<SweepCase>> Of(IReadOnlyList<SweepCase> cases, int seedsAtOnce) =>
        seedsAtOnce == 1 ? [.. cases.Select(alone => new[] { alone })] : [.. cases.GroupBy(KeyOf).SelectMany(group => group.Chunk(seedsAtOnce))];

    // The id that the case would have with another seed.
    private static string KeyOf(SweepCase sweepCase) => sweepCase is TrainingCase { Impossible: null } training
        ? new TrainingCase(training.Backend, training.Data, training.Partition, training.Experiment with { Seed = 0 }).RunId
        : $"alone {sweepCase.RunId}";
}
