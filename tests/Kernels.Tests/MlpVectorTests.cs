// The multilayer perceptron's vector code against the definition: widths, classes and batches around those of vectors and tiles.
namespace FlGpu.Kernels.Tests;

public sealed class MlpVectorTests
{
    private static readonly int[] s_sizes = [5, 37, 70, 1];

    // No hidden layer, one, more; whole vectors and not; classes that fill tiles of six, four, two and one rows, and more than a vector of them.
    public static TheoryData<int[], int> Cases => new()
    {
        { [5, 6, 4], 5 },
        { [8, 3], 16 },
        { [17, 2], 7 },
        { [16, 10], 17 },
        { [32, 64, 10], 32 },
        { [33, 65, 13], 33 },
        { [6, 9, 8, 5, 3], 1 },
        { [12, 37, 2], 64 },
        { [20, 48, 80, 7], 20 },
        { [9, 112, 40], 48 },
        { [784, 16, 16], 32 },
        { [3, 130, 17], 100 },
        { [2, 1, 1], 3 },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Training_follows_the_definition_with_the_same_bits_for_any_threads(int[] widths, int batch)
    {
        var model = new Mlp(widths);
        using var reference = new ReferenceBackend();
        (float[] expected, float[] expectedLosses) = Train(reference, model, batch, spoilt: false);
        using var one = new SimdBackend(1);
        using var two = new SimdBackend(2);
        (float[] updates, float[] losses) = Train(one, model, batch, spoilt: false);
        Assert.InRange(Conformance.Error(expected, updates, 1), 0, 1e-5);
        Assert.InRange(Conformance.Error(expectedLosses, losses, 1), 0, 2e-5);
        (float[] sameUpdates, float[] sameLosses) = Train(two, model, batch, spoilt: false);
        Assert.Equal(updates, sameUpdates);
        Assert.Equal(losses, sameLosses);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_client_that_has_diverged_does_not_touch_the_next(int[] widths, int batch)
    {
        var model = new Mlp(widths);
        using var simd = new SimdBackend(1);
        float[] healthy = Train(simd, model, batch, spoilt: false).Updates;
        float[] actual = Train(simd, model, batch, spoilt: true).Updates;
        int half = healthy.Length / 2;
        Assert.All(actual[..half], x => Assert.True(float.IsNaN(x)));
        Assert.Equal(healthy[half..], actual[half..]);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Testing_and_logits_agree_with_the_definition(int[] widths, int batch)
    {
        var model = new Mlp(widths);
        using var reference = new ReferenceBackend();
        using var simd = new SimdBackend(2);
        (float[] expected, float[] expectedLogits) = Test(reference, model, 9 * batch);
        (float[] result, float[] logits) = Test(simd, model, 9 * batch);
        Assert.Equal([expected[0], expected[2]], [result[0], result[2]]);
        Assert.InRange(Conformance.Error(expected, result, 1), 0, 1e-5);
        Assert.InRange(Conformance.Error(expectedLogits, logits, 1), 0, 1e-5);
    }

    [Fact]
    public void NaN_is_the_largest_logit_and_the_first_of_equal_ones_counts()
    {
        // One feature, always 1: the weights are the logits.
        var model = new Mlp(1, 4);
        float[][] logits = [[1, 3, 3, 2], [5, float.NaN, 9, float.NaN], [-1, -2, -3, -4], [float.NegativeInfinity, -7, float.PositiveInfinity, 2]];
        int[] predicted = [1, 1, 0, 2];
        using var simd = new SimdBackend(1);
        using Matrix features = simd.Upload(4, 1, [1, 1, 1, 1]);
        using Buffer<int> labels = simd.Upload<int>([0, 1, 2, 3]);
        for (int i = 0; i < logits.Length; i++)
        {
            using Matrix parameters = simd.Upload(1, model.Parameters, [.. logits[i], 0, 0, 0, 0]);
            using Matrix result = simd.AllocateMatrix(1, 2);
            for (int label = 0; label < 4; label++)
            {
                using Buffer<int> only = simd.Upload<int>([label]);
                simd.Run(new Evaluate(model, features.SliceRows(0, 1), only, parameters, result));
                Assert.Equal(label == predicted[i] ? 1 : 0, result[0, 0]);
            }

            simd.Run(new Evaluate(model, features, labels, parameters, result));
            Assert.Equal(1, result[0, 0]);
        }
    }

    /// <summary>Clients of different sizes, two epochs, from two models; the first is all NaN where <paramref name="spoilt"/>.</summary>
    private static (float[] Updates, float[] Losses) Train(Backend backend, Mlp model, int batch, bool spoilt)
    {
        const int Epochs = 2;
        const int Samples = 50;
        RngKey key = RngKey.FromSeed(5);
        int[] start = [0, .. s_sizes.Select((_, i) => Epochs * s_sizes.Take(i + 1).Sum())];
        int steps = Epochs * ((s_sizes.Max() + batch - 1) / batch);
        using Matrix features = TestData.Normal(backend, Samples, model.Inputs, key.Fold(2));
        using Buffer<int> labels = TestData.Labels(backend, Samples, model.Classes, key.Fold(3));
        using Buffer<int> visits = TestData.Labels(backend, start[^1], Samples, key.Fold(1));
        using Buffer<int> starts = backend.Upload<int>(start);
        float[] first = spoilt ? [.. Enumerable.Repeat(float.NaN, model.Parameters)] : model.Initialise(key.Fold(4));
        using Matrix initial = backend.Upload(2, model.Parameters, [.. first, .. model.Initialise(key.Fold(5))]);
        using Matrix origin = TestData.Normal(backend, 2, model.Parameters, key.Fold(6), scale: 0.1f);
        using Matrix updates = backend.AllocateMatrix(s_sizes.Length, model.Parameters);
        using Matrix losses = backend.Upload(s_sizes.Length, steps, new float[s_sizes.Length * steps]);
        backend.Run(new TrainClients(model, new(Epochs, batch, 0.05f), new(features, labels, visits, starts), initial, origin, updates, losses));
        return (updates.ToArray(), losses.ToArray());
    }

    /// <summary>Two models on the same samples, and the first one's logits for some of them.</summary>
    private static (float[] Result, float[] Logits) Test(Backend backend, Mlp model, int samples)
    {
        RngKey key = RngKey.FromSeed(31);
        using Matrix features = TestData.Normal(backend, samples, model.Inputs, key.Fold(0));
        using Buffer<int> labels = TestData.Labels(backend, samples, model.Classes, key.Fold(1));
        using Matrix rows = backend.Upload(2, model.Parameters, [.. model.Initialise(key.Fold(2)), .. model.Initialise(key.Fold(3))]);
        using Matrix result = backend.AllocateMatrix(2, 2);
        backend.Run(new Evaluate(model, features, labels, rows, result));
        using Buffer<int> listed = TestData.Labels(backend, 37, samples, key.Fold(4));
        using Matrix outputs = backend.AllocateMatrix(37, model.Classes);
        backend.Run(new Logits(model, features, listed, rows.SliceRows(0, 1), outputs));
        return (result.ToArray(), outputs.ToArray());
    }
}
