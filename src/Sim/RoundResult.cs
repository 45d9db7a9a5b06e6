// What one round gave and cost.
using FlGpu.Kernels;

namespace FlGpu.Sim;

/// <summary>How long a phase of a round took, and what work was done in it.</summary>
/// <param name="WallMs">Milliseconds of wall time.</param>
/// <param name="Work">The work of its operations.</param>
/// <param name="GpuMs">Milliseconds between two markers on the device; null where there is no device but the CPU.</param>
public readonly record struct Phase(double WallMs, Work Work, double? GpuMs)
{
    /// <summary>The phase of one thing after another.</summary>
    public static Phase operator +(Phase a, Phase b) => new(a.WallMs + b.WallMs, a.Work + b.Work, a.GpuMs + b.GpuMs);
}

/// <summary>Whom a rule that weighs whole updates kept (weight above 0) and rejected.</summary>
public readonly record struct Selection(int KeptHonest, int KeptMalicious, int RejectedHonest, int RejectedMalicious)
{
    /// <summary>Share of the rejected that are malicious; null when none was rejected.</summary>
    public double? Precision => RejectedHonest + RejectedMalicious == 0 ? null : (double)RejectedMalicious / (RejectedHonest + RejectedMalicious);

    /// <summary>Share of the malicious that were rejected; null when there was none.</summary>
    public double? Recall => KeptMalicious + RejectedMalicious == 0 ? null : (double)RejectedMalicious / (KeptMalicious + RejectedMalicious);

    /// <summary>Harmonic mean of precision and recall; null where one of them is.</summary>
    public double? F1 => Precision + Recall is > 0 ? 2 * Precision * Recall / (Precision + Recall) : Precision is null || Recall is null ? null : 0;

    /// <summary>Share of the honest that were rejected.</summary>
    public double? FalsePositiveRate => KeptHonest + RejectedHonest == 0 ? null : (double)RejectedHonest / (KeptHonest + RejectedHonest);

    /// <summary>Reads the weights of a round whose last <paramref name="malicious"/> clients are malicious; null when there are none.</summary>
    public static Selection? Of(ReadOnlySpan<float> weights, int malicious)
    {
        if (weights.IsEmpty)
        {
            return null;
        }

        int honest = weights.Length - malicious;
        int keptHonest = Kept(weights[..honest]);
        int keptMalicious = Kept(weights[honest..]);
        return new(keptHonest, keptMalicious, honest - keptHonest, malicious - keptMalicious);
    }

    private static int Kept(ReadOnlySpan<float> weights)
    {
        int kept = 0;
        foreach (float weight in weights)
        {
            kept += weight > 0 ? 1 : 0;
        }

        return kept;
    }
}

/// <summary>How the aggregate stands to the mean of the honest updates.</summary>
/// <param name="Cosine">Of the angle between them; NaN where one of them is zero or not finite.</param>
/// <param name="Distance">Euclidean, between them.</param>
public readonly record struct Deviation(double Cosine, double Distance);

/// <summary>One evaluated round.</summary>
/// <param name="Round">Counted from 1.</param>
/// <param name="TestAccuracy">Share of test samples classified right.</param>
/// <param name="TestLoss">Mean cross-entropy on the test samples.</param>
/// <param name="AttackSuccess">Share of the samples at which the attack aims that get the class it aims at; null without an aim.</param>
/// <param name="Selection">Whom the defense kept; null when it does not weigh whole updates.</param>
/// <param name="ReckonedF">The number of malicious clients that the defense was told.</param>
/// <param name="Deviation">How the aggregate stands to the mean of the honest updates; null in a round without honest clients.</param>
/// <param name="Train">Local training of all sampled clients.</param>
/// <param name="Attack">What the malicious clients did to their labels and updates.</param>
/// <param name="Aggregate">The defense and the server's step.</param>
/// <param name="Evaluate">Testing the new model.</param>
public sealed record RoundResult(
    int Round, double TestAccuracy, double TestLoss, double? AttackSuccess, Selection? Selection, int ReckonedF, Deviation? Deviation, Phase Train, Phase Attack, Phase Aggregate, Phase Evaluate)
{
    /// <summary>The whole round.</summary>
    public Phase Whole => Train + Attack + Aggregate + Evaluate;
}
