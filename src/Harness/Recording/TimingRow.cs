// A line of timings.csv.
namespace FlGpu.Harness.Recording;

/// <summary>One timed call, or one configuration that could not be timed. A text that does not apply is empty.</summary>
/// <param name="RunId">The run of the program that wrote the row.</param>
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
/// <param name="Phase">first: with compilation and loading; sample: after the warm-up.</param>
/// <param name="Sample">Number of the call within its phase, from 0.</param>
/// <param name="WallMs">Milliseconds of wall time, launch and synchronisation included.</param>
/// <param name="GpuMs">Milliseconds between two markers on the device.</param>
/// <param name="Flops">Arithmetic operations of one call.</param>
/// <param name="CompareExchanges">How many of them are comparisons that sort or select.</param>
/// <param name="BytesRead">Bytes that one call must read at least once.</param>
/// <param name="BytesWritten">Bytes that one call must write.</param>
/// <param name="Status">ok, skipped, timeout or failed.</param>
/// <param name="Reason">Why the status is not ok, or a warning about an ok row.</param>
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
    string Reason);
