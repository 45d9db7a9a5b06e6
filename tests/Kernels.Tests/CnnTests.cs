// The convolutional network: its definition against textbook loops and finite differences, its vector code and kernels against its definition.
namespace FlGpu.Kernels.Tests;

public sealed class CnnTests
{
    private const int Classes = 10;

    public static TheoryData<int, int, int, int> Shapes => new() { { 28, 3, 4, 5 }, { 8, 10, 20, 50 }, { 18, 2, 3, 4 }, { 4, 1, 2, 1 } };

    [Theory]
    [InlineData(28, 21_840)]
    [InlineData(8, 6_480)]
    public void The_default_network_has_the_parameters_that_its_documentation_says(int side, int parameters)
    {
        var model = new Cnn(side * side, Classes);
        Assert.Equal(parameters, model.Parameters);
        Assert.Equal($"cnn:{side}x{side}-10-20-50-10", model.Name);
        Assert.Equal(model.Name, Cnn.WithAbout(parameters).Name);
    }

    [Theory]
    [InlineData(32)]
    [InlineData(9)]
    [InlineData(785)]
    public void Samples_that_are_no_square_image_are_refused(int inputs) =>
        Assert.Contains($"these samples have {inputs} features", Assert.Throws<InputException>(() => new Cnn(inputs, Classes)).Message, StringComparison.Ordinal);

