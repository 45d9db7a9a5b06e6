// A line of accuracy.csv.
namespace FlGpu.Harness.Recording;

/// <summary>One evaluation of a model in training, or one configuration that could not be trained. A text that does not apply is empty.</summary>
/// <param name="RunId">The case of the sweep: the same for all its rows, here and in timings.csv, and on every machine.</param>
/// <param name="Dataset">The data set.</param>
/// <param name="Partition">How the samples were dealt to the clients, with its parameters.</param>
/// <param name="Model">The model.</param>
/// <param name="Parameters">d: parameters of the model.</param>
/// <param name="Clients">n: clients.</param>
/// <param name="Malicious">f: how many of them attack.</param>
/// <param name="Attack">The attack with its parameters.</param>
/// <param name="Defense">The defense with its parameters.</param>
/// <param name="Backend">The backend: reference, simd, cpu, cuda:0, opencl:0.</param>
/// <param name="Seed">Where all random numbers of the training come from.</param>
/// <param name="Round">Rounds trained before the evaluation.</param>
/// <param name="TestAccuracy">Fraction of the test samples that are classified correctly, 0 to 1.</param>
/// <param name="TestLoss">Mean cross-entropy over the test samples, in nats.</param>
/// <param name="AttackSuccess">Fraction of the attacked test samples that get the attacker's label, 0 to 1.</param>
/// <param name="KeptHonest">Honest clients whose updates the defense used in this round.</param>
/// <param name="KeptMalicious">Malicious clients whose updates the defense used in this round.</param>
/// <param name="DetectionPrecision">Fraction of the rejected clients that are malicious, 0 to 1.</param>
/// <param name="DetectionRecall">Fraction of the malicious clients that were rejected, 0 to 1.</param>
/// <param name="DetectionF1">Harmonic mean of precision and recall, 0 to 1.</param>
/// <param name="DetectionFalsePositiveRate">Fraction of the honest clients that were rejected, 0 to 1.</param>
/// <param name="ReckonedF">The number of malicious clients that the defense was told: f of the setting, or the true count of the round.</param>
/// <param name="AggregateCosine">Cosine between the aggregate and the mean of the honest updates, -1 to 1.</param>
/// <param name="AggregateDistance">Euclidean distance between the two.</param>
/// <param name="TrainMs">Milliseconds of local training in this round; an even share of them where the clients of several seeds are trained in one launch.</param>
/// <param name="AttackMs">Milliseconds of the attack in this round.</param>
/// <param name="AggregateMs">Milliseconds of the defense in this round.</param>
/// <param name="EvaluateMs">Milliseconds of this evaluation; an even share of them where several seeds share it.</param>
/// <param name="Status">ok, skipped, timeout or failed.</param>
/// <param name="Reason">Why the status is not ok, or a warning about an ok row.</param>
/// <param name="LocalEpochs">Passes of a client over its samples in a round; null in files from before there was this column.</param>
/// <param name="LearningRate">Step size of local SGD; null likewise.</param>
public sealed record AccuracyRow(
    string RunId,
    string Dataset,
    string Partition,
    string Model,
    int Parameters,
    int Clients,
    int Malicious,
    string Attack,
    string Defense,
    string Backend,
    ulong Seed,
    int? Round,
    double? TestAccuracy,
    double? TestLoss,
    double? AttackSuccess,
    int? KeptHonest,
    int? KeptMalicious,
    double? DetectionPrecision,
    double? DetectionRecall,
    double? DetectionF1,
    double? DetectionFalsePositiveRate,
    int? ReckonedF,
    double? AggregateCosine,
    double? AggregateDistance,
    double? TrainMs,
    double? AttackMs,
    double? AggregateMs,
    double? EvaluateMs,
    RowStatus Status,
    string Reason,
    int? LocalEpochs = null,
    double? LearningRate = null);
