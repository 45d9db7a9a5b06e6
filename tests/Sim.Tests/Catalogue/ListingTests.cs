// Everything that can be chosen is listed, with a line of help and its defaults.
using System.Reflection;
using FlGpu.Kernels;

namespace FlGpu.Sim.Tests;

public class ListingTests
{
    [Fact]
    public void Every_attack_is_listed() => EveryTypeIsListed<IAttack>("gradient_scale", "label_flip", "none", "random_noise", "sign_flip");

    [Fact]
    public void Every_defense_is_listed() =>
        EveryTypeIsListed<IDefense>("krum", "median", "multi_krum", "none", "norm_clip", "trimmed_mean");

    [Fact]
    public void Every_data_source_is_listed() => EveryTypeIsListed<IDataSource>("digits", "idx", "synthetic");

    [Fact]
    public void Every_partition_is_listed() => EveryTypeIsListed<IPartition>("dirichlet", "iid", "shards");

    [Theory]
    [InlineData("krum", "f=;distance=squared;neighbours=n-f-2")]
    [InlineData("median", "even=average")]
    [InlineData("multi_krum", "f=;keep=;distance=squared;neighbours=n-f-2;weighting=uniform;selection=one_shot")]
    [InlineData("none", "weighting=samples")]
    [InlineData("norm_clip", "clip=10")]
    [InlineData("trimmed_mean", "trim=0.2;f=")]
    public void The_defaults_of_defenses_are_shown(string name, string defaults) => Assert.Equal(defaults, DefaultsOf<IDefense>(name));

    [Theory]
    [InlineData("gradient_scale", "scale_factor=10")]
    [InlineData("label_flip", "poison_ratio=1;mode=next;source=0;target=1")]
    [InlineData("none", "")]
    [InlineData("random_noise", "deviation=5")]
    [InlineData("sign_flip", "scale_factor=1;of=own")]
    public void The_defaults_of_attacks_are_shown(string name, string defaults) => Assert.Equal(defaults, DefaultsOf<IAttack>(name));

    [Fact]
    public void Only_the_directory_of_idx_must_be_given()
    {
        string[] required =
        [
            .. RequiredOf<IAttack>(), .. RequiredOf<IDefense>(), .. RequiredOf<IDataSource>(), .. RequiredOf<IPartition>(),
        ];

        Assert.Equal(["idx directory text"], required);
    }

    [Fact]
    public void Every_default_can_be_written_and_means_the_same_as_nothing()
    {
        foreach (Listing<IDefense> listing in Catalogue.All<IDefense>())
        {
            foreach (Parameter parameter in listing.Parameters.Where(parameter => parameter.Default is not null))
            {
                Choice<IDefense> choice = Catalogue.Parse<IDefense>("--defense", $"{listing.Name}:{parameter.Name}={parameter.DefaultText}");
                Assert.Equal(parameter.Default, choice.Given[parameter.Name]);
            }
        }
    }

    private static string DefaultsOf<T>(string name) where T : class =>
        string.Join(';', Catalogue.All<T>().Single(listing => listing.Name == name).Parameters.Select(p => $"{p.Name}={p.DefaultText}"));

    private static IEnumerable<string> RequiredOf<T>() where T : class =>
        Catalogue.All<T>().SelectMany(listing => listing.Parameters.Where(p => p.Required).Select(p => $"{listing.Name} {p.Name} {p.Allowed}"));

    private static void EveryTypeIsListed<T>(params string[] names) where T : class
    {
        Type[] types = [.. typeof(T).Assembly.GetTypes().Where(type => type.IsClass && !type.IsAbstract && type.GetInterfaces().Contains(typeof(T)) && type.Name != "StagedDefense")];
        IReadOnlyList<Listing<T>> all = Catalogue.All<T>();

        Assert.Equal(types.Select(type => type.Name).Order(), all.Select(listing => listing.Constructor.DeclaringType!.Name).Order());
        // Kinds that are added later need no change here.
        Assert.Empty(names.Except(all.Select(listing => listing.Name)));
        Assert.Equal(all.Count, all.Select(listing => listing.Name).Distinct().Count());
        foreach (Listing<T> listing in all)
        {
            Assert.Matches("^[a-z][a-z0-9_]*$", listing.Name);
            Assert.False(string.IsNullOrWhiteSpace(listing.About), $"{listing.Name} has no about line");
            Assert.All(listing.Parameters, parameter => Assert.False(string.IsNullOrWhiteSpace(parameter.About), $"{listing.Name} {parameter.Name}"));

            // What users cannot set is filled in by a run: the setting, and for attacks the defense.
            ParameterInfo[] others = [.. listing.Constructor.GetParameters().Where(p => p.GetCustomAttribute<AboutAttribute>() is null)];
            Assert.All(others, parameter => Assert.Contains(parameter.ParameterType, new[] { typeof(Setting), typeof(Choice<IDefense>) }));
        }
    }
}