    [Fact]
    public void Windows_and_pooling_give_what_a_hand_computes()
    {
        var model = new Cnn(16, 2, firstFilters: 1, secondFilters: 1, hidden: 1);
        float[] parameters =
        [
            0, 1, 0, 0, 0, 0, 0, 0, 0, 0, // the pixel above: rows 0, 1-4, 5-8, 9-12, so 2, 4, 10, 12 after pooling
            0, 0, 0, 0, 0, 0, 1, 0, 0, 0, // the pixel below to the left: 0, 10, 0, 0, so 10 after pooling
            2, -3, // 17
            0.5f, -1, 1, 2,
        ];
        float[] image = [.. Enumerable.Range(1, 16)];
        foreach (Backend backend in Opened())
        {
            using (backend)
            {
                Assert.Equal([9.5f, -15f], LogitsOf(backend, model, parameters, image, [0]));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void The_definition_is_the_textbooks_and_its_parameters_lie_as_documented(int side, int first, int second, int hidden)
    {
        var model = new Cnn(side * side, Classes, first, second, hidden);
        double[] parameters = [.. model.Initialise(RngKey.FromSeed(3)).Select(x => (double)x)];
        double[] image = Image(side, 5);
        (int window, int border) = side >= 16 ? (5, 0) : (3, 1);
        int at = 0;
        double[,,] one = Pool(Convolve(Cube(image, 1), first));
        double[,,] two = Pool(Convolve(one, second));
        double[] activations = Dense([.. two.Cast<double>()], hidden, rectify: true);
        double[] expected = Dense(activations, Classes, rectify: false);
        Assert.Equal(parameters.Length, at);
        Assert.Equal(expected, model.Forward(parameters, image), (e, a) => Math.Abs(e - a) < 1e-12);

        double[,,] Convolve(double[,,] images, int filters)
        {
            int size = images.GetLength(1) + (2 * border) - window + 1;
            double[,,] result = new double[filters, size, size];
            foreach (int f in Enumerable.Range(0, filters))
            {
                foreach (int c in Enumerable.Range(0, images.GetLength(0)))
                {
                    for (int i = 0; i < window; i++)
                    {
                        for (int j = 0; j < window; j++, at++)
                        {
                            for (int y = Math.Max(0, border - i); y < size && y + i - border < images.GetLength(1); y++)
                            {
                                for (int x = Math.Max(0, border - j); x < size && x + j - border < images.GetLength(1); x++)
                                {
                                    result[f, y, x] += parameters[at] * images[c, y + i - border, x + j - border];
                                }
                            }
                        }
                    }
                }
            }

            for (int f = 0; f < filters; f++, at++)
            {
                for (int pixel = 0; pixel < size * size; pixel++)
                {
                    result[f, pixel / size, pixel % size] = Math.Max(0, result[f, pixel / size, pixel % size] + parameters[at]);
                }
            }

            return result;
        }

        double[] Dense(double[] inputs, int outputs, bool rectify)
        {
            double[] result = new double[outputs];
            foreach (double input in inputs)
            {
                for (int j = 0; j < outputs; j++, at++)
                {
                    result[j] += input * parameters[at];
                }
            }

            return [.. result.Select(sum => sum + parameters[at++]).Select(sum => rectify ? Math.Max(sum, 0) : sum)];
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_partial_derivative_is_that_of_finite_differences(int side, int first, int second, int hidden)
    {
        // No activation of these samples is so close to a kink that a step crosses it.
        const double Step = 1e-6;
        var model = new Cnn(side * side, Classes, first, second, hidden);
        double[] parameters = [.. model.Initialise(RngKey.FromSeed(7)).Select(x => (double)x)];
        double[] image = Image(side, 11);
        const int Label = 4;
        double[] gradient = new double[parameters.Length];
        double loss = model.AddGradient(parameters, image, Label, gradient);
        Assert.Equal(CrossEntropy.Loss(model.Forward(parameters, image), Label), loss);
        List<string> wrong = [];
        for (int k = 0; k < parameters.Length; k++)
        {
            double difference = (LossAt(k, Step) - LossAt(k, -Step)) / (2 * Step);
            if (!(Math.Abs(difference - gradient[k]) <= (1e-6 * Math.Abs(gradient[k])) + 5e-9))
            {
                wrong.Add($"{k}: {gradient[k]} instead of {difference}");
            }
        }

        Assert.Empty(wrong);
        Assert.True(gradient.Count(partial => partial != 0) > gradient.Length / 4, "hardly any parameter has a gradient");

        double LossAt(int k, double step)
        {
            double kept = parameters[k];
            parameters[k] = kept + step;
            double at = CrossEntropy.Loss(model.Forward(parameters, image), Label);
            parameters[k] = kept;
            return at;
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Training_follows_the_definition_on_vectors_and_kernels_with_the_same_bits_for_any_threads_and_groups(
        int side, int first, int second, int hidden)
    {
        var model = new Cnn(side * side, Classes, first, second, hidden);
        using var reference = new ReferenceBackend();
        (float[] expected, float[] expectedLosses) = Train(reference, model);
        // The steps are large enough that an error in one of them would be seen.
        Assert.True(expected.Max(Math.Abs) > 0.01f);
        (float[] Updates, float[] Losses)? kernels = null;
        (float[] Updates, float[] Losses)? vectors = null;
        foreach (Backend backend in Opened())
        {
            using (backend)
            {
                (float[] Updates, float[] Losses) actual = Train(backend, model);
                Assert.True(Conformance.Error(expected, actual.Updates, 1) < 2e-5, $"{backend.Name}: {Conformance.Error(expected, actual.Updates, 1)}");
                Assert.True(Conformance.Error(expectedLosses, actual.Losses, 1) < 1e-4, $"{backend.Name}: {Conformance.Error(expectedLosses, actual.Losses, 1)}");
                if (backend is SimdBackend)
                {
                    vectors ??= actual;
                }
                else
                {
                    kernels ??= actual;
                }

                (float[] Updates, float[] Losses) same = backend is SimdBackend ? vectors!.Value : kernels!.Value;
                Assert.Equal(same.Updates, actual.Updates);
                Assert.Equal(same.Losses, actual.Losses);
            }
        }
    }

    [Fact]
    public void Several_networks_are_tested_and_trained_in_one_launch_as_each_alone()
    {
        var model = new Cnn(64, Classes, 2, 3, 4);
        float[][] rows = [.. Enumerable.Range(1, 2).Select(seed => model.Initialise(RngKey.FromSeed((ulong)seed)))];
        foreach (Backend backend in Opened().Prepend(new ReferenceBackend()))
        {
            using (backend)
            {
                float[] together = Test(backend, model, [.. rows.SelectMany(row => row)]);
                Assert.Equal([.. Test(backend, model, rows[0]), .. Test(backend, model, rows[1])], together);
                float[] trained = Train(backend, model, rows).Updates;
                Assert.Equal(Train(backend, model, [rows[0], rows[0]]).Updates[..(trained.Length / 2)], trained[..(trained.Length / 2)]);
                Assert.Equal(Train(backend, model, [rows[1], rows[1]]).Updates[(trained.Length / 2)..], trained[(trained.Length / 2)..]);
            }
        }
    }

    [Fact]
    public void A_diverged_network_has_no_number_for_a_loss()
    {
        var model = new Cnn(64, Classes, 2, 3, 4);
        float[] parameters = model.Initialise(RngKey.FromSeed(1));
        parameters[3] = float.NaN;
        foreach (Backend backend in Opened().Prepend(new ReferenceBackend()))
        {
            using (backend)
            {
                Assert.True(float.IsNaN(Test(backend, model, parameters)[1]), backend.Name);
            }
        }
    }

    [Fact]
    public void Initial_parameters_are_uniform_within_one_over_the_root_of_the_inputs_of_an_output()
    {
        var model = new Cnn(28 * 28, Classes);
        float[] parameters = model.Initialise(RngKey.FromSeed(2));
        int at = 0;
        foreach ((int length, int inputs) in ((int, int)[])[(260, 25), (5_020, 250), (16_050, 320), (510, 50)])
        {
            float[] layer = parameters[at..(at += length)];
            double bound = 1 / Math.Sqrt(inputs);
            Assert.InRange(layer.Max(), 0.95 * bound, bound);
            Assert.InRange(layer.Min(), -bound, -0.95 * bound);
            Assert.InRange(layer.Average(), -0.2 * bound, 0.2 * bound);
        }

        Assert.Equal(parameters.Length, at);
    }

    private static IEnumerable<Backend> Opened()
    {
        yield return new SimdBackend(1);
        yield return new SimdBackend(2);
        foreach (int groupSize in (int[])[1, 2, 32, 128])
        {
            yield return Backends.OpenCpu(threads: 1, groupSize);
        }
    }

    /// <summary>Four clients with 5, 11, 8 and 2 samples, three epochs in batches of 5; one or two initial models.</summary>
    private static (float[] Updates, float[] Losses) Train(Backend backend, Cnn model, params float[][] initials)
    {
        const int Epochs = 3;
        const int Batch = 5;
        int[] sizes = [5, 11, 8, 2];
        const int Samples = 14;
        RngKey key = RngKey.FromSeed(21);
        int[] start = [0, .. sizes.Select((_, i) => Epochs * sizes.Take(i + 1).Sum())];
        int[] order = new int[start[^1]];
        RngStream stream = key.Fold(1).Stream();
        foreach (ref int row in order.AsSpan())
        {
            row = stream.NextInt32(Samples);
        }

        float[][] rows = initials.Length > 0 ? initials : [model.Initialise(key.Fold(4))];
        int losses = Epochs * ((sizes.Max() + Batch - 1) / Batch);
        using Matrix features = TestData.Normal(backend, Samples, model.Inputs, key.Fold(2));
        using Buffer<int> labels = TestData.Labels(backend, Samples, Classes, key.Fold(3));
        using Buffer<int> visits = backend.Upload<int>(order);
        using Buffer<int> starts = backend.Upload<int>(start);
        using Matrix initial = backend.Upload(rows.Length, model.Parameters, [.. rows.SelectMany(row => row)]);
        using Matrix updates = backend.AllocateMatrix(sizes.Length, model.Parameters);
        using Matrix stepLosses = backend.Upload(sizes.Length, losses, new float[sizes.Length * losses]);
        backend.Run(new TrainClients(model, new(Epochs, Batch, 0.1f), new(features, labels, visits, starts), initial, initial, updates, stepLosses));
        return (updates.ToArray(), stepLosses.ToArray());
    }

    private static float[] Test(Backend backend, Cnn model, float[] parameters)
    {
        RngKey key = RngKey.FromSeed(31);
        int models = parameters.Length / model.Parameters;
        using Matrix features = TestData.Normal(backend, 9, model.Inputs, key.Fold(0));
        using Buffer<int> labels = TestData.Labels(backend, 9, Classes, key.Fold(1));
        using Matrix rows = backend.Upload(models, model.Parameters, parameters);
        using Matrix result = backend.AllocateMatrix(models, 2);
        backend.Run(new Evaluate(model, features, labels, rows, result));
        return result.ToArray();
    }

    private static float[] LogitsOf(Backend backend, Cnn model, float[] parameters, float[] image, int[] rows)
    {
        using Matrix features = backend.Upload(1, model.Inputs, image);
        using Buffer<int> listed = backend.Upload<int>(rows);
        using Matrix row = backend.Upload(1, model.Parameters, parameters);
        using Matrix outputs = backend.AllocateMatrix(rows.Length, model.Classes);
        backend.Run(new Logits(model, features, listed, row, outputs));
        return outputs.ToArray();
    }

    private static double[] Image(int side, ulong seed)
    {
        using var host = new ReferenceBackend();
        using Matrix image = TestData.Normal(host, 1, side * side, RngKey.FromSeed(seed));
        return image.RowInDouble(0);
    }

    private static double[,,] Cube(double[] image, int channels)
    {
        int side = (int)Math.Sqrt(image.Length / channels);
        double[,,] cube = new double[channels, side, side];
        for (int i = 0; i < image.Length; i++)
        {
            cube[i / (side * side), i / side % side, i % side] = image[i];
        }

        return cube;
    }

    private static double[,,] Pool(double[,,] images)
    {
        double[,,] pooled = new double[images.GetLength(0), images.GetLength(1) / 2, images.GetLength(2) / 2];
        for (int f = 0; f < pooled.GetLength(0); f++)
        {
            for (int y = 0; y < pooled.GetLength(1); y++)
            {
                for (int x = 0; x < pooled.GetLength(2); x++)
                {
                    pooled[f, y, x] = Math.Max(
                        Math.Max(images[f, 2 * y, 2 * x], images[f, 2 * y, (2 * x) + 1]), Math.Max(images[f, (2 * y) + 1, 2 * x], images[f, (2 * y) + 1, (2 * x) + 1]));
                }
            }
        }

        return pooled;
    }
}
