// A line of timings.csv.
namespace FlGpu.Harness.Recording;

/// <summary>One timed call, or one configuration that could not be timed. A text that does not apply is empty.</summary>
/// <param name="RunId">In a sweep the case: the same for all its rows, here and in accuracy.csv, and on every machine. Elsewhere the run of the program.</param>
/// <param name="Kind">What was timed: operation, defense or round.</param>
/// <param name="Name">The operation, or the defense with its parameters.</param>
/// <param name="Attack">The attack with its parameters.</param>
/// <param name="Backend">The backend: reference, simd, cpu, cuda:0, opencl:0.</param>
/// <param name="Device">The hardware behind the backend.</param>
/// <param name="Threads">CPU threads; on a GPU its multiprocessors.</param>
/// <param name="Clients">n: rows of the matrix of updates.</param>
/// <param name="Malicious">f: how many of the clients attack.</param>
/// <param name="Parameters">d: columns of the matrix of updates.</param>
/// <param name="Scope">compute: data resident; end_to_end: with copies.</param>
/// <param name="Phase">first: with the compilation and loading that are still to be done; sample: after the warm-up.</param>
/// <param name="Sample">Number of the call within its phase, from 0.</param>
/// <param name="WallMs">Milliseconds of wall time, launch and synchronisation included.</param>
/// <param name="GpuMs">Milliseconds between two markers on the device.</param>
/// <param name="Flops">Arithmetic operations of one call.</param>
/// <param name="CompareExchanges">How many of them are comparisons that sort or select.</param>
/// <param name="BytesRead">Bytes that one call must read at least once.</param>
/// <param name="BytesWritten">Bytes that one call must write.</param>
/// <param name="Status">ok, skipped, timeout or failed.</param>
/// <param name="Reason">Why the status is not ok, or a warning about an ok row.</param>
/// <param name="Dataset">The data set that was trained on; empty where nothing was trained and in files from before there was this column, as are the next two.</param>
/// <param name="Partition">How its samples were dealt to the clients.</param>
/// <param name="Model">The model.</param>
/// <param name="LocalEpochs">Passes of a client over its samples in a round; null where nothing was trained.</param>
/// <param name="LearningRate">Step size of local SGD; null where nothing was trained.</param>
public sealed record TimingRow(
    string RunId,
    RowKind Kind,
    string Name,
    string Attack,
    string Backend,
    string Device,
    int Threads,
    int Clients,
    int Malicious,
    int Parameters,
    TimingScope Scope,
    TimingPhase Phase,
    int Sample,
    double? WallMs,
    double? GpuMs,
    long? Flops,
    long? CompareExchanges,
    long? BytesRead,
    long? BytesWritten,
    RowStatus Status,
    string Reason,
    string Dataset = "",
    string Partition = "",
    string Model = "",
    int? LocalEpochs = null,
    double? LearningRate = null);
