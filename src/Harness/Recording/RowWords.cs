// The fixed words of the CSV columns; a file holds them in snake case.
namespace FlGpu.Harness.Recording;

/// <summary>What a row is about.</summary>
public enum RowKind
{
    /// <summary>One operation on a matrix.</summary>
    Operation,

    /// <summary>One aggregation by a defense.</summary>
    Defense,

    /// <summary>One federated round: training, attack and aggregation.</summary>
    Round,

    /// <summary>The accuracy that training reached. In summaries only.</summary>
    Accuracy,
}

/// <summary>What a time includes.</summary>
public enum TimingScope
{
    /// <summary>The data was already on the device.</summary>
    Compute,

    /// <summary>With the copies to the device and back.</summary>
    EndToEnd,
}

/// <summary>Which call was timed.</summary>
public enum TimingPhase
{
    /// <summary>The first call, with the compilation and loading that are still to be done; never part of a statistic.</summary>
    First,

    /// <summary>A call after the warm-up.</summary>
    Sample,
}

/// <summary>How a configuration ended.</summary>
public enum RowStatus
{
    /// <summary>It ran.</summary>
    Ok,

    /// <summary>It was not tried: it cannot run here.</summary>
    Skipped,

    /// <summary>It took longer than it was given.</summary>
    Timeout,

    /// <summary>It ended with an error or with a wrong result.</summary>
    Failed,
}
