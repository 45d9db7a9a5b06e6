// Holds a backend's trajectory against the reference's: what rounding explains, and what it does not.
using System.Globalization;

namespace FlGpu.Harness.Checking;

/// <summary>
/// A round of a backend beside the same round of the reference. Test accuracies are counts of samples, so that one sample whose two largest
/// logits are as good as equal changes the fourth digit: such a sample tips over. That is no error. A round fails when
/// <list type="bullet">
/// <item>the parameters are further apart than <see cref="AllowedDistance"/> of the way that the reference's model has come since it started, or</item>
/// <item>a sample tipped over that is no near tie: the reference's margin is above <see cref="NearTie"/>, or</item>
/// <item>the accuracies differ by more samples than tipped over.</item>
/// </list>
/// </summary>
/// <param name="Round">Counted from 1.</param>
/// <param name="TestAccuracy">The backend's.</param>
/// <param name="ReferenceAccuracy">The reference's.</param>
/// <param name="Tipped">Test samples that get another class than from the reference.</param>
/// <param name="LargestMargin">The reference's largest margin of those; 0 when there is none.</param>
/// <param name="Distance">Between the parameters, over the way that the reference's have come.</param>
/// <param name="Failure">Why rounding does not explain it; null when it does.</param>
internal sealed record RoundComparison(
    int Round, double TestAccuracy, double ReferenceAccuracy, int Tipped, double LargestMargin, double Distance, string? Failure)
{
    /// <summary>
    /// Rounding alone leaves up to 5E-5. Where it tips a hidden unit of one sample over its zero, that sample's step jumps, and the model by up to
    /// 7E-4 (210 runs of 30 rounds on simd, seeds 1 to 4). A learning rate that is one per cent wrong gives 1E-2, another client kept 1E-1.
    /// </summary>
    public const double AllowedDistance = 5e-3;

    /// <summary>In proportion, logits move about as far as parameters.</summary>
    public const double NearTie = AllowedDistance;

    // The kernel that tests a model may add in another order than the one that gives its logits: so near a tie they may disagree.
    private const double SameModelTie = 1e-5;
    private const int Digits = 4;

    /// <summary>Whether the accuracies are the same to four digits.</summary>
    public bool SameAccuracy => Math.Round(TestAccuracy, Digits) == Math.Round(ReferenceAccuracy, Digits);

    /// <summary>Compares every round.</summary>
    public static IReadOnlyList<RoundComparison> Of(Trajectory trajectory, Trajectory reference) =>
    [
        .. trajectory.Rounds.Zip(reference.Rounds, (ours, theirs) => (ours, theirs)).Select((pair, index) => Compare(index + 1, pair.ours, pair.theirs, reference.Start)),
    ];

    private static RoundComparison Compare(int round, TracedRound ours, TracedRound reference, float[] start)
    {
        int samples = reference.Classes.Length;
        double distance = DistanceOf(ours.Parameters, reference.Parameters, start);
        int[] tipped = [.. Enumerable.Range(0, samples).Where(s => ours.Classes[s] != reference.Classes[s])];
        double largestMargin = tipped.Length == 0 ? 0 : tipped.Max(s => double.IsNaN(reference.Margins[s]) ? double.PositiveInfinity : reference.Margins[s]);
        int undecided = Enumerable.Range(0, samples).Count(s => ours.Classes[s] == reference.Classes[s] && ours.Margins[s] <= SameModelTie);
        double apart = Math.Round(Math.Abs(ours.TestAccuracy - reference.TestAccuracy) * samples);
        string? failure =
            !(distance <= AllowedDistance) ? Text($"the parameters are {distance:0.0E+0} of the way apart, allowed is {AllowedDistance:0E+0}")
            : largestMargin > NearTie ? Text($"a sample that tipped over was no near tie: its margin is {largestMargin:0.0E+0}, allowed is {NearTie:0E+0}")
            : !(apart <= tipped.Length + undecided) ? Text($"the accuracies differ by {apart} samples, of which {tipped.Length} tipped over")
            : null;
        return new(round, ours.TestAccuracy, reference.TestAccuracy, tipped.Length, largestMargin, distance, failure);
    }

    /// <summary>Values that are no finite number on both sides, as an attack may leave them, are equal; on one side only they are infinitely far apart.</summary>
    private static double DistanceOf(float[] ours, float[] reference, float[] start)
    {
        double apart = 0;
        double way = 0;
        for (int k = 0; k < reference.Length; k++)
        {
            if (float.IsFinite(ours[k]) != float.IsFinite(reference[k]))
            {
                return double.PositiveInfinity;
            }

            if (float.IsFinite(reference[k]))
            {
                apart += Math.Pow((double)ours[k] - reference[k], 2);
                way += Math.Pow((double)reference[k] - start[k], 2);
            }
        }

        return apart == 0 ? 0 : Math.Sqrt(apart / way);
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
