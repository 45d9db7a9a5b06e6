// What defenses refuse, and the last values that they still take.
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class DefenseLimitTests
{
    [Theory]
    [InlineData(5, "trimmed_mean:trim=0.5", "trim is 0.5; allowed is 0 to below 0.5")]
    [InlineData(5, "trimmed_mean:trim=-0.1", "trim is -0.1; allowed is 0 to below 0.5")]
    [InlineData(5, "trimmed_mean:trim=NaN", "trim is NaN; allowed is 0 to below 0.5")]
    [InlineData(5, "trimmed_mean:f=3", "f is 3; allowed is 0 to 2 for 5 clients a round")]
    [InlineData(6, "trimmed_mean:f=3", "f is 3; allowed is 0 to 2 for 6 clients a round")]
    [InlineData(6, "trimmed_mean:f=-1", "f is -1; allowed is 0 to 2 for 6 clients a round")]
    [InlineData(5, "krum:f=3", "f is 3 with n = 5 clients a round; allowed is 0 to n - 3 = 2, so that n - f - 2 is at least 1")]
    [InlineData(5, "krum:f=-1", "f is -1 with n = 5 clients a round; allowed is 0 to n - 3 = 2, so that n - f - 2 is at least 1")]
    [InlineData(5, "krum:f=4,neighbours=n-f-1", "f is 4 with n = 5 clients a round; allowed is 0 to n - 2 = 3, so that n - f - 1 is at least 1")]
    [InlineData(2, "krum:f=0", "f is 0 with n = 2 clients a round; allowed is no f with fewer than 3 clients a round, so that n - f - 2 is at least 1")]
    [InlineData(1, "krum:f=0,neighbours=n-f-1", "f is 0 with n = 1 clients a round; allowed is no f with fewer than 2 clients a round, so that n - f - 1 is at least 1")]
    [InlineData(5, "multi_krum:f=3", "f is 3 with n = 5 clients a round; allowed is 0 to n - 3 = 2, so that n - f - 2 is at least 1")]
    [InlineData(5, "multi_krum:f=1,keep=0", "keep is 0; allowed is 1 to n = 5")]
    [InlineData(5, "multi_krum:f=1,keep=-1", "keep is -1; allowed is 1 to n = 5")]
    [InlineData(5, "multi_krum:f=1,keep=6", "keep is 6; allowed is 1 to n = 5")]
    [InlineData(5, "norm_clip:clip=0", "clip is 0; allowed is any number above 0")]
    [InlineData(5, "norm_clip:clip=-1", "clip is -1; allowed is any number above 0")]
    [InlineData(5, "norm_clip:clip=NaN", "clip is NaN; allowed is any number above 0")]
    [InlineData(5, "norm_clip:clip=Infinity", "clip is Infinity; allowed is any number above 0")]
    public void Parameters_out_of_range_are_refused(int clients, string defense, string message)
    {
        using var backend = new ReferenceBackend();
        Choice<IDefense> choice = Catalogue.Parse<IDefense>("--defense", defense);

        var error = Assert.Throws<InputException>(() => choice.Create(new Setting(backend, clients, 0, 2)));

        Assert.Equal($"--defense {defense}: {message}", error.Message);
    }

    [Fact]
    public void Krum_refuses_a_setting_with_too_many_malicious_clients()
    {
        using var backend = new ReferenceBackend();

        var error = Assert.Throws<InputException>(() => Catalogue.Parse<IDefense>("--defense", "krum").Create(new Setting(backend, 5, 3, 2)));

        Assert.StartsWith("--defense krum: f is 3 with n = 5 clients a round; allowed is 0 to n - 3 = 2", error.Message);
    }

    [Theory]
    [InlineData("trimmed_mean:trim=0.49", 2)] // int(0.49 * 5) = 2 on either side leave the median
    [InlineData("trimmed_mean:f=2", 2)]
    [InlineData("trimmed_mean:trim=0", 22)]
    [InlineData("krum:f=2", 0)]
    [InlineData("krum:f=3,neighbours=n-f-1", 0)]
    [InlineData("krum:f=0", 2)]
    [InlineData("multi_krum:f=1,keep=5", 22)]
    [InlineData("multi_krum:f=1,keep=1", 1)]
    [InlineData("norm_clip:clip=5", 2.6)]
    public void The_last_values_allowed_work(string defense, double aggregate)
    {
        using var backend = new ReferenceBackend();
        float[][] rows = [[0], [1], [2], [7], [100]];

        // Scores of f = 0, three neighbours: 54, 38, 30, 110, 28446; of one: 1, 1, 1, 25, 8649; of two: 5, 2, 5, 61, 17485.
        Assert.Equal(aggregate, Aggregation.Of(backend, defense, rows).Aggregate[0], 1e-5);
    }
}
