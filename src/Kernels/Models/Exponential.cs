// The exponential of sixteen floats that are not above zero: what softmax needs.
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlGpu.Kernels;

/// <summary>e to the power of x for x up to 0, to about one unit in the last place.</summary>
internal static class Exponential
{
    private const float LowestArgument = -87.3f; // below, the result is less than the smallest normal float and counts as zero
    private const float Log2OfE = 1.44269504f;
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;
    private const int ExponentBias = 127;
    private const int MantissaBits = 23;

    /// <summary>Cody and Waite's reduction to half of ln 2 around zero, then the polynomial of the Cephes library (Moshier). NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> OfNonPositive(Vector512<float> x)
    {
        Vector512<float> powers = Vector512.Round(x * Log2OfE);
        Vector512<float> rest = Vector512.MultiplyAddEstimate(powers, Vector512.Create(-Ln2High), x);
        rest = Vector512.MultiplyAddEstimate(powers, Vector512.Create(-Ln2Low), rest);
        var series = Vector512.Create(1.9875691500e-4f);
        series = Vector512.MultiplyAddEstimate(series, rest, Vector512.Create(1.3981999507e-3f));
        series = Vector512.MultiplyAddEstimate(series, rest, Vector512.Create(8.3334519073e-3f));
        series = Vector512.MultiplyAddEstimate(series, rest, Vector512.Create(4.1665795894e-2f));
        series = Vector512.MultiplyAddEstimate(series, rest, Vector512.Create(1.6666665459e-1f));
        series = Vector512.MultiplyAddEstimate(series, rest, Vector512.Create(5.0000001201e-1f));
        series = Vector512.MultiplyAddEstimate(series, rest * rest, rest) + Vector512<float>.One;
        Vector512<int> scale = (Vector512.ConvertToInt32Native(powers) + Vector512.Create(ExponentBias)) << MantissaBits;
        return Vector512.ConditionalSelect(Vector512.LessThan(x, Vector512.Create(LowestArgument)), Vector512<float>.Zero, series * scale.AsSingle());
    }
}
