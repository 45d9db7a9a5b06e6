// A line of summary.csv.
namespace FlGpu.Harness.Recording;

/// <summary>The statistics of one configuration: of its times, or of its accuracy. A text that does not apply is empty.</summary>
/// <param name="Kind">operation, defense or round: times; accuracy: the accuracy after the last round.</param>
/// <param name="Name">The operation, or the defense with its parameters.</param>
/// <param name="Attack">The attack with its parameters.</param>
/// <param name="Dataset">The data set.</param>
/// <param name="Partition">How the samples were dealt to the clients.</param>
/// <param name="Backend">The backend: reference, simd, cpu, cuda:0, opencl:0.</param>
/// <param name="Threads">CPU threads; on a GPU its multiprocessors.</param>
/// <param name="Clients">n: clients.</param>
/// <param name="Malicious">f: how many of them attack.</param>
/// <param name="Parameters">d: parameters of the model.</param>
/// <param name="Samples">How many timed calls the statistics are of.</param>
/// <param name="MinMs">The shortest, in milliseconds of wall time.</param>
/// <param name="Q1Ms">The first quartile, in milliseconds.</param>
/// <param name="MedianMs">The median, in milliseconds.</param>
/// <param name="Q3Ms">The third quartile, in milliseconds.</param>
/// <param name="RelativeIqr">(q3 - q1) / median: 0.01 is 1 %.</param>
/// <param name="GflopPerS">10^9 arithmetic operations a second, at the median.</param>
/// <param name="GbPerS">10^9 bytes read or written a second, at the median.</param>
/// <param name="Seeds">How many trainings the accuracy is of.</param>
/// <param name="FinalAccuracyMean">Mean over the seeds of the test accuracy after the last round, 0 to 1.</param>
/// <param name="FinalAccuracyDeviation">Its sample standard deviation (n - 1) over the seeds.</param>
/// <param name="FinalAttackSuccessMean">Mean over the seeds of the attack's success rate after the last round, 0 to 1.</param>
/// <param name="Status">ok, or why there are no numbers: skipped, timeout or failed.</param>
/// <param name="Reason">Why the status is not ok, or a warning.</param>
/// <param name="Model">The model that was trained.</param>
/// <param name="LocalEpochs">Passes of a client over its samples in a round.</param>
/// <param name="LearningRate">Step size of local SGD.</param>
public sealed record SummaryRow(
    RowKind Kind,
    string Name,
    string Attack,
    string Dataset,
    string Partition,
    string Backend,
    int? Threads,
    int? Clients,
    int? Malicious,
    int? Parameters,
    int? Samples,
    double? MinMs,
    double? Q1Ms,
    double? MedianMs,
    double? Q3Ms,
    double? RelativeIqr,
    double? GflopPerS,
    double? GbPerS,
    int? Seeds,
    double? FinalAccuracyMean,
    double? FinalAccuracyDeviation,
    double? FinalAttackSuccessMean,
    RowStatus Status,
    string Reason,
    string Model = "",
    int? LocalEpochs = null,
    double? LearningRate = null);
