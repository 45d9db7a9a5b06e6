// Holds a backend's result of an operation against the reference's. Used by the tests, by `flgpu check` and before every timing.
namespace FlGpu.Kernels;

/// <summary>How far a backend is from the reference on one case.</summary>
/// <param name="Error">The largest difference of an output element, relative to the sum of magnitudes behind it.</param>
/// <param name="Repeatable">Whether a second run on the same input gave the same bits.</param>
public readonly record struct Agreement(double Error, bool Repeatable)
{
    /// <summary>Rounding of single precision, summed up over a few thousand terms, stays below this.</summary>
    public const double Tolerance = 1e-5;

    /// <summary>Whether the backend is right.</summary>
    public bool Passed => Error <= Tolerance && Repeatable;
}

/// <summary>Compares operations across backends.</summary>
public static class Conformance
{
    /// <summary>Runs <paramref name="operation"/> on the reference and twice on <paramref name="backend"/>, on the same random inputs.</summary>
    public static Agreement Compare(OperationListing operation, Backend backend, int clients, int parameters, RngKey key)
    {
        using var reference = new ReferenceBackend();
        using Prepared expected = operation.Prepare(reference, clients, parameters, key);
        expected.Run();
        using Prepared actual = operation.Prepare(backend, clients, parameters, key);
        actual.Run();
        float[] first = actual.Result();
        actual.Restore?.Invoke();
        actual.Run();
        return new(Error(expected.Result(), first, expected.Magnitude), actual.Result().AsSpan().SequenceEqual(first));
    }

    /// <summary>The largest difference over <paramref name="magnitude"/>; equal infinities and NaN for NaN are no difference.</summary>
    public static double Error(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual, double magnitude)
    {
        double worst = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            if (expected[i].Equals(actual[i]))
            {
                continue;
            }

            double error = Math.Abs((double)expected[i] - actual[i]) / magnitude;
            worst = double.IsNaN(error) ? double.PositiveInfinity : Math.Max(worst, error);
        }

        return worst;
    }
}
