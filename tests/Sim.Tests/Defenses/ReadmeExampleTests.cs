// The README's example of a defense of one's own compiles, does what it says, and is the code that the README shows.
using System.Runtime.CompilerServices;
using FlGpu.Kernels;
using FlGpu.Sim;

namespace FlGpu.Sim.Tests.Defenses;

public class ReadmeExampleTests
{
    [Fact]
    public void The_example_keeps_what_is_short_enough()
    {
        using var backend = new ReferenceBackend();
        using Matrix updates = backend.Upload(4, 1, [1, 2, -3, 100]);
        using Matrix aggregate = backend.AllocateMatrix(1, 1);
        using var defense = new NormFilter(new Setting(backend, 4, 1, 1));
        float[] weights = [.. defense.Aggregate(new Round(1, updates, aggregate, [1, 1, 1, 1], 1, RngKey.FromSeed(1)), aggregate)];
        Assert.Equal([1f / 3, 1f / 3, 1f / 3, 0], weights);
        Assert.Equal(0f, aggregate.ToArray()[0], 1e-6f);
    }

    [Fact]
    public void The_readme_shows_this_code()
    {
        string here = Path.GetDirectoryName(ThisFile())!;
        string example = File.ReadAllText(Path.Combine(here, "NormFilter.cs")).Trim();
        string readme = File.ReadAllText(Path.Combine(here, "..", "..", "..", "README.md"));
        Assert.Contains(example, readme, StringComparison.Ordinal);
    }

    private static string ThisFile([CallerFilePath] string path = "") => path;
}
