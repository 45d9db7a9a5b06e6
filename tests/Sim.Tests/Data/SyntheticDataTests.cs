// The synthetic data: the tutorial's statistics, and randomness by key and client number only.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class SyntheticDataTests
{
    private static readonly RngKey s_key = RngKey.FromSeed(42);

    [Fact]
    public void Sizes_are_the_tutorials()
    {
        Dataset data = new SyntheticData().Load(200, s_key);

        Assert.Equal((32, 10), (data.Train.Inputs, data.Train.Classes));
        Assert.Equal((32, 10, 500), (data.Test.Inputs, data.Test.Classes, data.Test.Count));
        Assert.Equal(200, data.ClientSizes!.Length);
        Assert.Equal(data.Train.Count, data.ClientSizes.Sum());
        Assert.Equal(data.Train.Count * 32, data.Train.Features.Length);
        Assert.Equal(500 * 32, data.Test.Features.Length);
        Assert.Equal((80, 119), (data.ClientSizes.Min(), data.ClientSizes.Max()));
        Assert.InRange(data.ClientSizes.Average(), 97, 102);
        Assert.Empty(data.Files);
    }

    [Theory]
    [InlineData(32, 10)]
    [InlineData(3, 7)] // more classes than inputs: label 5 raises coordinate 2
    public void The_labels_coordinate_is_higher_by_two(int inputs, int classes)
    {
        Dataset data = new SyntheticData(inputs, classes, test: 20000).Load(200, s_key);
        foreach (Samples samples in new[] { data.Train, data.Test })
        {
            for (int c = 0; c < classes; c++)
            {
                int[] rows = [.. Enumerable.Range(0, samples.Count).Where(row => samples.Labels[row] == c)];
                Assert.InRange(rows.Length / (double)samples.Count, 0.9 / classes, 1.1 / classes);
                for (int i = 0; i < inputs; i++)
                {
                    double[] values = [.. rows.Select(row => (double)samples.Features[(row * inputs) + i])];
                    double mean = values.Average();
                    Assert.Equal(i == c % inputs ? 2 : 0, mean, 0.12);
                    Assert.Equal(1, values.Average(value => (value - mean) * (value - mean)), 0.18);
                }
            }
        }
    }

    [Fact]
    public void The_same_key_gives_the_same_data_and_another_key_others()
    {
        Dataset first = new SyntheticData().Load(5, s_key);
        Dataset again = new SyntheticData().Load(5, s_key);
        Dataset other = new SyntheticData().Load(5, RngKey.FromSeed(43));

        Assert.Equal(first.Train.Features, again.Train.Features);
        Assert.Equal(first.Train.Labels, again.Train.Labels);
        Assert.Equal(first.Test.Features, again.Test.Features);
        Assert.Equal(first.Test.Labels, again.Test.Labels);
        Assert.NotEqual(first.ClientSizes, other.ClientSizes);
        Assert.NotEqual(first.Train.Features[0], other.Train.Features[0]);
        Assert.NotEqual(first.Test.Features[0], other.Test.Features[0]);
    }

    [Fact]
    public void A_clients_data_do_not_depend_on_the_number_of_clients()
    {
        Dataset few = new SyntheticData().Load(3, s_key);
        Dataset many = new SyntheticData().Load(10, s_key);

        Assert.Equal(few.ClientSizes, many.ClientSizes![..3]);
        Assert.Equal(few.Train.Labels, many.Train.Labels[..few.Train.Count]);
        Assert.Equal(few.Train.Features, many.Train.Features[..few.Train.Features.Length]);
        Assert.Equal(few.Test.Features, many.Test.Features);
        Assert.Equal(few.Test.Labels, many.Test.Labels);
    }

    [Fact]
    public void Clients_and_test_set_have_different_samples()
    {
        Dataset data = new SyntheticData().Load(10, s_key);
        float[] values = [.. data.Train.Features, .. data.Test.Features];

        // Independent floats of 24 random bits hardly ever coincide; a stream used twice would repeat thousands.
        Assert.InRange(values.Distinct().Count(), values.Length * 0.99, values.Length);
    }

    [Theory]
    [InlineData(0, 10, 500, "inputs=0 must be from 1")]
    [InlineData(20_000_000, 10, 500, "inputs=20000000 must be from 1")]
    [InlineData(32, 1, 500, "classes=1 must be 2 or more")]
    [InlineData(32, 10, 0, "test=0 must be from 1")]
    [InlineData(32, 10, int.MaxValue, "test=2147483647 must be from 1")]
    public void A_parameter_out_of_range_is_an_error(int inputs, int classes, int test, string message)
    {
        var error = Assert.Throws<InputException>(() => new SyntheticData(inputs, classes, test));
        Assert.Contains(message, error.Message);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(int.MaxValue)]
    public void Too_few_or_too_many_clients_are_an_error(int clients)
    {
        var error = Assert.Throws<InputException>(() => new SyntheticData().Load(clients, s_key));
        Assert.Contains($"--clients {clients} must be from 1 to", error.Message);
    }
}
