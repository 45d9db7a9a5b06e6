// Median and trimmed mean are exact whatever the columns hold, also what an attacker would choose.
namespace FlGpu.Kernels.Tests;

public class AdversarialColumnsTests
{
    // Two panels of two blocks, of which the second overlaps the first.
    private const int Parameters = 200;

    public static TheoryData<int, string> Cases
    {
        get
        {
            TheoryData<int, string> cases = [];
            foreach (int clients in (int[])[7, 33, 100, 141, 221, 300, 400, 1000, 3163])
            {
                foreach (string kind in Kinds.Keys)
                {
                    cases.Add(clients, kind);
                }
            }

            return cases;
        }
    }

    private static Dictionary<string, Func<int, int, int, float, float>> Kinds { get; } = new()
    {
        ["normal"] = (_, _, _, x) => x,
        ["ties"] = (_, _, _, x) => MathF.Round(x * 4) / 4,
        ["constant columns"] = (_, k, _, x) => k % 2 == 0 ? 3 : x,
        ["half at one place"] = (i, k, _, x) => ((i * 7) + k) % 2 == 0 ? 0.25f : x,
        ["half just below many at one place"] = (i, _, n, x) => i * 2 < n ? 1 - MathF.Abs(x) : 1,
        ["40 % of the rows times 1e10"] = (i, _, n, x) => i >= n * 6 / 10 ? x * 1e10f : x,
        ["45 % of the rows at one far place"] = (i, _, n, x) => i >= n * 55 / 100 ? 1e20f : x,
        ["sorted"] = (i, _, _, x) => i + (x * 1e-3f),
        ["reversed"] = (i, _, _, x) => -i + (x * 1e-3f),
        ["Cauchy"] = (_, k, _, x) => MathF.Tan(1.5f * x / (1 + MathF.Abs(x))) * ((k % 7) + 1),
        ["near each other, far from zero"] = (_, _, _, x) => 1e6f + x,
        ["too small for a bracket"] = (_, _, _, x) => x * 1e-39f,
        ["zeros of both signs"] = (i, _, _, x) => i % 3 == 0 ? -0f : i % 3 == 1 ? 0f : x,
        ["30 % NaN of both signs"] = (i, k, n, x) => i % 10 < 3 ? ((i + k) % 2 == 0 ? float.NaN : -float.NaN) : x,
        ["30 % infinite"] = (i, k, n, x) => i % 10 < 3 ? ((i + k) % 2 == 0 ? float.PositiveInfinity : float.NegativeInfinity) : x,
        ["mostly infinite"] = (i, _, n, x) => i % 10 < 7 ? float.PositiveInfinity : x,
        ["mostly NaN"] = (i, _, n, x) => i % 10 < 7 ? float.NaN : x,
        ["the ends of the range"] = (i, _, _, x) => i % 2 == 0 ? float.MaxValue : -float.MaxValue,
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void SimdFindsWhatTheReferenceFinds(int clients, string kind)
    {
        using var reference = new ReferenceBackend();
        using var simd = new SimdBackend(2);
        RngStream stream = RngKey.FromSeed(7).Fold((ulong)clients).Stream();
        float[] values = new float[clients * Parameters];
        for (int e = 0; e < values.Length; e++)
        {
            values[e] = Kinds[kind](e / Parameters, e % Parameters, clients, (float)stream.NextNormal());
        }

        foreach (Func<Matrix, Matrix, Action<Backend>> rule in (Func<Matrix, Matrix, Action<Backend>>[])
        [
            (updates, result) => backend => backend.Run(new CoordinateMedian(updates, result, EvenMedian.Average)),
            (updates, result) => backend => backend.Run(new CoordinateMedian(updates, result, EvenMedian.Upper)),
            (updates, result) => backend => backend.Run(new TrimmedMean(updates, result, clients / 5)),
            (updates, result) => backend => backend.Run(new TrimmedMean(updates, result, clients * 4 / 10)),
        ])
        {
            float[] expected = Result(reference, values, clients, rule);
            float[] actual = Result(simd, values, clients, rule);
            for (int k = 0; k < Parameters; k++)
            {
                double magnitude = Math.Abs((double)expected[k]);
                Assert.True(
                    expected[k].Equals(actual[k]) || expected[k] == actual[k] || Math.Abs((double)expected[k] - actual[k]) <= Math.Max(1e-6 * magnitude, (MagnitudeIn(values, clients, k) * 1e-7) + (2 * float.Epsilon)),
                    $"column {k}: {actual[k]}, the reference has {expected[k]}");
            }
        }
    }

    private static float[] Result(Backend backend, float[] values, int clients, Func<Matrix, Matrix, Action<Backend>> rule)
    {
        using Matrix updates = backend.Upload(clients, Parameters, values);
        using Matrix result = backend.AllocateMatrix(1, Parameters);
        rule(updates, result)(backend);
        return result.ToArray();
    }

    // Rounding of a sum scales with the terms that may be kept: those of middling size.
    private static double MagnitudeIn(float[] values, int clients, int column)
    {
        double[] magnitudes = [.. Enumerable.Range(0, clients).Select(i => Math.Abs((double)values[(i * Parameters) + column])).Order()];
        double middle = magnitudes[clients / 2];
        return double.IsFinite(middle) ? middle : 0;
    }
}
